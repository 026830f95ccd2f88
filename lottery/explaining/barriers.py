"""What stands in the way between two networks, by the values of a path between them."""

import math
from collections.abc import Sequence


def barrier(values: Sequence[float]) -> float:
    """Return by how much the highest value of a path exceeds the mean of its ends (Frankle et al. 2020).

    Errors in points give the error barrier in points, by which networks below 2 are stable. It is never below 0, for
    the path holds its ends, and not a number where one of the values is none.
    """
    if not all(map(math.isfinite, values)):
        return math.nan
    return max(values) - (values[0] + values[-1]) / 2


def largest_rise(values: Sequence[float]) -> float:
    """Return by how much a path rises at most, from any value to a later one; 0 where it never does.

    It is not a number where one of the values is none.
    """
    rise, lowest = 0.0, math.inf
    for value in values:
        lowest = min(lowest, value)
        rise = max(rise, value - lowest)
    return rise if all(map(math.isfinite, values)) else math.nan
