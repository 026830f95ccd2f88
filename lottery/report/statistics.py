"""Means over replicates, differences paired by replicate, and how sure they are."""

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from lottery.files import Record
from lottery.studies.plan import ARMS

_MOST_REPLICATES = 10_000


@dataclass(frozen=True)
class Estimate:
    """A mean over replicates.

    Attributes:
        mean: of the values.
        deviation: standard deviation of the values, with n - 1 in the denominator; None for a single value.
        half_width: of the 95 % confidence interval around the mean; None for a single value, which has none.
        values: each replicate's.
    """

    mean: float
    deviation: float | None
    half_width: float | None
    values: tuple[float, ...]

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
    count = len(values)
    mean = math.fsum(values) / count
    if count == 1:
        return Estimate(mean, None, None, tuple(values))
    deviation = math.sqrt(math.fsum((value - mean) ** 2 for value in values) / (count - 1))
    return Estimate(mean, deviation, _half_width(deviation, count), tuple(values))


def _half_width(deviation: float, count: int) -> float:
    from scipy.special import stdtrit  # a quarter of a second to import, for nothing where there is one replicate

    return float(stdtrit(count - 1, 0.975)) * deviation / math.sqrt(count)


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


def by_replicate(levels: Iterable[Record], level: int, arm: str, key: str) -> dict[int, float]:
    """Replicate -> value of `key` at a level and arm; those that diverged, or have none, are left out."""
    return {
        record["replicate"]: record[key]
        for record in levels
        if (record["level"], record["arm"]) == (level, arm)
        and record[key] is not None
        and record.get("diverged") is None
    }


def paired(left: Mapping[int, float], right: Mapping[int, float]) -> Estimate | None:
    """`left` minus `right`, replicate by replicate; None where they share no replicate.

    A replicate's networks share split and batches, and a ticket its initialization with the dense network: paired, what
    is common to them cancels, and the interval is narrower than that of the difference of two means.
    """
    both = [replicate for replicate in left if replicate in right]
    return estimate([left[replicate] - right[replicate] for replicate in both]) if both else None


def replicates_needed(difference: Estimate, threshold: float = 0.0) -> int | None:
    """Replicates with which the interval would leave `threshold` out, if mean and deviation stayed as they are.

    Returns:
        at least 2; None for a single value, or where 10,000 would not do.
    """
    if difference.deviation is None:
        return None
    distance = abs(difference.mean - threshold)
    low, high = 1, _MOST_REPLICATES
    if _half_width(difference.deviation, high) >= distance:
        return None
    while high - low > 1:  # the half width falls with the number
        middle = (low + high) // 2
        low, high = (middle, high) if _half_width(difference.deviation, middle) >= distance else (low, middle)
    return high
