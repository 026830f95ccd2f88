"""Means over replicates, differences paired by replicate, how sure they are, and what holds as far as these tell."""

import math
import operator
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Literal, NamedTuple, TypeVar, get_args

from lottery.store.records import Measure

_MOST_REPLICATES = 10_000
_NORMAL = 1.959963984540054
"""Of 95 %: the normal distribution's quantile at 0.975."""

Answer = Literal["yes", "no", "undecided", "unknown"]
"""Undecided: more replicates are needed. Unknown: something was not trained."""
ANSWERS: tuple[Answer, ...] = get_args(Answer)

INTERVALS = (
    "differences are paired by replicate; their 95 % interval is Student's over replicates, never narrower than what "
    "counting right answers, or reading steps off evaluations, leaves uncertain"
)
"""What the ± of a difference is."""

Name = TypeVar("Name", bound=Hashable)
"""What networks are paired by: a replicate, or a seed and a replicate."""


class Reading(NamedTuple):
    """A reading is a network's value of a metric, exact: two may differ by the very threshold of a verdict.

    Attributes:
        value: of the metric.
        answers: that were counted for it, of a metric that is the share of right ones.
    """

    value: Fraction
    answers: int | None = None

    @classmethod
    def of(cls, measure: Measure) -> "Reading | None":
        """Return the reading that a record says; None where it is no finite number."""
        if measure["right"] is not None and measure["of"] is not None:
            return cls(Fraction(measure["right"], measure["of"]), measure["of"])
        return None if measure["value"] is None else cls(Fraction(measure["value"]))


@dataclass(frozen=True)
class Estimate:
    """An estimate is a mean over replicates, and how sure it is.

    Attributes:
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


def estimate(values: Sequence[float], least_deviation: float = 0.0) -> Estimate:
    """Return the mean and Student's t interval at 95 %, of independent values from one normal distribution.

    Args:
        values: one of each replicate.
        least_deviation: of a value, whatever that of those found: few values may agree by chance.

    Raises:
        ValueError: there are no values.
    """
    if not values:
        raise ValueError("no values")
    return _estimate(values, math.fsum(values) / len(values), least_deviation)


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


def jackknifed(pairs: Mapping[tuple[Name, Name], float]) -> list[float]:
    """Return one value for each replicate, of values that are each of two replicates: an `estimate` of them is theirs.

    Pairs that share a replicate depend on each other, so an interval over pairs would be too narrow. These are the
    jackknife's values (Arvesen 1969): n times the mean of all pairs, less n - 1 times that of the pairs without the
    replicate. Their mean is that of the pairs, and they are as independent as replicates. Of fewer than three
    replicates there is the mean alone.
    """
    if not pairs:
        return []
    replicates = list(dict.fromkeys(name for pair in pairs for name in pair))
    mean, count = math.fsum(pairs.values()) / len(pairs), len(replicates)
    without = [[value for pair, value in pairs.items() if name not in pair] for name in replicates]
    if not all(without):
        return [mean]
    return [count * mean - (count - 1) * math.fsum(rest) / len(rest) for rest in without]


def paired(
    left: Mapping[Name, float | Fraction],
    right: Mapping[Name, float | Fraction],
    least_deviation: float = 0.0,
    least_half_width: float = 0.0,
) -> Estimate | None:
    """Return `left` minus `right`, replicate by replicate; None where they share no replicate.

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


def difference(
    left: Mapping[Name, Reading], right: Mapping[Name, Reading], *, higher_is_better: bool = True
) -> Estimate | None:
    """Return by how much `left` is better than `right`, replicate by replicate; None where they share no replicate.

    Of counted answers, with the least uncertainty that counting leaves.
    """
    sides = (left, right) if higher_is_better else (right, left)
    values = [{name: one.value for name, one in side.items()} for side in sides]
    return paired(values[0], values[1], least_deviation([(left[name], right[name]) for name in left if name in right]))


def least_deviation(pairs: Sequence[tuple[Reading, Reading]]) -> float:
    """Return the standard deviation that counting answers leaves a difference of two readings; 0 of uncounted ones.

    n pairs of networks answer M = n * answers questions. On one of them a pair differs by -1, 0 or 1, which has a
    variance of at most the share d / M on which they differ; the mean of M such answers one of at most d / M^2. Which
    questions they differ on isn't kept, so d is the most there can be: all errors of both, or all right answers of
    both, if these are fewer. One more answer that differs either way (Bonett & Price 2012) keeps it above zero at
    d = 0.
    """
    answers, differing = 0, 0.0
    for one, other in pairs:
        if one.answers is None or other.answers is None:
            return 0.0
        shared, right = min(one.answers, other.answers), float(one.value) + float(other.value)
        answers += shared
        differing += shared * min(right, 2 - right)
    return math.sqrt(differing + 2) / (answers + 2) * math.sqrt(len(pairs))


def step_difference(left: Mapping[Name, float], right: Mapping[Name, float], every: int) -> Estimate | None:
    """Return `left` minus `right`, replicate by replicate, of steps that are read off a grid of `every` steps.

    Each is known to half of `every` either way, and a difference to `every`, however many replicates there are.
    """
    return paired(left, right, least_half_width=every)


def replicates_needed(difference: Estimate, threshold: float = 0.0) -> int | None:
    """Return with how many replicates the interval would leave `threshold` out, mean and deviation being what they are.

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


def at_least(
    difference: Estimate | None, threshold: float = 0.0, *, beyond: Callable[[float, float], bool] = operator.ge
) -> Answer:
    """Return whether a difference is `threshold` or more, as far as its 95 % interval tells."""
    if difference is None:
        return "unknown"
    if difference.low is None or difference.high is None:
        return "undecided"
    if beyond(difference.low, threshold):
        return "yes"
    return "undecided" if beyond(difference.high, threshold) else "no"


def more_than(difference: Estimate | None, threshold: float = 0.0) -> Answer:
    """Return whether a difference is more than `threshold`, as far as its 95 % interval tells."""
    return at_least(difference, threshold, beyond=operator.gt)


def all_of(answers: Sequence[Answer]) -> Answer:
    """Return whether all of some things hold; that none is asked for can't be answered."""
    order: tuple[Answer, ...] = ("no", "unknown", "undecided", "yes")
    return min(answers, key=order.index, default="unknown")


def any_of(answers: Sequence[Answer]) -> Answer:
    """Return whether one of some things holds."""
    order: tuple[Answer, ...] = ("yes", "undecided", "unknown", "no")
    return min(answers, key=order.index, default="unknown")


def more_replicates(needed: Sequence[int | None]) -> str:
    """Return in words how many replicates would settle it, if what was found stays as it is."""
    known = [number for number in needed if number is not None]
    if len(known) < len(needed):
        return "more replicates"
    return f"about {max(known):,} replicates" if known else ""
