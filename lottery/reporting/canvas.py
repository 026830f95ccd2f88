"""What all figures share: colours, axes, files."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from textwrap import wrap
from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, NullLocator

from lottery import escape
from lottery.reporting.quantities import Quantity
from lottery.statistics import Estimate
from lottery.store.folders import own_folder
from lottery.store.reader import Reader

PALETTE = ["#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000"]
"""Okabe & Ito's, but yellow, which colour-blind readers can tell apart: of arms by their place, of studies in turn."""
LEGEND = 36
"""Characters of a line of a legend."""
_DENSE = "0.5"
_LINE: Any = {"marker": "o", "markersize": 3.5, "capsize": 2, "linewidth": 1.4}
DENSITY_COLOURS = ["#9f8d05", "#078d50", "#036884", "#0d2eac", "#370165"]
"""From dense to sparse, as on the page: in equal steps of lightness, which every eye tells apart."""
_STYLE: Any = {
    "axes.grid": True,
    "grid.alpha": 0.3,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "font.size": 10,
}


def arm_colour(place: int) -> str:
    """Return the colour of the arms of a place."""
    return PALETTE[place] if place < len(PALETTE) else "#555555"


def lightness(colour: Sequence[float]) -> float:
    """Return how light a colour is, from 0 to 1, of its red, green and blue: what is written on it has to contrast."""
    red, green, blue = colour[:3]
    return 0.299 * red + 0.587 * green + 0.114 * blue


ROUND = 6
"""Colours of curves: after so many they come back, as on the page."""


def density_colour(share: float) -> tuple[float, float, float]:
    """Return red, green and blue (0 to 1) of what lies at a share of the way from dense to sparse."""
    red, green, blue, _ = LinearSegmentedColormap.from_list("density", DENSITY_COLOURS)(min(1.0, max(0.0, share)))
    return float(red), float(green), float(blue)


def density_colours(count: int) -> list[tuple[float, float, float]]:
    """Return red, green and blue (0 to 1) of so many curves, from the densest to the sparsest, each darker."""
    return [density_colour(index / max(1, count - 1)) for index in range(count)]


def label_of(text: str) -> str:
    """Return a stranger's text for a legend, in lines of its width."""
    return "\n".join(wrap(escape.figure(text), LEGEND)) or " "


def density_line(axes: Axes, quantity: Quantity, points: Sequence[tuple[float, Estimate]], **look: Any) -> None:
    """Draw a line through means at densities in %, with their intervals, as far as the quantity goes."""
    if points:
        x, values = zip(*points, strict=True)
        means, ends = [quantity.scale * one.mean for one in values], [quantity.bounds(one) for one in values]
        below = [mean - low for mean, (low, _) in zip(means, ends, strict=True)]
        above = [high - mean for mean, (_, high) in zip(means, ends, strict=True)]
        axes.errorbar(x, means, [below, above], **_LINE | look)


def dense_band(axes: Axes, dense: Estimate, quantity: Quantity, label: str) -> None:
    """Draw the dense network as a band across, its mean as a line."""
    axes.axhspan(*quantity.bounds(dense), color=_DENSE, alpha=0.18, linewidth=0)
    axes.axhline(quantity.scale * dense.mean, color=_DENSE, linewidth=1, label=label)


_LEAST_SHARE = 0.065
"""Of the axis that lies between two ticks at least, so that their labels don't touch."""


def density_axis(axes: Axes, densities: Sequence[float]) -> None:
    """Put density along x: dense on the left, as in the papers; logarithmic, with the levels themselves as ticks."""
    axes.set_xscale("log")
    axes.invert_xaxis()
    axes.set_xlabel("weights remaining, %")
    ticks = sorted({100 * density for density in densities if density}, reverse=True)  # a logarithm has no place for 0
    apart = (ticks[0] / ticks[-1]) ** _LEAST_SHARE if ticks else 1.0
    kept: list[float] = []
    for tick in ticks:
        if not kept or kept[-1] / tick >= apart:
            kept.append(tick)
    axes.xaxis.set_major_locator(FixedLocator(kept))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.set_xticklabels(["100" if tick == 100 else f"{tick:.1f}" if tick >= 0.1 else f"{tick:.1g}" for tick in kept])


@contextmanager
def panels(
    paths: Sequence[Path], width: float, height: float, count: int = 1, *, sharey: bool = False
) -> Iterator[tuple[Figure, list[Axes]]]:
    """Give a figure, in inches, with panels in a row; written to files at the end, in the format of their suffix."""
    with mpl.rc_context(_STYLE):
        figure = Figure(figsize=(width, height), dpi=150, layout="constrained")
        yield figure, list(figure.subplots(1, count, squeeze=False, sharey=sharey)[0])
        for path in paths:
            figure.savefig(path)


def places(run: Reader, name: str, svg: bool) -> list[Path]:
    """Return the files for a figure of a run: PNG, and SVG if it is asked for."""
    return [own_folder(run.path, "report") / f"{name}.{suffix}" for suffix in (("png", "svg") if svg else ("png",))]
