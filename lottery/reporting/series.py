"""Which networks of a study make one line of a figure, and one column of a table; their curves while they learn."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from lottery import arms
from lottery.networks.key import Key
from lottery.reporting.quantities import Quantity
from lottery.statistics import Estimate, Reading, estimate
from lottery.store.reader import Reader
from lottery.store.records import Summary
from lottery.tasks import Metric

Line = TypeVar("Line", bound=Summary)


@dataclass(frozen=True)
class Series:
    """A series is what a study is about, from dense to its sparsest networks, or one of its controls."""

    name: str
    arms: tuple[str, ...]
    place: int
    """Of its colour."""

    def of(self, lines: Iterable[Line]) -> list[Line]:
        """Return the lines of its networks."""
        return [line for line in lines if line["arm"] in self.arms]


def shown(lines: Iterable[Line]) -> list[Line]:
    """Return the lines that tables, figures and verdicts are of.

    Not those of networks that were trained on the way to a step alone, nor of other orders of batches: they are no
    further replicates.
    """
    return [line for line in lines if line["arm"] != arms.EARLY and not line["order"]]


def further_orders(lines: Iterable[Summary]) -> str:
    """Return which networks aren't shown, being further trainings in other orders of batches; nothing without any."""
    count = sum(line["order"] > 0 for line in lines)
    if not count:
        return ""
    trained = "1 network" if count == 1 else f"{count:,} networks"
    return f"{trained} more, of further orders of batches: --csv lists them, analyses compare them"


def series_of(lines: Iterable[Summary]) -> list[Series]:
    """Return the series that some networks make: the main one, named after its sparse networks, then controls."""
    there = arms.in_order(line["arm"] for line in lines)
    main = [arm for arm in there if arms.is_main(arm)]
    named = [arm for arm in main if arm != "dense"] or main
    found = [Series(" or ".join(named), arms.MAIN, 0)] if main else []
    return found + [Series(arm, (arm,), arms.order(arm)) for arm in there if not arms.is_main(arm)]


def has_dense(lines: Iterable[Summary]) -> bool:
    """Return whether a dense network was trained to its end."""
    return any(line["arm"] == "dense" for line in lines)


def whole(lines: Iterable[Line], level: int, arm: str | None = None) -> list[Line]:
    """Return the lines of a level's networks of an arm, None being its main one; those that diverged are left out."""
    return [
        line
        for line in lines
        if line["level"] == level
        and line["diverged"] is None
        and (arms.is_main(line["arm"]) if arm is None else line["arm"] == arm)
    ]


def by_level(lines: Sequence[Summary], quantity: Quantity) -> dict[int, Estimate]:
    """Return the estimate of a quantity at each level, over the networks that have it, and did not diverge."""
    values: dict[int, list[float]] = {}
    for line in lines:
        if (value := quantity.of(line)) is not None:
            values.setdefault(line["level"], []).append(value)
    return {level: estimate(own) for level, own in sorted(values.items())}


def readings(lines: Iterable[Summary], metric: Metric, *, early_stop: bool = False) -> dict[int, Reading]:
    """Return each replicate's reading of a metric on the test data, at the end or at the early-stop step."""
    found = {}
    for line in lines:
        early = line["early_stop"]
        measured = (early and early["test"]) if early_stop else line["test"]
        measure = measured["metrics"].get(metric.name) if measured else None
        if measure and (reading := Reading.of(measure)) is not None:
            found[line["replicate"]] = reading
    return found


Curve = dict[int, list[float]]
"""Step -> a metric on the test data, of each replicate, by ascending step."""


def curves(group: Sequence[Reader], metric: Metric) -> dict[tuple[int, str], Curve]:
    """Return level and arm -> a metric at each step, of the trained replicates of repetitions of one study.

    As in the tables, networks that diverged are left out: had they part in a mean, it would jump where they end.

    Raises:
        LotteryError: evaluations of a trained network have been lost.
    """
    found: dict[tuple[int, str], Curve] = {}
    for run in group:
        whole = {Key.of(line) for line in shown(run.levels()) if line["diverged"] is None}
        for line in run.whole_metrics():
            measure = line["metrics"].get(metric.name) if line["split"] == "test" else None
            if measure is not None and measure["value"] is not None and Key.of(line) in whole:
                curve = found.setdefault((line["level"], line["arm"]), {})
                curve.setdefault(line["step"], []).append(measure["value"])
    return {key: dict(sorted(curve.items())) for key, curve in sorted(found.items())}
