"""Figures of what probes and analyses found, drawn into a run's report/ folder."""

from collections.abc import Sequence
from pathlib import Path
from textwrap import wrap
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from lottery import escape
from lottery.exhibits import Chart, Curve, Map, Matrix, Spot
from lottery.reporting import canvas
from lottery.reporting.asides import asides
from lottery.reporting.exhibits import shown_of
from lottery.reporting.explained import Shown
from lottery.reporting.points import Point, ends, is_log, stretches
from lottery.store.reader import Reader

_LEGEND = 34
"""Characters of a line of a legend."""
_DASHES = ["-", "--", ":", "-."]
_MOST_IN_CELLS = 20
"""Rows and columns of a matrix whose numbers are written."""


def draw_exhibits(run: Reader, everything: bool = False) -> list[Path]:
    """Draw every chart of a run's exhibits; with `everything`, as SVG beside PNG, too."""
    paths = []
    for shown in shown_of(run):
        for chart in shown.exhibit.charts if shown.exhibit else ():
            paths += draw_chart(chart, canvas.places(run, _file_name(shown, chart), everything))
    return paths


def _file_name(shown: Shown, chart: Chart | Map | Matrix) -> str:
    """Return how a chart's file is called, without its suffix: small letters, digits and hyphens alone."""
    text = chart.name.lower() if f"{chart.name}-".startswith(f"{shown.file}-") else f"{shown.file}-{chart.name}".lower()
    return "".join(one if one.isascii() and one.isalnum() else "-" for one in text)[:100]


def draw_chart(chart: Chart | Map | Matrix, paths: Sequence[Path]) -> list[Path]:
    """Draw a chart, a map or a matrix into files, PNG or SVG by their suffix, which are returned."""
    if isinstance(chart, Matrix):
        width, height = 2.8 + 0.5 * len(chart.columns), 1.8 + 0.4 * len(chart.rows)
        with canvas.panels(paths, min(width, 14), min(height, 14)) as (figure, (axes,)):
            _matrix(figure, axes, chart)
        return list(paths)
    with canvas.panels(paths, 7.6, 5.2 if isinstance(chart, Map) else 4.4) as (figure, (axes,)):
        axes.set_title("\n".join(wrap(escape.figure(chart.title), 70)), fontsize=10)
        if isinstance(chart, Map):
            _map(axes, chart)
        else:
            _curves(axes, chart)
        handles, labels = axes.get_legend_handles_labels()
        legend = {label: handle for handle, label in zip(handles, labels, strict=True)}  # one for each label
        if legend:
            figure.legend(list(legend.values()), list(legend), loc="outside right upper", fontsize=8)
    return list(paths)


def _label(text: str) -> str:
    return "\n".join(wrap(escape.figure(text), _LEGEND)) or " "


def _look(one: Curve | Spot) -> dict[str, Any]:
    if one.shade is not None:
        return {"color": canvas.density_colour(one.shade)}
    return {"color": canvas.PALETTE[one.place % canvas.ROUND], "linestyle": _DASHES[one.place // canvas.ROUND % 4]}


def _curves(axes: Axes, chart: Chart) -> None:
    for number, mark in enumerate(chart.marks):
        label = _label(chart.mark) if chart.mark and not number else None
        axes.axvline(mark, color="0.35", linewidth=0.7, alpha=0.5, zorder=0, linestyle=":", label=label)
    for text, y in chart.across.items():
        axes.axhline(y, color="0.35", linewidth=1, linestyle=(0, (4, 2)), label=_label(text))
    for curve, aside in zip(chart.curves, asides(chart), strict=True):
        look = _look(curve) | ({"linestyle": "--"} if curve.dashed else {})
        for number, stretch in enumerate(stretches(curve, chart)):
            points = [Point(x * aside if is_log(chart) else x + aside, found) for x, found in stretch]
            _stretch(axes, points, chart, curve.points, look | ({} if number else {"label": _label(curve.label)}))
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
        for point in points:
            own = [value for value in point.found.values if chart.scales[1] == "linear" or value > 0]
            axes.plot([point.x] * len(own), own, ".", color=colour, alpha=0.3, markersize=4)
        for middle, least, most in sure:
            axes.plot([middle, middle], [least, most], color=colour, linewidth=1, alpha=0.8)
    elif sure:
        at, low, high = np.array(sure).T
        axes.fill_between(at, low, high, color=colour, alpha=0.2, linewidth=0)


def _map(axes: Axes, chart: Map) -> None:
    for spot in chart.spots:
        colour = _look(spot)["color"]
        if spot.towards is not None:
            arrow = {"arrowstyle": "->", "color": colour, "alpha": 0.55, "shrinkA": 4, "shrinkB": 4, "linewidth": 0.9}
            axes.annotate("", spot.towards, spot.at, arrowprops=arrow)
            axes.plot(*spot.towards, alpha=0)  # an arrow alone doesn't widen the frame
        face = "white" if spot.hollow else colour
        axes.plot(*spot.at, "o", markersize=6, color=colour, markerfacecolor=face, label=_label(spot.label))
    axes.set_aspect("equal", adjustable="datalim")
    axes.margins(0.08)
    axes.set_xlabel(escape.figure(chart.unit))
    axes.set_ylabel(escape.figure(chart.unit))


def _matrix(figure: Figure, axes: Axes, chart: Matrix) -> None:
    grid = np.array([[np.nan if cell is None else cell for cell in row] for row in chart.values], dtype=float)
    image = axes.imshow(grid.reshape(len(chart.rows), -1), aspect="auto", cmap="viridis_r")
    axes.grid(visible=False)
    axes.set_yticks(range(len(chart.rows)), [escape.figure(text) for text in chart.rows])
    axes.set_xticks(range(len(chart.columns)), [escape.figure(text) for text in chart.columns], rotation=60)
    axes.set_title("\n".join(wrap(escape.figure(chart.title), 60)), fontsize=10)
    figure.colorbar(image, ax=axes, label=_label(chart.unit))
    if max(grid.shape) > _MOST_IN_CELLS:
        return
    for (row, column), value in np.ndenumerate(grid):
        if np.isfinite(value):
            behind = image.to_rgba(np.full(1, value))[0]
            ink = "black" if canvas.lightness(behind.tolist()) > 0.5 else "white"
            axes.text(column, row, f"{value:.3g}", ha="center", va="center", fontsize=6.5, color=ink)
