"""Points of an exhibit's curves: means over replicates, and their intervals."""

import math
import sys
from collections.abc import Sequence
from typing import Any, NamedTuple

from lottery.exhibits import Chart, Curve, Exhibit
from lottery.statistics import Estimate, estimate

LEAST_FOR_BANDS = 3
"""Replicates: the interval of two would cover the frame."""


class Point(NamedTuple):
    """A point of a curve: x, and what was found over replicates."""

    x: float
    found: Estimate


def stretches(curve: Curve, chart: Chart, most: int = sys.maxsize) -> list[list[Point]]:
    """Return a curve's points, as many lists as gaps leave, each thinned out to `most` and one.

    A logarithm has no place for what isn't positive.
    """
    found: list[list[tuple[float, list[float]]]] = [[]]
    for x, values in sorted(zip(curve.x, curve.y, strict=True), key=lambda pair: pair[0]):
        own = [value for value in values if value is not None]
        if own and (x > 0 or not is_log(chart)) and (chart.scales[1] == "linear" or sum(own) > 0):
            found[-1].append((x, own))
        elif found[-1]:
            found.append([])
    return [[Point(x, estimate(own)) for x, own in thinned(stretch, most)] for stretch in found if stretch]


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


def has_bands(exhibit: Exhibit) -> bool:
    """Return whether curves of an exhibit have intervals."""
    curves = [curve for chart in exhibit.charts if isinstance(chart, Chart) for curve in chart.curves]
    return any(len(values) >= LEAST_FOR_BANDS for curve in curves for values in curve.y)
