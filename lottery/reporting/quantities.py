"""What a report asks of a run: its kind of study, its metrics, and all quantities that are shown, in words."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from lottery.statistics import Estimate
from lottery.store.reader import Reader
from lottery.store.records import Measured, Summary
from lottery.studies.kinds import KINDS
from lottery.studies.study import Study
from lottery.tasks import Metric, Task


@dataclass(frozen=True)
class Quantity:
    """A number that a report shows of each network.

    Attributes:
        name: what begins the names of its fields in rows.
        label: in headings, with its unit.
        scale: what a value is multiplied by to be read in that unit.
        digits: behind the decimal point.
        read: returns a network's value, or None where it has none.
        limits: least and most that it can be, as it is written; None where there is no such thing.
    """

    name: str
    label: str
    scale: float
    digits: int
    read: Callable[[Summary], float | None] = field(compare=False, repr=False)
    limits: tuple[float | None, float | None] = (None, None)

    def bounds(self, value: Estimate) -> tuple[float, float]:
        """Return what is drawn of an estimate's interval: no further than a value can be; without one, the mean twice.

        A t-interval of two replicates may end far beyond 100 %, and what is beside it would shrink to a line.
        """
        mean, half_width = self.scale * value.mean, self.scale * (value.half_width or 0)
        least, most = self.limits
        low = mean - half_width if least is None else max(mean - half_width, min(least, mean))
        return low, mean + half_width if most is None else min(mean + half_width, max(most, mean))

    def of(self, line: Summary) -> float | None:
        """Return a network's value; None where it has none, or diverged."""
        return self.read(line) if line["diverged"] is None else None

    def written(self, value: Estimate | None, sign: str = "") -> str:
        """Return an estimate in words, `97.41 ± 0.12`; nothing where there is none. Differences have a `+` as sign."""
        if value is None:
            return ""
        sure = "" if value.half_width is None else f" ± {self.scale * value.half_width:,.{self.digits}f}"
        return f"{self.scale * value.mean:{sign},.{self.digits}f}{sure}"


EARLY_STOP_STEP = Quantity(
    "early_stop_step",
    "early-stop step",
    1.0,
    0,
    lambda line: line["early_stop"] and line["early_stop"]["step"],
    limits=(0, None),
)
SECONDS = Quantity("train_seconds", "seconds measured", 1.0, 1, lambda line: line["train_seconds"])


def at_end(metric: Metric) -> Quantity:
    """Return a metric on the test data at the end of training."""
    return _tested(metric, "", "at the end", lambda line: line["test"])


def at_early_stop(metric: Metric) -> Quantity:
    """Return a metric on the test data at the early-stop step."""
    when = "at the early-stop step"
    return _tested(metric, "early_stop_", when, lambda line: line["early_stop"] and line["early_stop"]["test"])


def _tested(metric: Metric, prefix: str, when: str, measured: Callable[[Summary], Measured | None]) -> Quantity:
    def read(line: Summary) -> float | None:
        found = measured(line)
        measure = found["metrics"].get(metric.name) if found else None
        return measure["value"] if measure else None

    label = f"test {with_unit(metric, when)}"
    return Quantity(f"{prefix}test_{metric.name}", label, metric.scale, metric.digits, read, limits(metric))


def limits(metric: Metric) -> tuple[float | None, float | None]:
    """Return least and most that a metric can be, as it is written: a share lies between 0 and 100 %."""
    return (0, 100) if metric.unit == "%" else (None, None)


def kind(run: Reader) -> type[Study]:
    """Return the kind of study that a run is."""
    return KINDS[run.record["study"]]


def metrics_of(run: Reader) -> tuple[Metric, ...]:
    """Return the metrics of a run's task, the first being the one that verdicts judge by."""
    recorded = run.record.get("metrics")
    if recorded is not None:
        return tuple(Metric(**metric) for metric in recorded)
    task: Task = run.config.task.entry(**run.config.task.options)
    return task.metrics


def drawn(metric: Metric, lines: Sequence[Summary]) -> list[Quantity]:
    """Return what is drawn against density: a metric, and the step of early stopping where some network has one."""
    has_step = any(EARLY_STOP_STEP.read(line) is not None for line in lines)
    return [at_end(metric), *([EARLY_STOP_STEP] if has_step else [])]


def spoken(metric: Metric) -> str:
    """Return a metric's name in words."""
    return metric.name.replace("_", " ")


def with_unit(metric: Metric, when: str = "") -> str:
    """Return a metric's name, when it is meant, and its unit: `accuracy at the end, %`."""
    return f"{spoken(metric)}{when and f' {when}'}{metric.unit and f', {metric.unit}'}"


def unit_of_differences(metric: Metric) -> str:
    """Return the unit of a metric's differences: points, for one in percent."""
    return "points" if metric.unit == "%" else metric.unit


def in_points(metric: Metric, difference: Estimate | None, *, unit: bool = True) -> str:
    """Return a difference of a metric in words: `+0.20 ± 0.26 points`; its unit is left out where that is said."""
    if difference is None:
        return "unknown"
    behind = unit_of_differences(metric) if unit else ""
    return f"{at_end(metric).written(difference, '+')} {behind}".rstrip()


def gain(metric: Metric, difference: Estimate | None) -> str:
    """Return by how much a metric is better, in words: `accuracy +0.20 ± 0.26 points`."""
    better = "" if metric.higher_is_better else " better by"
    return f"{spoken(metric)}{better} {in_points(metric, difference)}"
