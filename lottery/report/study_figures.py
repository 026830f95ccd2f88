"""A figure of several studies side by side: a line for each, labelled by its name."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import cycle
from pathlib import Path

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from lottery import escape
from lottery.arms import is_main
from lottery.report.canvas import PALETTE, STYLE, dense_band, density_axis, density_line, save
from lottery.report.comparison import dense_beside, labels, pooled
from lottery.report.costs import Costed
from lottery.report.quantities import Quantity, drawn, metrics_of
from lottery.report.series import by_level
from lottery.store.reader import Reader

_LINES = ["-", "--", ":", "-."]
_MARKERS = ["o", "s", "^", "D", "v", "P"]


@dataclass(frozen=True)
class _Study:
    """What is drawn of a study."""

    name: str
    lines: list[Costed]
    quantities: dict[str, Quantity]


def studies_by_density(groups: Sequence[Sequence[Reader]], paths: Sequence[Path]) -> list[Path]:
    """Draw a metric and the early-stop step of the studies' tickets, or networks sparse from the start, by density.

    The band is the dense network of the first study of each model and data that has one. Bars and bands are 95 %
    t-intervals over replicates. Controls have their place in each run's own figure.

    Args:
        groups: of repetitions of one study each, as `repetitions` gives them.
        paths: of the picture, PNG or SVG by their suffix.
    """
    studies = list(_studies(groups))
    bands = dict.fromkeys(peer for peer in dense_beside(groups, prefer_own=False) if peer is not None)
    quantities = {name: quantity for study in studies for name, quantity in study.quantities.items()}
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(6.2 * len(quantities) + 2, 4.6), dpi=150, layout="constrained")
        panels = figure.subplots(1, len(quantities), squeeze=False)[0]
        for axes, (name, quantity) in zip(panels, quantities.items(), strict=True):
            densities = _panel(axes, studies, name)
            for peer in bands:
                own = studies[peer].quantities.get(name)
                dense = by_level(studies[peer].lines, own).get(0) if own else None
                if dense is not None:
                    dense_band(axes, dense, quantity, f"dense ({studies[peer].name})")
            axes.set_ylabel(quantity.label)
            density_axis(axes, densities)
        # Studies of other tasks have panels of their own.
        legend = {
            text: handle for axes in panels for handle, text in zip(*axes.get_legend_handles_labels(), strict=True)
        }
        figure.legend(list(legend.values()), list(legend), loc="outside right upper", fontsize=8)
        return save(figure, paths)


def _studies(groups: Sequence[Sequence[Reader]]) -> Iterator[_Study]:
    for group, label in zip(groups, labels(groups), strict=True):
        # A small dense network stands where a sparse one of as many weights does.
        size = group[0].config.model.small_dense or 1
        main = [line for line in pooled(group) if is_main(line["arm"])]
        lines: list[Costed] = [{**line, "density": line["density"] * size} for line in main]
        found = {quantity.name: quantity for quantity in drawn(metrics_of(group[0])[0], lines)}
        yield _Study(escape.figure(label), lines, found)


def _panel(axes: Axes, studies: Sequence[_Study], name: str) -> list[float]:
    """Draw a line for each study that has a quantity; return the densities that were drawn."""
    densities = []
    looks = zip(cycle(PALETTE), cycle(_MARKERS), cycle(_LINES), strict=False)
    for study, (colour, marker, dashes) in zip(studies, looks, strict=False):
        quantity = study.quantities.get(name)
        if quantity is None:
            continue
        density = {line["level"]: line["density"] for line in study.lines}
        found = sorted(by_level(study.lines, quantity).items(), reverse=True)
        densities += [density[level] for level, _ in found]
        points = [(100 * density[level], value) for level, value in found]
        look = {"color": colour, "marker": marker, "linestyle": dashes, "markersize": 4}
        density_line(axes, quantity, points, label=study.name, **look)
    return densities
