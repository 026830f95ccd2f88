"""A figure of several studies side by side: a line for each, labelled by its name."""

from collections.abc import Sequence
from itertools import cycle
from pathlib import Path

import matplotlib as mpl
from matplotlib.figure import Figure

from lottery import escape
from lottery.report.comparison import dense_beside, labels, pooled
from lottery.report.figures import MEASURES, STYLE, bounds, density_axis, save
from lottery.report.statistics import by_level_and_arm
from lottery.store.run import Run

_COLOURS = ["#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000"]  # Okabe & Ito, but yellow
_LINES = ["-", "--", ":", "-."]
_MARKERS = ["o", "s", "^", "D", "v", "P"]


def methods_by_density(groups: Sequence[Sequence[Run]], paths: Sequence[Path]) -> list[Path]:
    """Draw test accuracy and early-stop step of the studies' tickets, or networks sparse from the start, by density.

    The band is the dense network of the first study of each model and data that has one. Bars and bands are 95 %
    t-intervals over replicates. Controls have their place in each run's own figure.

    Args:
        groups: of repetitions of one study each, as `repetitions` gives them.
        paths: of the picture, PNG or SVG by their suffix.
    """
    # A small dense network stands where a sparse one of as many weights does.
    all_lines = [
        [line | {"density": line["density"] * (group[0].config.model.small_dense or 1)} for line in pooled(group)]
        for group in groups
    ]
    names = [escape.figure(label) for label in labels(groups)]
    bands = dict.fromkeys(peer for peer in dense_beside(groups, prefer_own=False) if peer is not None)
    keys = [key for key in MEASURES if any(line[key] is not None for lines in all_lines for line in lines)]
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(6.2 * len(keys) + 2, 4.6), dpi=150, layout="constrained")
        for axes, key in zip(figure.subplots(1, len(keys), squeeze=False)[0], keys, strict=True):
            label, scale = MEASURES[key]
            densities = []
            looks = zip(cycle(_COLOURS), cycle(_MARKERS), cycle(_LINES), strict=False)
            for lines, name, (colour, marker, dashes) in zip(all_lines, names, looks, strict=False):
                density = {line["level"]: 100 * line["density"] for line in lines if line["arm"] == "main"}
                found = {level: one for (level, arm), one in by_level_and_arm(lines, key).items() if arm == "main"}
                own = sorted(found, reverse=True)
                densities += [density[level] / 100 for level in own]
                axes.errorbar(
                    [density[level] for level in own],
                    [scale * found[level].mean for level in own],
                    [scale * (found[level].half_width or 0) for level in own],
                    color=colour,
                    marker=marker,
                    linestyle=dashes,
                    markersize=4,
                    capsize=2,
                    linewidth=1.4,
                    label=name,
                )
            for peer in bands:
                dense = by_level_and_arm(all_lines[peer], key).get((0, "main"))
                if dense is not None:
                    axes.axhspan(*bounds(dense, scale), color="0.5", alpha=0.18, linewidth=0)
                    axes.axhline(scale * dense.mean, color="0.5", linewidth=1, label=f"dense ({names[peer]})")
            axes.set_xlabel("weights remaining, %")
            axes.set_ylabel(label)
            density_axis(axes, densities)
        handles, texts = axes.get_legend_handles_labels()
        figure.legend(handles, texts, loc="outside right upper", fontsize=8)
        return save(figure, paths)
