"""Maps and matrices of an exhibit, drawn into axes."""

from textwrap import wrap

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from lottery import escape
from lottery.exhibits import Map, Matrix
from lottery.reporting import canvas
from lottery.reporting.exhibit_curves import look_of

_MOST_IN_CELLS = 20
"""Rows and columns of a matrix whose numbers are written."""


def draw_map(axes: Axes, chart: Map) -> None:
    """Draw spots as discs or rings, with arrows, on axes of one scale."""
    for spot in chart.spots:
        colour = look_of(spot)["color"]
        if spot.towards is not None:
            arrow = {"arrowstyle": "->", "color": colour, "alpha": 0.55, "shrinkA": 4, "shrinkB": 4, "linewidth": 0.9}
            axes.annotate("", spot.towards, spot.at, arrowprops=arrow)
            axes.plot(*spot.towards, alpha=0)  # an arrow alone doesn't widen the frame
        face = "white" if spot.hollow else colour
        axes.plot(*spot.at, "o", markersize=6, color=colour, markerfacecolor=face, label=canvas.label_of(spot.label))
    axes.set_aspect("equal", adjustable="datalim")
    axes.margins(0.08)
    axes.set_xlabel(escape.figure(chart.unit))
    axes.set_ylabel(escape.figure(chart.unit))


def draw_matrix(figure: Figure, axes: Axes, chart: Matrix) -> None:
    """Draw numbers as cells, the larger the darker."""
    grid = np.array([[np.nan if cell is None else cell for cell in row] for row in chart.values], dtype=float)
    image = axes.imshow(grid.reshape(len(chart.rows), -1), aspect="auto", cmap="viridis_r")
    axes.grid(visible=False)
    axes.set_yticks(range(len(chart.rows)), [escape.figure(text) for text in chart.rows])
    axes.set_xticks(range(len(chart.columns)), [escape.figure(text) for text in chart.columns], rotation=60)
    axes.set_title("\n".join(wrap(escape.figure(chart.title), 60)), fontsize=10)
    figure.colorbar(image, ax=axes, label=canvas.label_of(chart.unit))
    if max(grid.shape) > _MOST_IN_CELLS:
        return
    for (row, column), value in np.ndenumerate(grid):
        if np.isfinite(value):
            behind = image.to_rgba(np.full(1, value))[0]
            ink = "black" if canvas.lightness(behind.tolist()) > 0.5 else "white"
            axes.text(column, row, f"{value:.3g}", ha="center", va="center", fontsize=6.5, color=ink)
