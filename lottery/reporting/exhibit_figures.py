"""Figures of what probes and analyses found, drawn into a run's report/ folder."""

from collections.abc import Sequence
from pathlib import Path
from textwrap import wrap

from lottery import escape
from lottery.exhibits import Chart, Map, Matrix
from lottery.reporting import canvas
from lottery.reporting.exhibit_curves import draw_curves
from lottery.reporting.exhibit_maps import draw_map, draw_matrix
from lottery.reporting.exhibits import shown_of
from lottery.reporting.explained import Shown
from lottery.store.reader import Reader


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
            draw_matrix(figure, axes, chart)
        return list(paths)
    with canvas.panels(paths, 7.6, 5.2 if isinstance(chart, Map) else 4.4) as (figure, (axes,)):
        axes.set_title("\n".join(wrap(escape.figure(chart.title), 70)), fontsize=10)
        if isinstance(chart, Map):
            draw_map(axes, chart)
        else:
            draw_curves(axes, chart)
        handles, labels = axes.get_legend_handles_labels()
        legend = {label: handle for handle, label in zip(handles, labels, strict=True)}  # one for each label
        if legend:
            figure.legend(list(legend.values()), list(legend), loc="outside right upper", fontsize=8)
    return list(paths)
