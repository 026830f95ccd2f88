"""What a study will train and what that costs, told before it starts."""

import shutil
from collections.abc import Sequence
from pathlib import Path

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from lottery.errors import LotteryError
from lottery.store.files import Record, spelt
from lottery.studies.coverage import coverage
from lottery.studies.layout import Layout, choose
from lottery.studies.plan import Level
from lottery.studies.setting import Setting


def forecast(setting: Setting, levels: Sequence[Level], record: Record | None = None) -> RenderableType:
    """A table of the levels, and totals: networks, steps, floating-point operations, disk.

    Args:
        setting: of the study.
        levels: that will be trained.
        record: entries that `run.json` will have: the layout, where it isn't chosen anew.
    """
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
    networks = sum(len(level.members) for level in levels)
    if record:
        layout, why = Layout(**record["layout"]), record["layout_because"]
    else:
        layout, why = choose(setting, max(len(group) for level in levels for group in level.groups()))
    kept, passing = disk(setting, levels)
    steps = sum(level.steps for level in levels)
    return Group(
        Text(
            f"{config.name}: {config.model.name} ({weights:,} prunable weights, {dense:,} FLOPs an image) on "
            f"{config.data.name}, on {setting.device}",
            style="bold",
        ),
        Text(f"{layout}: {why}"),
        Text(coverage(setting)),
        table,
        Text(
            f"{networks} networks, {steps:,} steps of training in all, {per_step * steps:.2e} FLOPs; "
            f"disk {spelt(kept)}, while training up to {spelt(passing)} more"
        ),
    )


def disk(setting: Setting, levels: Sequence[Level]) -> tuple[int, int]:
    """Bytes on disk that training these levels takes: what is kept, and checkpoints that pass."""
    state = sum(tensor.numel() * tensor.element_size() for tensor in setting.template.state_dict().values())
    masks = sum(shape.numel() for shape in setting.shapes.values())
    networks = sum(len(level.members) for level in levels)
    lines = 300 * sum(3 * (level.steps // setting.every + len(level.members)) for level in levels)
    early = (2 if setting.rewind_step else 1) * setting.config.replicates * state
    # Weights, gradients' slots (at most two) in two generations, of the largest level at once.
    passing = 2 * 3 * state * max((len(level.members) for level in levels), default=0)
    return networks * (state + masks) + early + lines, passing


def check_disk(folder: Path, setting: Setting, levels: Sequence[Level]) -> None:
    """Raise LotteryError where the disk that `folder` is on lacks room for what training these levels writes."""
    needed, free = sum(disk(setting, levels)), shutil.disk_usage(folder).free
    if needed > free:
        raise LotteryError(
            f"{folder}: the study needs {spelt(needed)} of disk and {spelt(free)} are free; make room, or name another "
            "place with --runs-dir"
        )
