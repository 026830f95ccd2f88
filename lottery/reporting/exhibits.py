"""What a report shows of a run's probes and analyses: what these say of their lines, if that can be drawn."""

import dataclasses
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, NamedTuple

from pydantic import TypeAdapter

from lottery import registry
from lottery.errors import LotteryError
from lottery.escape import visible
from lottery.exhibits import Chart, Curve, Exhibit, Line, Map, Matrix
from lottery.reporting.unexplained import unexplained
from lottery.statistics import Estimate, estimate
from lottery.store.reader import Reader

LEAST_FOR_BANDS = 3
"""Replicates: the interval of two would cover the frame."""
_LARGEST = 1e100
"""Whose square is a number, too."""
_LONGEST = 600
"""Characters of a sentence or a cell."""
_MOST = {"answers": 12, "charts": 24, "curves": 64, "spots": 2000, "marks": 1000, "rows": 1000}


@dataclass(frozen=True)
class Shown:
    """What is shown of a probe or an analysis of a run.

    Attributes:
        name: of the probe or analysis.
        exhibit: whose numbers, texts and lengths can be drawn; None where there is none.
        note: why there is none, in one line.
    """

    name: str
    exhibit: Exhibit | None
    note: str = ""


class Point(NamedTuple):
    """A point of a curve: x, and what was found over replicates."""

    x: float
    found: Estimate


def shown_of(run: Reader) -> list[Shown]:
    """Return what is shown of each probe and each analysis that found something in a run.

    Entries say it in `SHOWN`; of one that isn't there any more, or says nothing, means of its numbers are shown. What
    `SHOWN` can't make sense of, as of lines that a stranger forged, is left out with a note.
    """
    try:
        probed: dict[str, list[Line]] = {}
        for line in run.probes():
            probed.setdefault(line["probe"], []).append(line)
    except LotteryError as error:
        probed, found = {}, [Shown("probes", None, _first_line(error))]
    else:
        found = [_shown("probes", name, lines) for name, lines in probed.items()]
    for name in run.analysed():
        try:
            lines = run.analysis(name)
        except LotteryError as error:
            found.append(Shown(name, None, _first_line(error)))
        else:
            found += [_shown("analyses", name, lines)] if lines else []
    return found


def _shown(kind: str, name: str, lines: Sequence[Line]) -> Shown:
    try:
        explain = registry.find(kind, name).constants.get("SHOWN")
    except LookupError:  # a plugin's, which isn't loaded
        explain = None
    try:
        return Shown(name, sound(explain(lines) if explain else unexplained(name, lines)))
    except Exception as error:  # a user's code, or lines that were forged
        why = _first_line(error)
        return Shown(name, None, f"{name}: not shown, as its lines make no sense ({type(error).__name__}: {why})")


def _first_line(error: BaseException) -> str:
    text = visible((str(error).splitlines() or [""])[0])
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 3]}..."


@cache
def _exhibits() -> TypeAdapter[Exhibit]:
    return TypeAdapter(Exhibit)


def sound(exhibit: object) -> Exhibit:
    """Return an exhibit of which everything can be drawn: long texts and lists are cut.

    Raises:
        ValueError: something isn't what it should be.
        TypeError: it is no exhibit.
    """
    if not isinstance(exhibit, Exhibit):
        raise TypeError(f"{type(exhibit).__name__} is no Exhibit")
    whole = _exhibits().validate_python(_within_limits(dataclasses.asdict(exhibit)))
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
    return whole


def _rectangle(name: str, rows: int, columns: int, cells: Sequence[Sequence[object]]) -> None:
    if len(cells) != rows or any(len(row) != columns for row in cells):
        raise ValueError(f"{name} hasn't {columns} cells in each of {rows} rows")


def _within_limits(value: Any, name: str = "") -> Any:
    if isinstance(value, str):
        return value if len(value) <= _LONGEST else f"{value[: _LONGEST - 3]}..."
    if isinstance(value, Mapping):
        return {_within_limits(key): _within_limits(part, key) for key, part in value.items()}
    if isinstance(value, Sequence):
        return [_within_limits(part) for part in value[: _MOST.get(name)]]
    if isinstance(value, int | float) and not (abs(value) <= _LARGEST):
        raise ValueError(f"{name} is {value!r:.40}")
    return value


def stretches(curve: Curve, scales: Sequence[str], most: int = sys.maxsize) -> list[list[Point]]:
    """Return a curve's points, as many lists as gaps leave, each thinned out to `most` and one.

    A logarithm has no place for what isn't positive.
    """
    found: list[list[tuple[float, list[float]]]] = [[]]
    for x, values in sorted(zip(curve.x, curve.y, strict=True), key=lambda pair: pair[0]):
        own = [value for value in values if value is not None]
        if own and (scales[0] == "linear" or x > 0) and (scales[1] == "linear" or sum(own) > 0):
            found[-1].append((x, own))
        elif found[-1]:
            found.append([])
    return [[Point(x, estimate(own)) for x, own in thinned(stretch, most)] for stretch in found if stretch]


def ends(found: Estimate, scale: str) -> tuple[float, float] | None:
    """Return the interval as it is drawn: None where there are too few replicates for one."""
    if len(found.values) < LEAST_FOR_BANDS or found.low is None or found.high is None:
        return None
    low = found.low if scale == "linear" or found.low > 0 else min(value for value in found.values if value > 0)
    return min(low, found.mean), found.high


def thinned(points: Sequence[Any], most: int) -> list[Any]:
    """Return no more points than `most` and one, evenly spread, with the first and the last."""
    every = max(1, -(-len(points) // most))
    return [point for index, point in enumerate(points) if index % every == 0 or index == len(points) - 1]


def file_name(shown: Shown, chart: Chart | Map | Matrix) -> str:
    """Return how a chart's file is called, without its suffix: small letters, digits and hyphens alone."""
    text = (shown.name if chart.name == shown.name else f"{shown.name}-{chart.name}").lower()
    return "".join(one if one.isascii() and one.isalnum() else "-" for one in text)[:100]


def has_bands(exhibit: Exhibit) -> bool:
    """Return whether curves of an exhibit have intervals."""
    curves = [curve for chart in exhibit.charts if isinstance(chart, Chart) for curve in chart.curves]
    return any(len(values) >= LEAST_FOR_BANDS for curve in curves for values in curve.y)
