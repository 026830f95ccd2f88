"""Figures, as PNG files."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, NullLocator

from lottery.report.curves import curves
from lottery.report.statistics import Estimate, arms_of, by_level_and_arm, estimate
from lottery.store.files import Record
from lottery.store.run import Run

# Okabe & Ito's palette, which colour-blind readers can tell apart.
_COLOURS = {"main": "#0072B2", "reinit": "#D55E00", "random": "#009E73", "shuffle": "#CC79A7"}
DENSITY_COLOURS = ["#9f8d05", "#078d50", "#036884", "#0d2eac", "#370165"]
"""From dense to sparse, as on the page: in equal steps of lightness, which every eye tells apart."""
MEASURES = {"test_accuracy": ("test accuracy at the end, %", 100.0), "early_stop_step": ("early-stop step", 1.0)}
"""What is drawn against density: label and scale."""
STYLE: Any = {
    "axes.grid": True,
    "grid.alpha": 0.3,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "font.size": 10,
}


def accuracy_by_density(levels: Sequence[Record], paths: Sequence[Path]) -> list[Path]:
    """Draw test accuracy and early-stop step against density, a line for each arm, the dense level, if any, as a band.

    Args:
        levels: lines of `levels.jsonl`.
        paths: of the picture, PNG or SVG by their suffix.

    Bars are 95 % t-intervals over replicates, dots the replicates themselves. Returns `paths`.
    """
    keys = [key for key in MEASURES if any(line[key] is not None for line in levels)]
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(6.2 * len(keys), 4.4), dpi=150, layout="constrained")
        for axes, key in zip(figure.subplots(1, len(keys), squeeze=False)[0], keys, strict=True):
            label, scale = MEASURES[key]
            _against_density(axes, levels, key, scale)
            axes.set_xlabel("weights remaining, %")
            axes.set_ylabel(label)
            density_axis(axes, [line["density"] for line in levels])
            if axes.has_data():  # not where all networks diverged
                axes.legend(fontsize=8)
        return save(figure, paths)


def _against_density(axes: Axes, levels: Sequence[Record], key: str, scale: float) -> None:
    estimates = by_level_and_arm(levels, key)
    density = {(line["level"], line["arm"]): 100 * line["density"] for line in levels}
    dense = estimates.get((0, "main"))
    if dense is not None and len(density) > 1:
        low, high = bounds(dense, scale)
        axes.axhspan(low, high, color="0.5", alpha=0.18, linewidth=0)
        axes.axhline(scale * dense.mean, color="0.5", linewidth=1, label="dense")
    for index, arm in enumerate(arms_of(levels)):
        own = sorted((level for level, name in estimates if name == arm), reverse=True)
        points = [(density[level, arm], estimates[level, arm]) for level in own]
        if not points:
            continue
        shift = 1.012 ** (index - 1)  # a little to the side for each arm, so that intervals don't hide one another
        x = [shift * at for at, _ in points]
        colour = _COLOURS.get(arm, "#555555")
        name = "ticket" if arm == "main" else arm
        if arms_of(levels) == ["main"] and dense is None:
            name = "sparse"
        axes.errorbar(
            x,
            [scale * value.mean for _, value in points],
            [scale * (value.half_width or 0) for _, value in points],
            color=colour,
            marker="o",
            markersize=3.5,
            capsize=2,
            linewidth=1.4,
            label=name,
        )
        for at, (_, value) in zip(x, points, strict=True):
            axes.plot(
                [at] * len(value.values),
                [scale * one for one in value.values],
                ".",
                color=colour,
                alpha=0.3,
                markersize=4,
            )


def bounds(value: Estimate, scale: float) -> tuple[float, float]:
    """The interval's ends, or the value twice, where it has none."""
    half_width = value.half_width or 0
    return scale * (value.mean - half_width), scale * (value.mean + half_width)


def density_axis(axes: Axes, densities: Sequence[float]) -> None:
    """Density along x: dense on the left, as in the papers; logarithmic, with the levels themselves as ticks."""
    axes.set_xscale("log")
    axes.invert_xaxis()
    ticks = sorted({100 * density for density in densities if density}, reverse=True)  # a logarithm has no place for 0
    kept: list[float] = []
    for tick in ticks:
        if not kept or kept[-1] / tick > 1.35:
            kept.append(tick)
    axes.xaxis.set_major_locator(FixedLocator(kept))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.set_xticklabels(["100" if tick == 100 else f"{tick:.1f}" if tick >= 0.1 else f"{tick:.1g}" for tick in kept])


def learning_curves(run: Run, paths: Sequence[Path], most: int = 6) -> list[Path]:
    """Draw test accuracy against the training step, a line for each of up to `most` levels, a panel for each arm.

    Lines are means over replicates, bands their 95 % t-intervals; the sparser the darker. Returns `paths`.
    """
    found, levels = curves([run]), run.levels()
    density = {line["level"]: line["density"] for line in levels}
    ordered = sorted(density, key=lambda level: -density[level])
    shown = list(dict.fromkeys(ordered[round(i * (len(ordered) - 1) / max(1, most - 1))] for i in range(most)))
    arms = arms_of(levels)
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(max(6.2, 4.2 * len(arms)), 4.4), dpi=150, layout="constrained")
        panels = figure.subplots(1, len(arms), sharey=True, squeeze=False)[0]
        final = [100 * line["test_accuracy"] for line in levels if line.get("diverged") is None]
        for axes, arm in zip(panels, arms, strict=True):
            for level, colour in zip(shown, density_colours(len(shown)), strict=True):
                curve = {step: estimate(values) for step, values in found.get((level, arm), {}).items()}
                if curve:
                    steps = list(curve)
                    means = [100 * one.mean for one in curve.values()]
                    axes.plot(steps, means, color=colour, linewidth=1.3, label=f"{100 * density[level]:.1f} %")
                    low, high = zip(*(bounds(one, 100) for one in curve.values()), strict=True)
                    axes.fill_between(steps, low, high, color=colour, alpha=0.2, linewidth=0)
            axes.set_title("ticket" if arm == "main" else arm, fontsize=10)
            axes.set_xlabel("training step")
            if axes.has_data():
                # The climb from chance is the same for all; what differs lies near the top.
                spread = max(final) - min(final)
                axes.set_ylim(min(final) - max(1.5 * spread, 1), max(final) + max(0.15 * spread, 0.2))
                axes.legend(title="weights", fontsize=8, title_fontsize=8, loc="lower right")
        panels[0].set_ylabel("test accuracy, %")
        return save(figure, paths)


def density_colours(count: int) -> list[tuple[float, float, float]]:
    """Red, green and blue (0 to 1) of so many curves, from the densest to the sparsest, each darker than the last."""
    ramp = LinearSegmentedColormap.from_list("density", DENSITY_COLOURS)
    return [ramp(index / max(1, count - 1))[:3] for index in range(count)]


def save(figure: Figure, paths: Sequence[Path]) -> list[Path]:
    """Write a figure to files, in the format of their suffix; returns them."""
    for path in paths:
        figure.savefig(path)
    return list(paths)


def places(run: Run, name: str, svg: bool) -> list[Path]:
    """Files for a figure of a run: PNG, and SVG if it is asked for."""
    return [run.report_dir / f"{name}.{suffix}" for suffix in (("png", "svg") if svg else ("png",))]
