"""Lines of an analysis as its `SHOWN` reads them: arm by arm, level by level, from dense to sparse."""

import math
from collections.abc import Mapping, Sequence

from lottery.arms import in_order, is_main
from lottery.exhibits import Curve, Line
from lottery.statistics import ANSWERS, Estimate, estimate

Levels = dict[int, list[Line]]
"""Level -> its lines, by replicate; from dense to sparse."""


def usual(lines: Sequence[Line]) -> list[Line]:
    """Return the lines of networks trained in the usual order of batches."""
    return [line for line in lines if not line["of"].get("order", 0)]


def arms_of(lines: Sequence[Line]) -> list[str]:
    """Return the arms that lines are of, in the order in which they are shown."""
    return in_order(dict.fromkeys(str(line["of"]["arm"]) for line in lines))


def of_arm(lines: Sequence[Line], arm: str | None = None) -> Levels:
    """Return the lines of an arm, or where none is named of main arms: what a study is about; else of no other."""
    own = [line for line in usual(lines) if (is_main(line["of"]["arm"]) if arm is None else line["of"]["arm"] == arm)]
    levels: Levels = {}
    for line in sorted(own, key=lambda line: (line["of"]["level"], line["of"]["replicate"])):
        levels.setdefault(line["of"]["level"], []).append(line)
    return dict(sorted(levels.items(), key=lambda item: -density(item[1])))


def density(lines: Sequence[Line]) -> float:
    """Return the mean density of some lines, in %."""
    return 100 * math.fsum(line["values"]["density"] for line in lines) / len(lines)


def value(line: Line, *place: str) -> float | None:
    """Return a number among what a line found, by the names that lead to it; None where it has none."""
    at = line["values"]
    for name in place:
        at = at.get(name) if isinstance(at, dict) else None
    return at if isinstance(at, int | float) else None


def values(lines: Sequence[Line], *place: str) -> dict[int, float]:
    """Return replicate -> number, of those that have one."""
    found = {line["of"]["replicate"]: value(line, *place) for line in lines}
    return {replicate: one for replicate, one in found.items() if one is not None}


def mean(lines: Sequence[Line], *place: str) -> Estimate | None:
    """Return the mean of a number over replicates; None where there is none."""
    found = values(lines, *place)
    return estimate([*found.values()]) if found else None


def curve(label: str, levels: Levels, *place: str, at: int = 0) -> Curve:
    """Return the curve of a number over densities, in the colour of place `at`."""
    own = {level: [*found.values()] for level, lines in levels.items() if (found := values(lines, *place))}
    return Curve(label, [density(levels[level]) for level in own], [*own.values()], place=at, points=True)


def at_levels(said: Mapping[int, str]) -> str:
    """Return at which levels an answer is given, in words: `Yes at levels 1 to 3, undecided at level 4.`"""
    of_each = [(word, [level for level, one in said.items() if one == word]) for word in ANSWERS]
    told = [f"{word} at level{'s' * (len(levels) > 1)} {runs(levels)}" for word, levels in of_each if levels]
    return f"{', '.join(told).capitalize()}."


def runs(levels: Sequence[int]) -> str:
    """Return numbers in words: `0 to 3, 5`."""
    found: list[list[int]] = []
    for level in sorted(levels):
        if found and level == found[-1][-1] + 1:
            found[-1].append(level)
        else:
            found.append([level])
    return ", ".join(str(run[0]) if len(run) == 1 else f"{run[0]} to {run[-1]}" for run in found)


def written(found: Estimate | None, digits: int = 3) -> str:
    """Return a mean with its interval as a cell of a table: `0.125 ± 0.004`; nothing where there is none.

    Decimals that an interval makes meaningless are left out: of 28.8242 ± 110.2009, with two figures, 29 ± 110.
    """
    if found is None:
        return ""
    if found.half_width and found.half_width > abs(found.mean):
        digits = max(0, min(digits, 1 - math.floor(math.log10(found.half_width))))
    spread = "" if found.half_width is None else f" ± {found.half_width:.{digits}f}"
    return f"{found.mean:.{digits}f}{spread}"
