"""Means over replicates, and how sure they are."""

import math
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from scipy.special import stdtrit

from lottery.files import Record


@dataclass(frozen=True)
class Estimate:
    """A mean over replicates.

    Attributes:
        mean: of the values.
        half_width: of the 95 % confidence interval around it; None for a single value, which has none.
        values: each replicate's.
    """

    mean: float
    half_width: float | None
    values: tuple[float, ...]


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
        return Estimate(mean, None, tuple(values))
    variance = math.fsum((value - mean) ** 2 for value in values) / (count - 1)
    half_width = float(stdtrit(count - 1, 0.975)) * math.sqrt(variance / count)
    return Estimate(mean, half_width, tuple(values))


def by_level_and_arm(levels: Iterable[Record], key: str) -> dict[tuple[int, str], Estimate]:
    """(level, arm) -> estimate of `key` over the replicates that have it; those that diverged are left out."""
    groups: defaultdict[tuple[int, str], list[float]] = defaultdict(list)
    for record in levels:
        if record[key] is not None and record.get("diverged") is None:
            groups[record["level"], record["arm"]].append(record[key])
    return {group: estimate(values) for group, values in groups.items()}
