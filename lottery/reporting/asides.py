"""How far to the side curves are drawn whose points stand at the same x."""

import math

from lottery.exhibits import Chart
from lottery.reporting.points import is_log

_ASIDE = 0.006
"""Of the x axis, for each marked curve: so that intervals don't hide one another."""


def asides(chart: Chart) -> list[float]:
    """Return how far to the side each curve is drawn: x plus that, times that on a logarithm; marked curves alone."""
    xs = [x for curve in chart.curves for x in curve.x if x > 0 or not is_log(chart)]
    least, most = min(xs, default=1.0), max(xs, default=1.0)
    marked = [index for index, curve in enumerate(chart.curves) if curve.points]
    shares = [
        _ASIDE * (marked.index(index) - (len(marked) - 1) / 2) if index in marked else 0.0
        for index in range(len(chart.curves))
    ]
    if is_log(chart):
        decades = math.log(most) - math.log(least)
        return [math.exp(-share * decades) for share in shares]
    return [share * (most - least) for share in shares]
