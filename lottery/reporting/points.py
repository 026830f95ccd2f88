"""Points of an exhibit's curves: means over replicates, and their intervals."""

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


def stretches(curve: Curve, scales: Sequence[str], most: int = sys.maxsize) -> list[list[Point]]:
    """Return a curve's points, as many lists as gaps leave, each thinned out to `most` and one.

    A logarithm has no place for what isn't positive.
    """
    found: list[list[tuple[float, list[float]]]] = [[]]
    for x, values in sorted(zip(curve.x, curve.y, strict=True), key=lambda pair: pair[0]):
        own = [value for value in values if value is not None]
        if own and (scales[0] == "linear" or x > 0) and (scales[1] == "linear" or sum(own) > 0):
            found[-1].append((x, own))
        elif found[-1]:
            found.append([])
    return [[Point(x, estimate(own)) for x, own in thinned(stretch, most)] for stretch in found if stretch]


def ends(found: Estimate, scale: str) -> tuple[float, float] | None:
    """Return the interval as it is drawn: None where there are too few replicates for one."""
    if len(found.values) < LEAST_FOR_BANDS or found.low is None or found.high is None:
        return None
    low = found.low if scale == "linear" or found.low > 0 else min(value for value in found.values if value > 0)
    return min(low, found.mean), found.high


def thinned(points: Sequence[Any], most: int) -> list[Any]:
    """Return no more points than `most` and one, evenly spread, with the first and the last."""
    every = max(1, -(-len(points) // most))
    return [point for index, point in enumerate(points) if index % every == 0 or index == len(points) - 1]


def has_bands(exhibit: Exhibit) -> bool:
    """Return whether curves of an exhibit have intervals."""
    curves = [curve for chart in exhibit.charts if isinstance(chart, Chart) for curve in chart.curves]
    return any(len(values) >= LEAST_FOR_BANDS for curve in curves for values in curve.y)
