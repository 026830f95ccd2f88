"""Exhibits whose numbers, texts and lengths can be drawn, whatever lines they were made of."""

import dataclasses
from collections.abc import Mapping, Sequence
from functools import cache
from itertools import islice
from typing import Any

from pydantic import TypeAdapter

from lottery.exhibits import Chart, Exhibit, Map, Matrix

_LARGEST = 1e100
"""Whose square is a number, too."""
_SMALLEST = 1e-100
"""What is closer to zero is drawn as zero: a logarithm's axis spans no more than it can have ticks for."""
_LONGEST = 600
"""Characters of a sentence or a cell."""
_MOST = {"answers": 12, "charts": 24, "curves": 64, "spots": 1000, "marks": 1000, "across": 20, "rows": 1000}
_MOST_CELLS = 30_000
"""Of a table or a matrix."""


@cache
def _exhibits() -> TypeAdapter[Exhibit]:
    return TypeAdapter(Exhibit)


def cut(text: str) -> str:
    """Return a text without what nobody would read of it."""
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 3]}..."


def sound(exhibit: object) -> Exhibit:
    """Return an exhibit of which everything can be drawn: long texts and lists are cut.

    Raises:
        ValueError: something isn't what it should be.
        TypeError: it is no exhibit.
    """
    if not isinstance(exhibit, Exhibit):
        raise TypeError(f"{type(exhibit).__name__} is no Exhibit")
    whole = _exhibits().validate_python(_within_limits(dataclasses.asdict(exhibit)))
    # Again: validated, a text such as "nan" is a number.
    whole = _exhibits().validate_python(_within_limits(dataclasses.asdict(whole)))
    names = [chart.name for chart in whole.charts]
    if len(set(names)) < len(names):
        raise ValueError("two charts have one name")
    for chart in whole.charts:
        for curve in chart.curves if isinstance(chart, Chart) else ():
            if len(curve.x) != len(curve.y):
                raise ValueError(f"{len(curve.x)} x for {len(curve.y)} y in {chart.name}")
        if isinstance(chart, Matrix):
            _rectangle(chart.name, len(chart.rows), len(chart.columns), chart.values)
    if whole.table:
        _rectangle("the table", len(whole.table.rows), len(whole.table.headings), whole.table.rows)
    return dataclasses.replace(whole, charts=[chart for chart in whole.charts if _has_points(chart)])


def _has_points(chart: Chart | Map | Matrix) -> bool:
    """Return whether there is anything to draw; a single density is in the table, and no chart."""
    if isinstance(chart, Chart):
        if chart.sparser_right and len({x for curve in chart.curves for x in curve.x}) < 2:
            return False
        return any(value is not None for curve in chart.curves for values in curve.y for value in values)
    return bool(chart.spots if isinstance(chart, Map) else chart.values)


def _rectangle(name: str, rows: int, columns: int, cells: Sequence[Sequence[object]]) -> None:
    if len(cells) != rows or any(len(row) != columns for row in cells):
        raise ValueError(f"{name} hasn't {columns} cells in each of {rows} rows")
    if rows * columns > _MOST_CELLS:
        raise ValueError(f"{name} has {rows * columns:,} cells, and at most {_MOST_CELLS:,} can be shown")


def _within_limits(value: Any, name: str = "") -> Any:
    if isinstance(value, str):
        return cut(value)
    if isinstance(value, Mapping):
        kept = islice(value.items(), _MOST.get(name))
        return {_within_limits(key): _within_limits(part, key) for key, part in kept}
    if isinstance(value, Sequence):
        return [_within_limits(part) for part in value[: _MOST.get(name)]]
    if isinstance(value, int | float) and not (abs(value) <= _LARGEST):
        raise ValueError(f"{name or 'a number'} is {value!r:.40}")
    return 0.0 if isinstance(value, float) and abs(value) < _SMALLEST else value
