"""Several studies side by side, by density: how good their networks are, against which dense network, at what cost."""

from collections.abc import Sequence
from dataclasses import dataclass

from lottery.arms import is_main
from lottery.report.comparison import dense_beside, labels, pooled
from lottery.report.costs import Costed, mean_of
from lottery.report.decisions import Answer
from lottery.report.quantities import at_end, metrics_of, unit_of_differences, with_unit
from lottery.report.questions import matches
from lottery.report.series import by_level, readings, shown, whole
from lottery.report.statistics import Estimate, Reading, difference
from lottery.store.reader import Reader
from lottery.tasks import Metric

Seeded = dict[tuple[int, int], Reading]
"""Seed and replicate -> reading: networks of one seed and replicate share split and batches, whatever their study."""


@dataclass(frozen=True)
class Standing:
    """A standing is what one study's networks of one density came to, controls left out.

    Attributes:
        label: of the study.
        density: kept share of the weights; of a small dense network, its size over that of the whole model.
        metric: that they are compared by.
        value: of the metric, on the test data at the end; None where all diverged.
        gain: how much better it is than the dense network's, paired by seed and replicate; None where they share none.
        matching: whether it is as good as the dense network's, but for the tolerance.
        flops: of one forward pass on one image.
        train_flops: of its training.
        total_train_flops: with the training of those it was pruned from; None where it isn't known.
    """

    label: str
    density: float
    metric: Metric
    value: Estimate | None
    gain: Estimate | None
    matching: Answer
    flops: float
    train_flops: float | None
    total_train_flops: float | None


def standings(groups: Sequence[Sequence[Reader]]) -> list[Standing]:
    """Return the standings of all studies at all densities, the densest first.

    Args:
        groups: of repetitions of one study each, as `repetitions` gives them.
    """
    found = []
    for name, group, peer in zip(labels(groups), groups, dense_beside(groups), strict=True):
        lines = [line for line in pooled(group) if is_main(line["arm"])]
        for level in sorted({line["level"] for line in lines}):
            own = [line for line in lines if line["level"] == level]
            found.append(_standing(name, group, own, None if peer is None else groups[peer]))
    return sorted(found, key=lambda one: -round(one.density, 3))  # stable: studies in the order they were named


def _standing(name: str, group: Sequence[Reader], own: Sequence[Costed], beside: Sequence[Reader] | None) -> Standing:
    """Return the standing of some networks of a group, beside the runs that have their dense network."""
    metric, level, small = metrics_of(group[0])[0], own[0]["level"], group[0].config.model.small_dense
    apart = beside if level or small else None
    gain = None
    if apart is not None:
        sides = _seeded(group, level, metric), _seeded(apart, 0, metric)
        gain = difference(*sides, higher_is_better=metric.higher_is_better)
    return Standing(
        label=name,
        density=own[0]["density"] * (small or 1.0),
        metric=metric,
        value=by_level(own, at_end(metric)).get(level),
        gain=gain,
        matching=matches(metric, gain),
        flops=sum(line["flops"] for line in own) / len(own),
        train_flops=mean_of(own, "train_flops"),
        total_train_flops=mean_of(own, "total_train_flops"),
    )


def _seeded(group: Sequence[Reader], level: int, metric: Metric) -> Seeded:
    return {
        (run.config.seed, replicate): reading
        for run in group
        for replicate, reading in readings(whole(shown(run.levels()), level), metric).items()
    }


def headings(found: Sequence[Standing]) -> tuple[str, str]:
    """Return the headings of the columns of values and of gains."""
    metrics = list(dict.fromkeys(one.metric for one in found))
    if len(metrics) != 1:
        return "test metric", "better than dense"
    (metric,) = metrics
    against = "minus dense" if metric.higher_is_better else "less than dense"
    unit = unit_of_differences(metric)
    return f"test {with_unit(metric)}", f"{against}, {unit}" if unit else against
