"""An exhibit is what a report shows of a probe or an analysis: sentences that answer, charts, a table; plain data.

Whoever finds something says here what it means; the report alone draws it, on paper, on its page, in the terminal.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

Finding = float | int | bool | str | None | Sequence["Finding"] | Mapping[str, "Finding"]
Findings = Mapping[str, Finding]
"""What was measured, by name: numbers, texts, lists, and mappings of them, such as one for each layer. Null: no finite
number."""
Limits = tuple[float | None, float | None]
"""Least and most that something can be; None where there is no such thing."""
Line = Mapping[str, Any]
"""A line of `probes.jsonl` (`lottery.store.records.Probing`) or of `analysis/NAME.jsonl` (`Analysed`)."""


@dataclass(frozen=True)
class Curve:
    """A curve is drawn through means over replicates, with their intervals as a band.

    Attributes:
        label: in the legend.
        x: positions along the chart's x axis.
        y: at each of them, one value for each replicate; None isn't counted, and no value leaves a gap.
        place: which colour it has: curves that belong together, in other charts too, have one place. Beyond six,
            colours come back with another dash.
        shade: from 0 (light) to 1 (dark), in place of a place's colour: of curves in an order, such as levels from
            dense to sparse.
        dashed: whether its line is.
        points: whether its points are marked, rather than joined by the line alone.
    """

    label: str
    x: Sequence[float]
    y: Sequence[Sequence[float | None]]
    place: int = 0
    shade: float | None = None
    dashed: bool = False
    points: bool = False


@dataclass(frozen=True)
class Chart:
    """A chart shows curves over one axis.

    Attributes:
        name: of its file, in small letters and hyphens; no other chart of the exhibit has it.
        title: what it shows, in a few words.
        x: label of the x axis, with its unit.
        y: label of the y axis, with its unit.
        curves: what is drawn.
        scales: of x and y.
        across: label -> y of lines across, such as thresholds.
        marks: x of faint vertical lines, such as the steps at which masks moved.
        mark: what is there, in the legend.
        sparser_right: whether x are densities in %, drawn from dense on the left to sparse on the right.
        limits: least and most that y can be: intervals are drawn no further. None where there is no such thing.
    """

    name: str
    title: str
    x: str
    y: str
    curves: Sequence[Curve]
    scales: tuple[Literal["linear", "log"], Literal["linear", "log"]] = ("linear", "linear")
    across: Mapping[str, float] = field(default_factory=dict)
    marks: Sequence[float] = ()
    mark: str = ""
    sparser_right: bool = False
    limits: Limits = (None, None)


@dataclass(frozen=True)
class Spot:
    """A spot is one network on a map; spots of one place have one colour, and one line in the legend.

    Attributes:
        label: in the legend.
        at: its x and y.
        place: which colour it has, as a curve's.
        shade: as a curve's.
        hollow: whether it is drawn as a ring, as starts are, rather than as a disc.
        towards: x and y where an arrow from it ends, such as from a start to its end.
        note: what is said of it where it is pointed at, such as its level.
    """

    label: str
    at: tuple[float, float]
    place: int = 0
    shade: float | None = None
    hollow: bool = False
    towards: tuple[float, float] | None = None
    note: str = ""


@dataclass(frozen=True)
class Map:
    """A map shows networks in a plane whose two axes have one scale.

    Attributes:
        name: of its file, as a chart's.
        title: what it shows.
        unit: of both axes.
        spots: what is drawn.
    """

    name: str
    title: str
    unit: str
    spots: Sequence[Spot]


@dataclass(frozen=True)
class Matrix:
    """A matrix shows one number for each pair of things, the larger the darker.

    Attributes:
        name: of its file, as a chart's.
        title: what it shows.
        unit: of the numbers, in words.
        rows: what each row is of.
        columns: what each column is of.
        values: one for each column in each row; None where there is none.
    """

    name: str
    title: str
    unit: str
    rows: Sequence[str]
    columns: Sequence[str]
    values: Sequence[Sequence[float | None]]


@dataclass(frozen=True)
class Table:
    """A table has headings and rows of texts that are written already.

    Attributes:
        headings: with units.
        rows: as many cells each as there are headings.
    """

    headings: Sequence[str]
    rows: Sequence[Sequence[str]]


@dataclass(frozen=True)
class Exhibit:
    """An exhibit is one section of a report.

    Attributes:
        title: its heading.
        answers: one to five sentences, with numbers, that say what was found; the first answers the question.
        charts: in the order in which they are shown.
        table: the numbers.
        meaning: how it is defined, by which paper, in one or two sentences.
    """

    title: str
    answers: Sequence[str]
    charts: Sequence[Chart | Map | Matrix] = ()
    table: Table | None = None
    meaning: str = ""


def written(findings: Mapping[str, Any]) -> dict[str, Any]:
    """Return findings as they stand in a line of JSON: plain numbers, lists and dicts, and null for what isn't finite.

    Raises:
        TypeError: something is neither a number, a text nor a list or mapping of them; the message names it.
    """
    return {str(name): _written(value, str(name)) for name, value in findings.items()}


def _written(value: Any, name: str) -> Any:
    if value is None or isinstance(value, bool | str | int):
        return value
    if isinstance(value, Mapping):
        return {str(key): _written(part, f"{name}.{key}") for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [_written(part, name) for part in value]
    if hasattr(value, "tolist"):  # of torch and NumPy: a number, or lists of them
        return _written(value.tolist(), name)
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else None
    raise TypeError(f"{name} is a {type(value).__name__}")
