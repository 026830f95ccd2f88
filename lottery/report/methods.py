"""Studies of several methods side by side, by density: how accurate, against which dense network, at what cost."""

from collections.abc import Sequence
from dataclasses import dataclass

from lottery.report.comparison import dense_beside, labels, pooled
from lottery.report.costs import with_costs
from lottery.report.rows import mean_of
from lottery.report.statistics import Estimate, accuracies, accuracy_difference, by_level_and_arm
from lottery.report.verdicts import MATCHING_TOLERANCE, Answer, at_least
from lottery.store.files import Record
from lottery.store.run import Run


@dataclass(frozen=True)
class Point:
    """The networks of one method at one density, controls left out.

    Attributes:
        label: of the method.
        density: kept share of the weights; of a small dense network, its size over that of the whole model.
        accuracy: on the test data at the end; None where all diverged.
        difference: of accuracy to the dense network, paired by seed and replicate; None where they share none.
        matching: whether it is at most 0.2 points below the dense network.
        flops: of one forward pass on one image.
        train_flops: of its training; None where they aren't known.
        total_train_flops: with the training of those it was pruned from.
    """

    label: str
    density: float
    accuracy: Estimate | None
    difference: Estimate | None
    matching: Answer
    flops: float
    train_flops: float | None
    total_train_flops: float | None


def points(groups: Sequence[Sequence[Run]]) -> list[Point]:
    """All methods at all densities, the densest first.

    Args:
        groups: of repetitions of one study each, as `repetitions` gives them.
    """
    found = []
    names = labels(groups)
    seeded = [_by_seed(group) for group in groups]
    for name, group, lines, peer in zip(names, groups, seeded, dense_beside(groups), strict=True):
        means = by_level_and_arm(pooled(group), "test_accuracy")
        dense = {} if peer is None else accuracies(seeded[peer], 0, "main")
        small = group[0].config.model.small_dense
        for level in sorted({line["level"] for line in lines}):
            own = [line for line in lines if (line["level"], line["arm"]) == (level, "main")]
            apart = level or small
            difference = accuracy_difference(accuracies(own, level, "main"), dense) if apart else None
            if own:
                found.append(
                    Point(
                        label=name,
                        density=own[0]["density"] * (small or 1.0),
                        accuracy=means.get((level, "main")),
                        difference=difference,
                        matching=at_least(difference, -MATCHING_TOLERANCE),
                        flops=sum(line["flops"] for line in own) / len(own),
                        train_flops=mean_of(own, "train_flops"),
                        total_train_flops=mean_of(own, "total_train_flops"),
                    )
                )
    return sorted(found, key=lambda point: -round(point.density, 3))  # stable: methods in the order they were named


def _by_seed(group: Sequence[Run]) -> list[Record]:
    """Lines of all runs; networks of one seed and replicate share split and batches, and are paired across studies."""
    return [line | {"replicate": (run.config.seed, line["replicate"])} for run in group for line in with_costs(run)]
