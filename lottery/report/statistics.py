"""Means over replicates, differences paired by replicate, and how sure they are."""

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, Literal, NamedTuple

from lottery.store.files import Record
from lottery.studies.plan import ARMS

_MOST_REPLICATES = 10_000
_NORMAL = 1.959963984540054
"""Of 95 %: the normal distribution's quantile at 0.975."""


class Accuracy(NamedTuple):
    """A network's right answers, and the images that it was asked about."""

    correct: int
    images: int

    @property
    def share(self) -> Fraction:
        """Exact: two accuracies may differ by the very threshold of a verdict."""
        return Fraction(self.correct, self.images)


@dataclass(frozen=True)
class Estimate:
    """A mean over replicates.

    Attributes:
        mean: of the values.
        deviation: standard deviation of the values, with n - 1 in the denominator; None for a single value.
        half_width: of the 95 % confidence interval around the mean; None for a single value, which has none.
        values: each replicate's.
        least_deviation: that a value has at least, because it is a share of answers that were counted.
        least_half_width: that the interval has at least, because values are read off a grid.
    """

    mean: float
    deviation: float | None
    half_width: float | None
    values: tuple[float, ...]
    least_deviation: float = 0.0
    least_half_width: float = 0.0

    @property
    def low(self) -> float | None:
        """Lower end of the interval."""
        return None if self.half_width is None else self.mean - self.half_width

    @property
    def high(self) -> float | None:
        """Upper end of the interval."""
        return None if self.half_width is None else self.mean + self.half_width


def estimate(values: Sequence[float]) -> Estimate:
    """Mean and Student's t interval at 95 %, of independent values from one normal distribution.

    Raises:
        ValueError: there are no values.
    """
    if not values:
        raise ValueError("no values")
    return _estimate(values, math.fsum(values) / len(values))


def _estimate(
    values: Sequence[float], mean: float, least_deviation: float = 0.0, least_half_width: float = 0.0
) -> Estimate:
    if len(values) == 1:
        return Estimate(mean, None, None, tuple(values), least_deviation, least_half_width)
    deviation = math.sqrt(math.fsum((value - mean) ** 2 for value in values) / (len(values) - 1))
    half_width = _half_width(len(values), deviation, least_deviation, least_half_width)
    return Estimate(mean, deviation, half_width, tuple(values), least_deviation, least_half_width)


def _half_width(count: int, deviation: float, least_deviation: float, least_half_width: float) -> float:
    from scipy.special import stdtrit  # a quarter of a second to import, for nothing where there is one replicate

    error = max(float(stdtrit(count - 1, 0.975)) * deviation, _NORMAL * least_deviation) / math.sqrt(count)
    return max(error, least_half_width)


def arms_of(levels: Sequence[Record]) -> list[str]:
    """The arms that were trained, in the usual order."""
    there = {record["arm"] for record in levels}
    return [arm for arm in ARMS if arm in there] + sorted(there - set(ARMS))


def by_level_and_arm(levels: Iterable[Record], key: str) -> dict[tuple[int, str], Estimate]:
    """(level, arm) -> estimate of `key` over the replicates that have it; those that diverged are left out."""
    groups: defaultdict[tuple[int, str], list[float]] = defaultdict(list)
    for record in levels:
        if record[key] is not None and record.get("diverged") is None:
            groups[record["level"], record["arm"]].append(record[key])
    return {group: estimate(values) for group, values in groups.items()}


def by_replicate(levels: Iterable[Record], level: int, arm: str, key: str) -> dict[Any, Any]:
    """Replicate -> value of `key` at a level and arm; those that diverged, or have none, are left out."""
    return {
        record["replicate"]: record[key]
        for record in levels
        if (record["level"], record["arm"]) == (level, arm)
        and record[key] is not None
        and record.get("diverged") is None
    }


def accuracies(
    levels: Sequence[Record], level: int, arm: str, at: Literal["test", "early_stop_test"] = "test"
) -> dict[Any, Accuracy]:
    """Replicate -> accuracy on the test data, at the end of training or at the early-stop step, as counts."""
    images = by_replicate(levels, level, arm, "test_images")
    correct = by_replicate(levels, level, arm, f"{at}_correct")
    return {replicate: Accuracy(number, images[replicate]) for replicate, number in correct.items()}


def paired(
    left: Mapping[Any, float | Fraction],
    right: Mapping[Any, float | Fraction],
    least_deviation: float = 0.0,
    least_half_width: float = 0.0,
) -> Estimate | None:
    """`left` minus `right`, replicate by replicate; None where they share no replicate.

    A replicate's networks share split and batches, and a ticket its initialization with the dense network: paired, what
    is common to them cancels, and the interval is narrower than that of the difference of two means. The mean is exact
    but for its last rounding: it is a threshold's number where it is the threshold.

    Args:
        left: replicate -> value.
        right: replicate -> value.
        least_deviation: of a difference, whatever that of those found: few values may agree by chance.
        least_half_width: of the interval, however many differences there are.
    """
    exact = [Fraction(left[replicate]) - Fraction(right[replicate]) for replicate in left if replicate in right]
    if not exact:
        return None
    values = [float(value) for value in exact]
    return _estimate(values, float(sum(exact) / len(exact)), least_deviation, least_half_width)


def accuracy_difference(left: Mapping[Any, Accuracy], right: Mapping[Any, Accuracy]) -> Estimate | None:
    """`left` minus `right`, replicate by replicate, with the least uncertainty that counting answers leaves.

    n pairs of networks answer M = n * images questions. On one of them a pair differs by -1, 0 or 1, which has a
    variance of at most the share d / M on which they differ; the mean of M such answers one of at most d / M^2. Which
    images they differ on isn't kept, so d is the most there can be: all errors of both, or all right answers of both,
    if these are fewer. One more answer that differs either way (Bonett & Price 2012) keeps it above zero at d = 0.
    """
    both = [(left[replicate], right[replicate]) for replicate in left if replicate in right]
    if not both:
        return None
    answers, differing = 0, 0.0
    for one, other in both:
        images, correct = min(one.images, other.images), one.correct / one.images + other.correct / other.images
        answers += images
        differing += images * min(correct, 2 - correct)
    error = math.sqrt(differing + 2) / (answers + 2)
    shares = [{replicate: value.share for replicate, value in side.items()} for side in (left, right)]
    return paired(shares[0], shares[1], error * math.sqrt(len(both)))


def step_difference(left: Mapping[Any, int], right: Mapping[Any, int], every: int) -> Estimate | None:
    """`left` minus `right`, replicate by replicate, of steps that are read off a grid of `every` steps.

    Each is known to half of `every` either way, and a difference to `every`, however many replicates there are.
    """
    return paired(left, right, least_half_width=every)


def replicates_needed(difference: Estimate, threshold: float = 0.0) -> int | None:
    """Replicates with which the interval would leave `threshold` out, if mean and deviation stayed as they are.

    Returns:
        at least 2; None for a single value, or where 10,000 would not do.
    """
    if difference.deviation is None:
        return None
    spread = (difference.deviation, difference.least_deviation, difference.least_half_width)
    distance = abs(difference.mean - threshold)
    low, high = 1, _MOST_REPLICATES
    if _half_width(high, *spread) >= distance:
        return None
    while high - low > 1:  # the half width falls with the number
        middle = (low + high) // 2
        low, high = (middle, high) if _half_width(middle, *spread) >= distance else (low, middle)
    return high
