"""Curves of an exhibit, drawn into axes."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes

from lottery import escape
from lottery.exhibits import Chart, Curve, Spot
from lottery.reporting import canvas
from lottery.reporting.asides import asides
from lottery.reporting.points import Point, ends, is_log, stretches

_MOST_POINTS = 2000
"""Of one curve: more than there are dots across a figure."""
_DASHES = ["-", "--", ":", "-."]


def look_of(one: Curve | Spot) -> dict[str, Any]:
    """Return colour and dashes of a curve or a spot, as matplotlib takes them."""
    if one.shade is not None:
        return {"color": canvas.density_colour(one.shade)}
    return {"color": canvas.PALETTE[one.place % canvas.ROUND], "linestyle": _DASHES[one.place // canvas.ROUND % 4]}


def draw_curves(axes: Axes, chart: Chart) -> None:
    """Draw means over replicates as lines, their intervals as bands, or as bars where points are marked."""
    for number, mark in enumerate(chart.marks):
        label = canvas.label_of(chart.mark) if chart.mark and not number else None
        axes.axvline(mark, color="0.35", linewidth=0.7, alpha=0.5, zorder=0, linestyle=":", label=label)
    for text, y in chart.across.items():
        axes.axhline(y, color="0.35", linewidth=1, linestyle=(0, (4, 2)), label=canvas.label_of(text))
    for curve, aside in zip(chart.curves, asides(chart), strict=True):
        look = look_of(curve) | ({"linestyle": "--"} if curve.dashed else {})
        for number, stretch in enumerate(stretches(curve, chart, _MOST_POINTS)):
            points = [Point(x * aside if is_log(chart) else x + aside, found) for x, found in stretch]
            _stretch(
                axes, points, chart, curve.points, look | ({} if number else {"label": canvas.label_of(curve.label)})
            )
    axes.set_yscale(chart.scales[1])
    axes.set_ylabel(escape.figure(chart.y))
    if chart.sparser_right:
        canvas.density_axis(axes, [x / 100 for curve in chart.curves for x in curve.x])
    else:
        axes.set_xscale(chart.scales[0])
    axes.set_xlabel(escape.figure(chart.x))


def _stretch(axes: Axes, points: Sequence[Point], chart: Chart, marked: bool, look: dict[str, Any]) -> None:
    x, means, colour = [point.x for point in points], [point.found.mean for point in points], look["color"]
    sure = [(point.x, *interval) for point in points if (interval := ends(point.found, chart))]
    marked = marked or len(points) == 1  # which has no line through it
    axes.plot(x, means, linewidth=1.4, marker="o" if marked else "", markersize=3.5, **look)
    if marked:
        single = [(point.x, value) for point in points for value in point.found.values]
        single = [one for one in single if chart.scales[1] == "linear" or one[1] > 0]
        axes.plot(*zip(*single, strict=True), ".", color=colour, alpha=0.3, markersize=4)
        if sure:
            axes.vlines(*zip(*sure, strict=True), color=colour, linewidth=1, alpha=0.8)
    elif sure:
        at, low, high = np.array(sure).T
        axes.fill_between(at, low, high, color=colour, alpha=0.2, linewidth=0)
