"""Figures of one study: its networks against density, and its learning curves."""

from collections.abc import Sequence
from pathlib import Path

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from lottery.report.canvas import (
    STYLE,
    arm_colour,
    bounds,
    dense_band,
    density_axis,
    density_colours,
    density_line,
    save,
)
from lottery.report.curves import Curve, curves
from lottery.report.quantities import Quantity, at_end, drawn, metrics_of, with_unit
from lottery.report.series import by_level, series_of, shown
from lottery.report.statistics import estimate
from lottery.store.reader import Reader
from lottery.store.records import Summary
from lottery.tasks import Metric


def against_density(lines: Sequence[Summary], metric: Metric, paths: Sequence[Path]) -> list[Path]:
    """Draw a metric and the early-stop step against density: a line for each series, the dense level as a band.

    Bars are 95 % t-intervals over replicates, dots the replicates themselves. Returns `paths`.

    Args:
        lines: of the networks.
        metric: on the test data at the end.
        paths: of the picture, PNG or SVG by their suffix.
    """
    quantities = drawn(metric, lines)
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(6.2 * len(quantities), 4.4), dpi=150, layout="constrained")
        for axes, quantity in zip(figure.subplots(1, len(quantities), squeeze=False)[0], quantities, strict=True):
            _panel(axes, lines, quantity)
            axes.set_ylabel(quantity.label)
            density_axis(axes, [line["density"] for line in lines])
            if axes.has_data():  # not where all networks diverged
                axes.legend(fontsize=8)
        return save(figure, paths)


def _panel(axes: Axes, lines: Sequence[Summary], quantity: Quantity) -> None:
    dense = by_level([line for line in lines if line["arm"] == "dense"], quantity).get(0)
    if dense is not None and len({(line["level"], line["arm"]) for line in lines}) > 1:
        dense_band(axes, dense, quantity, "dense")
    for index, series in enumerate(series_of(lines)):
        own = series.of(lines)
        density = {line["level"]: 100 * line["density"] for line in own}
        found = sorted(by_level(own, quantity).items(), reverse=True)
        shift = 1.012 ** (index - 1)  # a little to the side for each, so that intervals don't hide one another
        points = [(shift * density[level], value) for level, value in found]
        colour = arm_colour(series.place)
        density_line(axes, quantity, points, color=colour, label=series.name)
        for at, value in points:
            values = [quantity.scale * one for one in value.values]
            axes.plot([at] * len(values), values, ".", color=colour, alpha=0.3, markersize=4)


def learning_curves(run: Reader, paths: Sequence[Path], most: int = 6) -> list[Path]:
    """Draw a metric against the training step, a line for each of up to `most` levels, a panel for each series.

    Lines are means over replicates, bands their 95 % t-intervals; the sparser the darker. Returns `paths`.
    """
    metric, lines = metrics_of(run)[0], shown(run.levels())
    found, panels = curves([run], metric), series_of(lines)
    density = {line["level"]: line["density"] for line in lines}
    ordered = sorted(density, key=lambda level: -density[level])
    levels = list(dict.fromkeys(ordered[round(i * (len(ordered) - 1) / max(1, most - 1))] for i in range(most)))
    ends = [metric.scale * value for line in lines if (value := at_end(metric).of(line)) is not None]
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(max(6.2, 4.2 * len(panels)), 4.4), dpi=150, layout="constrained")
        row = figure.subplots(1, len(panels), sharey=True, squeeze=False)[0]
        for axes, series in zip(row, panels, strict=True):
            for level, colour in zip(levels, density_colours(len(levels)), strict=True):
                own = [curve for (number, arm), curve in found.items() if number == level and arm in series.arms]
                for curve in own:
                    _curve(axes, curve, metric.scale, colour, f"{100 * density[level]:.1f} %")
            axes.set_title(series.name, fontsize=10)
            axes.set_xlabel("training step")
            if axes.has_data():
                axes.set_ylim(_frame(ends, metric.higher_is_better))
                corner = "lower right" if metric.higher_is_better else "upper right"
                axes.legend(title="weights", fontsize=8, title_fontsize=8, loc=corner)
        row[0].set_ylabel(f"test {with_unit(metric)}")
        return save(figure, paths)


def _curve(axes: Axes, curve: Curve, scale: float, colour: tuple[float, float, float], label: str) -> None:
    estimates = [estimate(values) for values in curve.values()]
    axes.plot(list(curve), [scale * one.mean for one in estimates], color=colour, linewidth=1.3, label=label)
    low, high = zip(*(bounds(one, scale) for one in estimates), strict=True)
    axes.fill_between(list(curve), low, high, color=colour, alpha=0.2, linewidth=0)


def _frame(ends: Sequence[float], higher_is_better: bool) -> tuple[float, float]:
    """Return what is drawn of y: the way from chance is the same for all; what differs lies near where they end."""
    spread = max(ends) - min(ends)
    before, after = max(1.5 * spread, 1), max(0.15 * spread, 0.2)
    return (min(ends) - before, max(ends) + after) if higher_is_better else (min(ends) - after, max(ends) + before)
