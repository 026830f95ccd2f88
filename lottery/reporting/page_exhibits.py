"""What probes and analyses found, on the page: a section for each, and what its script draws there."""

from collections.abc import Sequence

from lottery import escape, exhibits
from lottery.exhibits import Chart, Curve, Exhibit, Map, Matrix
from lottery.reporting.asides import asides
from lottery.reporting.exhibit_tables import is_number
from lottery.reporting.explained import Shown
from lottery.reporting.markup import items, table
from lottery.reporting.points import LEAST_FOR_BANDS, Point, ends, is_log, stretches
from lottery.store.reader import Reader

_MOST_POINTS = 200
"""Of one curve: as many as a screen tells apart."""
_SHORT = 12
"""Rows of a table that is shown unfolded."""
_INTERVALS = f"Bands and bars are 95 % t-intervals over replicates, where there are {LEAST_FOR_BANDS} or more."


def sections(exhibited: Sequence[tuple[Reader, Sequence[Shown]]], undrawn: str) -> str:
    """Return the sections of what is shown of each run; its charts are numbered through, for the script.

    Args:
        exhibited: runs of which something is shown.
        undrawn: why charts aren't drawn; nothing where they are.
    """
    found, number = [], 0
    for run, own in exhibited:
        of = f" <span class=soft>{escape.html(run.record['id'])}</span>" if len(exhibited) > 1 else ""
        for shown in own:
            exhibit = shown.exhibit
            if exhibit is None:
                found.append(f"<p class=soft>{escape.html(shown.note)}</p>")
                continue
            figures = "".join(f"<div data-chart={number + one}></div>" for one in range(len(exhibit.charts)))
            number += len(exhibit.charts)
            if undrawn and exhibit.charts:
                figures = f"<p class=soft>{escape.html(undrawn)}</p>"
            found.append(f"<h2>{escape.html(exhibit.title)}{of}</h2>{_section(exhibit, figures)}")
    return "".join(found)


def _section(exhibit: Exhibit, figures: str) -> str:
    answers = f"<ul class=answers>{items(exhibit.answers)}</ul>"
    notes = [exhibit.meaning, _INTERVALS if _has_bands(exhibit) else ""]
    notes = [f"<p class=soft>{escape.html(note)}</p>" for note in notes if note]
    return f"{answers}{figures}{_numbers(exhibit.table)}{''.join(notes)}"


def _has_bands(exhibit: Exhibit) -> bool:
    """Return whether curves of an exhibit have intervals."""
    curves = [curve for chart in exhibit.charts if isinstance(chart, Chart) for curve in chart.curves]
    return any(len(values) >= LEAST_FOR_BANDS for curve in curves for values in curve.y)


def _numbers(found: exhibits.Table | None) -> str:
    if found is None or not found.rows:
        return ""
    text = [not all(map(is_number, cells)) for cells in zip(*found.rows, strict=True)]
    rows = [
        "".join(f"<td{' class=text' * wide}>{escape.html(cell)}</td>" for cell, wide in zip(row, text, strict=True))
        for row in found.rows
    ]
    numbers = [heading for heading, wide in zip(found.headings, text, strict=True) if not wide]
    opened = " open" if len(rows) <= _SHORT else ""
    return f"<details{opened}><summary>numbers</summary>{table(found.headings, rows, numbers)}</details>"


def charts(exhibited: Sequence[tuple[Reader, Sequence[Shown]]]) -> list[dict[str, object]]:
    """Return what the script draws of every chart, in the order of the sections."""
    found = [shown.exhibit for _, own in exhibited for shown in own if shown.exhibit]
    return [_drawn(chart) for exhibit in found for chart in exhibit.charts]


def _drawn(chart: Chart | Map | Matrix) -> dict[str, object]:
    if isinstance(chart, Map):
        return vars(chart) | {"kind": "map"}
    if isinstance(chart, Matrix):
        return vars(chart) | {"kind": "matrix"}
    left_out = ("x", "y")
    curves = [
        {name: value for name, value in vars(curve).items() if name not in left_out}
        | {"stretches": _points(curve, chart), "aside": aside}
        for curve, aside in zip(chart.curves, asides(chart), strict=True)
    ]
    return vars(chart) | {"kind": "chart", "log": is_log(chart), "across": list(chart.across.items()), "curves": curves}


def _points(curve: Curve, chart: Chart) -> list[list[list[float | None]]]:
    """Return, for each stretch of a curve, points of x, mean, half width, lower and upper end as it is drawn."""
    found = stretches(curve, chart, _MOST_POINTS)
    return [[_point(one, chart) for one in stretch] for stretch in found]


def _point(point: Point, chart: Chart) -> list[float | None]:
    low, high = ends(point.found, chart) or (None, None)
    numbers = (point.found.mean, point.found.half_width, low, high)
    return [float(f"{point.x:.7g}"), *(None if one is None else float(f"{one:.5g}") for one in numbers)]
