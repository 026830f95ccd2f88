"""A report's numbers as rows, one for each run, level and arm.

The field names are stable; metrics are as they are computed (an accuracy is a fraction), seconds are measured, FLOPs
are counts: sparsity is simulated by masks, and no network has been timed at them. Their conventions stand in `costs`.
"""

from collections.abc import Sequence

from lottery.report.costs import with_costs
from lottery.report.entries import Entry, entries
from lottery.report.quantities import Quantity, metrics_of, quantities
from lottery.store.reader import Reader

Row = dict[str, str | int | float | None]


def rows(run: Reader) -> list[Row]:
    """Return a run's rows, by level and arm."""
    name: Row = {"run": run.record["id"]}
    measured = quantities(metrics_of(run))
    return [name | _row(entry, measured) for entry in entries(with_costs(run))]


def _row(entry: Entry, measured: Sequence[Quantity]) -> Row:
    """Return counts and measured quantities: of these mean, standard deviation, half width of the interval, number."""
    found: Row = {name: value for name, value in vars(entry).items() if name != "lines"}
    for quantity in measured:
        value = entry.estimate(quantity)
        found |= {
            f"{quantity.name}_mean": value.mean if value else None,
            f"{quantity.name}_std": value.deviation if value else None,
            f"{quantity.name}_half_width": value.half_width if value else None,
            f"{quantity.name}_replicates": len(value.values) if value else 0,
        }
    return found
