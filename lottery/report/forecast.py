"""A forecast is drawn here, as `--dry-run` prints it."""

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from lottery import words
from lottery.studies.forecast import Forecast, coverage


def forecast_table(forecast: Forecast) -> RenderableType:
    """Return a table of the levels, under a heading and above the totals."""
    setting, config = forecast.setting, forecast.setting.config
    table = Table(header_style="bold")
    for heading in ("level", "weights %", "members", "arms", "steps each", "training FLOPs"):
        table.add_column(heading, justify="left" if heading == "arms" else "right")
    for level in forecast.levels:
        table.add_row(
            str(level.number),
            f"{100 * level.density:.1f}",
            str(len(level.members)),
            ", ".join(dict.fromkeys(member.key.arm for member in level.members)),
            " or ".join(dict.fromkeys(f"{member.recipe.steps:,}" for member in level.members)),
            f"{forecast.training_flops(level):.2e}",
        )
    heading = (
        f"{config.name}: {config.model.name} ({forecast.weights:,} prunable weights, {forecast.flops:,} FLOPs an "
        f"image) on {config.data.name}, on {setting.device}"
    )
    networks = sum(len(level.members) for level in forecast.levels)
    steps = sum(level.steps for level in forecast.levels)
    flops = sum(map(forecast.training_flops, forecast.levels))
    totals = (
        f"{networks} networks, {steps:,} steps of training in all, {flops:.2e} FLOPs; "
        f"disk {words.of_bytes(forecast.kept)}, while training up to {words.of_bytes(forecast.passing)} more"
    )
    return Group(Text(heading, style="bold"), Text(forecast.layout), Text(coverage(setting)), table, Text(totals))
