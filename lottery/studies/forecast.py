"""What a study will train and what that costs, told before it starts."""

from collections.abc import Sequence

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from lottery.studies.layout import choose
from lottery.studies.plan import Level
from lottery.studies.setting import Setting


def forecast(setting: Setting, levels: Sequence[Level]) -> RenderableType:
    """A table of the levels, and totals: networks, steps, floating-point operations, disk."""
    config = setting.config
    dense = sum(setting.flops.values())
    # Backward costs twice forward; masks are simulated, so the dense product is what is computed.
    per_step = 3 * dense * config.train.batch_size
    table = Table(header_style="bold")
    for heading in ("level", "weights %", "members", "arms", "steps each", "training FLOPs"):
        table.add_column(heading, justify="left" if heading == "arms" else "right")
    for level in levels:
        arms = ", ".join(dict.fromkeys(member.arm for member in level.members))
        spans = " or ".join(dict.fromkeys(f"{member.stop - member.start:,}" for member in level.members))
        flops = per_step * level.steps
        table.add_row(
            str(level.number), f"{100 * level.density:.1f}", str(len(level.members)), arms, spans, f"{flops:.2e}"
        )
    weights = sum(shape.numel() for shape in setting.shapes.values())
    state = sum(tensor.numel() * tensor.element_size() for tensor in setting.template.state_dict().values())
    networks = sum(len(level.members) for level in levels)
    largest = max(len(level.members) for level in levels)
    layout, why = choose(setting, max(len(group) for level in levels for group in level.groups()))
    disk = networks * (state + weights) + 2 * config.replicates * state
    steps = sum(level.steps for level in levels)
    return Group(
        Text(
            f"{config.name}: {config.model.name} ({weights:,} prunable weights, {dense:,} FLOPs an image) on "
            f"{config.data.name}, on {setting.device}",
            style="bold",
        ),
        Text(f"{layout}: {why}"),
        table,
        Text(
            f"{networks} networks, {steps:,} steps of training in all, {per_step * steps:.2e} FLOPs; "
            f"disk {_bytes(disk)}, while training up to {_bytes(3 * largest * state)} more"
        ),
    )


def _bytes(count: float) -> str:
    units = ["B", "KiB", "MiB", "GiB", "TiB"]
    while count >= 1024 and len(units) > 1:
        count /= 1024
        units.pop(0)
    return f"{count:.1f} {units[0]}"
