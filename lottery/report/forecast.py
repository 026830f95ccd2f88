"""A forecast is drawn here, as `--dry-run` prints it."""

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from lottery import words
from lottery.studies.forecast import Forecast


def forecast_table(forecast: Forecast) -> RenderableType:
    """Return a table of the levels, under a heading and above the totals."""
    table = Table(header_style="bold")
    for heading in ("level", "weights %", "members", "arms", "steps each", "training FLOPs"):
        table.add_column(heading, justify="left" if heading == "arms" else "right")
    for row in forecast.rows:
        spans = " or ".join(f"{steps:,}" for steps in row.spans)
        table.add_row(
            str(row.level), f"{100 * row.density:.1f}", str(row.members), ", ".join(row.arms), spans, f"{row.flops:.2e}"
        )
    heading = (
        f"{forecast.name}: {forecast.model} ({forecast.weights:,} prunable weights, {forecast.flops:,} FLOPs an image) "
        f"on {forecast.data}, on {forecast.device}"
    )
    networks, steps, flops = (
        sum(getattr(row, part) for row in forecast.rows) for part in ("members", "steps", "flops")
    )
    totals = (
        f"{networks} networks, {steps:,} steps of training in all, {flops:.2e} FLOPs; "
        f"disk {words.of_bytes(forecast.kept)}, while training up to {words.of_bytes(forecast.passing)} more"
    )
    return Group(Text(heading, style="bold"), Text(forecast.layout), Text(forecast.coverage), table, Text(totals))
