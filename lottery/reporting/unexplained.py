"""Lines of a probe or an analysis that nobody explains: a plugin's that isn't loaded, or one that says nothing."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from typing import Any

from lottery.exhibits import Exhibit, Line, Table
from lottery.statistics import estimate

_NETWORK = ("replicate", "level", "arm", "order")
_MOST = 12
"""Columns of numbers, and as many of what they are of."""
_MOST_ROWS = 1000


def unexplained(name: str, lines: Sequence[Line]) -> Exhibit:
    """Return an exhibit of the means over replicates of every number in lines; of a probe, at each network's last step.

    Raises:
        KeyError, TypeError, ValueError: lines are not such as a run keeps.
    """
    found: dict[tuple[tuple[str, Any], ...], dict[str, list[float]]] = {}
    for line in _last(lines):
        of = tuple((key, value) for key, value in _subject(line).items() if key != "replicate")
        if numbers := [*_numbers(line["values"])]:
            own = found.setdefault(of, {})
            for key, value in numbers:
                own.setdefault(key, []).append(value)
    subjects = list(dict.fromkeys(key for of in found for key, _ in of))[:_MOST]
    columns = list(dict.fromkeys(key for values in found.values() for key in values))[:_MOST]
    rows = []
    for of, values in islice(found.items(), _MOST_ROWS):
        said = dict(of)
        cells = [_written(values[key]) if key in values else "" for key in columns]
        rows.append([*(str(said.get(key, "")) for key in subjects), *cells])
    answer = f"{len(lines):,} lines were found; nothing here says what they mean (is a plugin not loaded?)."
    return Exhibit(name, [answer], (), Table([*subjects, *columns], rows) if columns else None)


def _subject(line: Line) -> Mapping[str, Any]:
    return line["of"] if "of" in line else {key: line[key] for key in (*_NETWORK, "step", "when")}


def _last(lines: Sequence[Line]) -> Sequence[Line]:
    """Return the lines that are the last of their network, of a probe's."""
    if not lines or "of" in lines[0]:
        return lines
    found = {tuple(line[key] for key in (*_NETWORK, "when")): line for line in lines}
    return list(found.values())


def _numbers(values: Mapping[str, Any], before: str = "") -> Iterator[tuple[str, float]]:
    for key, value in values.items():
        if isinstance(value, Mapping):
            yield from _numbers(value, f"{before}{key}.")
        elif isinstance(value, int | float) and not isinstance(value, bool):
            yield f"{before}{key}", float(value)


def _written(values: Sequence[float]) -> str:
    one = estimate(values)
    return f"{one.mean:.4g}" if one.half_width is None else f"{one.mean:.4g} ± {one.half_width:.2g}"
