"""Figures of one study: against density, and learning curves; and of several studies side by side."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import cycle
from pathlib import Path
from typing import Literal

from matplotlib.axes import Axes

from lottery.arms import is_main
from lottery.reporting import canvas
from lottery.reporting.comparison import dense_beside, labels, pooled, repetitions
from lottery.reporting.entries import Costed
from lottery.reporting.exhibit_figures import draw_exhibits
from lottery.reporting.quantities import Quantity, at_end, drawn, metrics_of, with_unit
from lottery.reporting.series import Curve, by_level, curves, series_of, shown
from lottery.reporting.ticket_figures import draw_tickets
from lottery.statistics import estimate
from lottery.store.reader import Reader
from lottery.store.records import Summary
from lottery.tasks import Metric

MOST_BY_THEMSELVES = 3
"""Runs of which each gets its own figures; of more, only what compares them is drawn."""
_LEAST_FOR_BANDS = 3
"""Replicates."""
_LINES = ["-", "--", ":", "-."]
_MARKERS = ["o", "s", "^", "D", "v", "P"]


def draw(runs: Sequence[Reader], everything: bool = False) -> list[Path]:
    """Draw figures into the runs' `report/` folders; what compares several, into the first one's.

    With `everything`, of the tickets too, and as SVG beside PNG.
    """
    paths: list[Path] = []
    trained = [run for run in runs if shown(run.levels())]
    by_themselves = trained if len(runs) <= MOST_BY_THEMSELVES else []
    for run in by_themselves:
        metric, lines = metrics_of(run)[0], shown(run.levels())
        paths += against_density(lines, metric, canvas.places(run, f"{metric.name}_by_density", everything))
        paths += learning_curves(run, canvas.places(run, "learning_curves", everything))
        paths += draw_exhibits(run, everything)
    if len(trained) > 1:
        # Repetitions of one study are one line, of all their replicates.
        paths += studies_by_density(repetitions(trained), canvas.places(trained[0], "comparison", everything))
    return [*paths, *draw_tickets(by_themselves)] if everything else paths


def against_density(lines: Sequence[Summary], metric: Metric, paths: Sequence[Path]) -> list[Path]:
    """Draw a metric and the early-stop step against density: a line for each series, the dense level as a band.

    Bars are 95 % t-intervals over replicates, dots the replicates themselves. Returns `paths`.

    Args:
        lines: of the networks.
        metric: on the test data at the end.
        paths: of the picture, PNG or SVG by their suffix.
    """
    quantities = drawn(metric, lines)
    with canvas.panels(paths, 6.2 * len(quantities), 4.4, len(quantities)) as (_, row):
        for axes, quantity in zip(row, quantities, strict=True):
            _panel(axes, lines, quantity)
            axes.set_ylabel(quantity.label)
            canvas.density_axis(axes, [line["density"] for line in lines])
            if axes.has_data():  # not where all networks diverged
                axes.legend(fontsize=8)
    return list(paths)


def _panel(axes: Axes, lines: Sequence[Summary], quantity: Quantity) -> None:
    dense = by_level([line for line in lines if line["arm"] == "dense"], quantity).get(0)
    if dense is not None and len({(line["level"], line["arm"]) for line in lines}) > 1:
        canvas.dense_band(axes, dense, quantity, "dense")
    there, densities = series_of(lines), [line["density"] for line in lines if line["density"]]
    reach = max(densities, default=1.0) / min(densities, default=1.0)
    for index, series in enumerate(there):
        own = series.of(lines)
        density = {line["level"]: 100 * line["density"] for line in own}
        found = sorted(by_level(own, quantity).items(), reverse=True)
        # A little to the side for each, so that intervals don't hide one another.
        shift = reach ** (0.006 * (index - (len(there) - 1) / 2))
        points = [(shift * density[level], value) for level, value in found]
        colour = canvas.arm_colour(series.place)
        canvas.density_line(axes, quantity, points, color=colour, label=series.name)
        for at, value in points:
            values = [quantity.scale * one for one in value.values]
            axes.plot([at] * len(values), values, ".", color=colour, alpha=0.3, markersize=4)


def learning_curves(run: Reader, paths: Sequence[Path], most: int = 6) -> list[Path]:
    """Draw a metric against the training step, a line for each of up to `most` levels, a panel for each series.

    Lines are means over replicates, bands their 95 % t-intervals, where there are more than two replicates: of two the
    bands of all levels would cover the frame. The sparser the darker. Returns `paths`.
    """
    metric, lines = metrics_of(run)[0], shown(run.levels())
    found, panels = curves([run], metric), series_of(lines)
    density = {line["level"]: line["density"] for line in lines}
    ordered = sorted(density, key=lambda level: -density[level])
    levels = list(dict.fromkeys(ordered[round(i * (len(ordered) - 1) / max(1, most - 1))] for i in range(most)))
    ends = [metric.scale * value for line in lines if (value := at_end(metric).of(line)) is not None]
    with canvas.panels(paths, max(6.2, 4.2 * len(panels)), 4.4, len(panels), sharey=True) as (_, row):
        for axes, series in zip(row, panels, strict=True):
            for level, colour in zip(levels, canvas.density_colours(len(levels)), strict=True):
                for (number, arm), curve in found.items():
                    if number == level and arm in series.arms:
                        _curve(axes, curve, at_end(metric), colour, f"{100 * density[level]:.1f} %")
            axes.set_title(series.name, fontsize=10)
            axes.set_xlabel("training step")
            if axes.has_data():
                higher = metric.higher_is_better
                axes.set_ylim(_frame(ends, higher))
                corner: Literal["lower right", "upper right"] = "lower right" if higher else "upper right"
                axes.legend(title="weights", fontsize=8, title_fontsize=8, loc=corner)
        row[0].set_ylabel(f"test {with_unit(metric)}")
    return list(paths)


def _curve(axes: Axes, curve: Curve, quantity: Quantity, colour: tuple[float, float, float], label: str) -> None:
    estimates = [estimate(values) for values in curve.values()]
    axes.plot(list(curve), [quantity.scale * one.mean for one in estimates], color=colour, linewidth=1.3, label=label)
    if max(len(one.values) for one in estimates) < _LEAST_FOR_BANDS:
        return
    low, high = zip(*map(quantity.bounds, estimates), strict=True)
    axes.fill_between(list(curve), low, high, color=colour, alpha=0.2, linewidth=0)


def _frame(ends: Sequence[float], higher_is_better: bool) -> tuple[float, float]:
    """Return what is drawn of y: the way from chance is the same for all; what differs lies near where they end."""
    spread = max(ends) - min(ends)
    before, after = max(1.5 * spread, 1), max(0.15 * spread, 0.2)
    return (min(ends) - before, max(ends) + after) if higher_is_better else (min(ends) - after, max(ends) + before)


@dataclass(frozen=True)
class _Study:
    """A study is drawn as a line in the panel of each of its quantities."""

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
    with canvas.panels(paths, 6.2 * len(quantities) + 2, 4.6, len(quantities)) as (figure, row):
        for axes, (name, quantity) in zip(row, quantities.items(), strict=True):
            densities = _studies_panel(axes, studies, name)
            for peer in bands:
                own = studies[peer].quantities.get(name)
                dense = by_level(studies[peer].lines, own).get(0) if own else None
                if dense is not None:
                    canvas.dense_band(axes, dense, quantity, f"dense of {studies[peer].name}")
            axes.set_ylabel(quantity.label)
            canvas.density_axis(axes, densities)
        # Studies of other tasks have panels of their own.
        legend = {text: handle for axes in row for handle, text in zip(*axes.get_legend_handles_labels(), strict=True)}
        figure.legend(list(legend.values()), list(legend), loc="outside right upper", fontsize=8)
    return list(paths)


def _studies(groups: Sequence[Sequence[Reader]]) -> Iterator[_Study]:
    for group, label in zip(groups, labels(groups), strict=True):
        # A small dense network stands where a sparse one of as many weights does.
        size = group[0].config.model.small_dense or 1
        main = [line for line in pooled(group) if is_main(line["arm"])]
        lines: list[Costed] = [{**line, "density": line["density"] * size} for line in main]
        found = {quantity.name: quantity for quantity in drawn(metrics_of(group[0])[0], lines)}
        yield _Study(canvas.label_of(label), lines, found)


def _studies_panel(axes: Axes, studies: Sequence[_Study], name: str) -> list[float]:
    """Draw a line for each study that has a quantity; return the densities that were drawn."""
    densities = []
    looks = zip(cycle(canvas.PALETTE), cycle(_MARKERS), cycle(_LINES), strict=False)
    for study, (colour, marker, dashes) in zip(studies, looks, strict=False):
        quantity = study.quantities.get(name)
        if quantity is None:
            continue
        density = {line["level"]: line["density"] for line in study.lines}
        found = sorted(by_level(study.lines, quantity).items(), reverse=True)
        densities += [density[level] for level, _ in found]
        points = [(100 * density[level], value) for level, value in found]
        look = {"color": colour, "marker": marker, "linestyle": dashes, "markersize": 4}
        canvas.density_line(axes, quantity, points, label=study.name, **look)
    return densities
