"""Barriers drawn: against the step at which copies part, against density, and errors along the line."""

from collections.abc import Iterator, Sequence
from itertools import groupby

from lottery.analyses._barriers import KINDS, MOST_LEVELS, STABLE_BELOW, Group, unit
from lottery.exhibits import Chart, Curve, Line


def charts_of(own: Sequence[Group]) -> Iterator[Chart]:
    """Yield the charts of pairs of one kind."""
    yield from _against_step(own)
    yield from _against_density(own)
    yield from _along(own)


def _against_step(own: Sequence[Group]) -> Iterator[Chart]:
    """Yield the barrier against the step at which copies left, a curve for each density; where there are several."""
    for series, found in groupby(own, key=lambda group: group.series):
        together = list(found)
        levels = [list(level) for _, level in groupby(together, key=lambda group: group.level)]
        if own[0].kind == "orders" and any(len(level) > 1 for level in levels):
            curves = [
                Curve(
                    f"{level[0].density:.3g} %", [group.step for group in level],
                    [group.values(_test_barrier) for group in level],
                    shade=_shade(place, len(levels)), points=True,
                )
                for place, level in enumerate(levels)
            ]  # fmt: skip
            yield _chart(
                f"barrier-step-{series}", f"Barrier between copies by the step at which they part: {_named(together)}",
                "step", _label(own, " barrier, "), curves, across=True,
            )  # fmt: skip


def _against_density(own: Sequence[Group]) -> Iterator[Chart]:
    """Yield the barrier against density, of copies that part first, a curve for each arm; where there are several."""
    curves = []
    for place, (_, found) in enumerate(groupby(own, key=lambda group: group.series)):
        first = [next(level) for _, level in groupby(found, key=lambda group: group.level)]
        y = [group.values(_test_barrier) for group in first]
        curves.append(Curve(_named(first), [group.density for group in first], y, place=place, points=True))
    if any(len(curve.x) > 1 for curve in curves):
        title = f"Barrier between {KINDS[own[0].kind]}"
        name, unit = f"barrier-{own[0].kind}", _label(own, " barrier, ")
        yield _chart(name, title, "weights remaining, %", unit, curves, across=True)


def _along(own: Sequence[Group]) -> Iterator[Chart]:
    """Yield the error along the line, at a few densities, of what the study is about; of controls, where alone."""
    series = [group for group in own if group.series == own[0].series]
    first = [next(level) for _, level in groupby(series, key=lambda group: group.level)]
    few = sorted({round(place * (len(first) - 1) / (MOST_LEVELS - 1)) for place in range(MOST_LEVELS)})
    curves = [
        Curve(
            f"{group.density:.3g} %", group.lines[0]["values"]["alpha"], _points_along(group, "test_error"),
            shade=_shade(place, len(few)),
        )
        for place, group in enumerate(first[index] for index in few)
    ]  # fmt: skip
    yield _chart(
        f"error-{own[0].kind}",
        f"On the line between {KINDS[own[0].kind]}",
        "share of the way from one to the other, α",
        _label(own),
        curves,
    )


def _points_along(group: Group, name: str) -> list[list[float]]:
    length = len(group.lines[0]["values"]["alpha"])
    same = [line for line in group.lines if len(line["values"]["alpha"]) == length]
    own = Group(group.kind, group.arm, group.level, group.step, same)
    return [own.values(lambda line, place=place: line["values"][name][place]) for place in range(length)]  # type: ignore[misc]


def _chart(name: str, title: str, x: str, y: str, curves: Sequence[Curve], *, across: bool = False) -> Chart:
    by_density = x.startswith("weights")
    lines = {"stable below": STABLE_BELOW} if across else {}
    return Chart(
        name, title, x, y, curves, ("log" if by_density else "linear", "linear"), lines,
        sparser_right=by_density, limits=(0, None),
    )  # fmt: skip


def _test_barrier(line: Line) -> float | None:
    value: float | None = line["values"]["test_error_barrier"]
    return value


def _named(series: Sequence[Group]) -> str:
    """Return the arms of a series: `dense and ticket`."""
    return " and ".join(dict.fromkeys(group.arm for group in series))


def _label(own: Sequence[Group], before: str = "") -> str:
    values = own[0].lines[0]["values"]
    return f"test {values['error']}{before or ', '}{unit(values) if before else values['unit']}".removesuffix(", ")


def _shade(place: int, count: int) -> float:
    return place / max(1, count - 1)
