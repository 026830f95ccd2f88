"""Points of an exhibit's curves: means over replicates, and their intervals."""

import math
import sys
from collections.abc import Sequence
from itertools import chain
from typing import Any, NamedTuple

from lottery.exhibits import Chart, Curve
from lottery.statistics import Estimate, estimate

LEAST_FOR_BANDS = 3
"""Replicates: the interval of two would cover the frame."""
_MOST_GAPS = 100
"""Of one curve; where there are more, it is drawn over them."""


class Point(NamedTuple):
    """A point of a curve: x, and what was found over replicates."""

    x: float
    found: Estimate


def stretches(curve: Curve, chart: Chart, most: int = sys.maxsize) -> list[list[Point]]:
    """Return a curve's points, as many lists as gaps leave, thinned out to about `most` in all.

    A logarithm has no place for what isn't positive.
    """
    found: list[list[tuple[float, list[float]]]] = [[]]
    for x, values in sorted(zip(curve.x, curve.y, strict=True), key=lambda pair: pair[0]):
        own = [value for value in values if value is not None]
        if own and (x > 0 or not is_log(chart)) and (chart.scales[1] == "linear" or sum(own) > 0):
            found[-1].append((x, own))
        elif found[-1]:
            found.append([])
    there = [stretch for stretch in found if stretch]
    if len(there) > _MOST_GAPS:
        there = [[*chain.from_iterable(there)]]
    return [[Point(x, estimate(own)) for x, own in thinned(stretch, max(1, most // len(there)))] for stretch in there]


def ends(found: Estimate, chart: Chart) -> tuple[float, float] | None:
    """Return the interval as it is drawn: no further than values can be; None where replicates are too few for one."""
    if len(found.values) < LEAST_FOR_BANDS or found.low is None or found.high is None:
        return None
    low, high = found.low, found.high
    if chart.scales[1] == "log" and low <= 0:
        low = min(value for value in found.values if value > 0)
    least, most = chart.limits
    low, high = max(low, -math.inf if least is None else least), min(high, math.inf if most is None else most)
    return min(low, found.mean), max(high, found.mean)


def is_log(chart: Chart) -> bool:
    """Return whether the x axis is a logarithm: densities always lie on one."""
    return chart.sparser_right or chart.scales[0] == "log"


def thinned(points: Sequence[Any], most: int) -> list[Any]:
    """Return no more points than `most` and one, evenly spread, with the first and the last."""
    every = max(1, -(-len(points) // most))
    return [point for index, point in enumerate(points) if index % every == 0 or index == len(points) - 1]
