"""Barriers told: which networks are stable, from which step on, in sentences."""

from collections.abc import Iterator, Sequence
from itertools import groupby

from lottery.analyses._barriers import KINDS, Group, onset, unit
from lottery.analyses._lines import runs, written
from lottery.arms import is_main

_MOST_TOLD = 3
"""Levels that are told one by one."""


def sentences(own: Sequence[Group]) -> Iterator[str]:
    """Yield what holds of pairs of one kind: of what the study is about, then of its controls."""
    for _, series in groupby(own, key=lambda group: group.series):
        yield _sentence(list(series))


def _sentence(series: Sequence[Group]) -> str:
    first = series[0]
    whose = "" if is_main(first.arm) else f" ({first.arm})"
    levels = [list(level) for _, level in groupby(series, key=lambda group: group.level)]
    told = _one_by_one(levels) if len(levels) <= _MOST_TOLD else _together(levels)
    words = KINDS[first.kind]
    return ". ".join([f"Between {words}{whose}", *(f"{one[0].upper()}{one[1:]}" for one in told)]) + "."


def _one_by_one(levels: Sequence[Sequence[Group]]) -> Iterator[str]:
    for level in levels:
        stable = onset(level)
        shown = stable or level[-1]
        when = _when(level, shown)
        doubtful = [group.step for group in level if group.verdict == "undecided" and stable and group is not stable]
        but = f", undecided at step {', '.join(f'{step:,}' for step in doubtful)}" if doubtful else ""
        yield (
            f"{shown.levels}: {shown.verdict}{when}, barrier {written(shown.barrier(), 2)} "
            f"{unit(shown.lines[0]['values'])}{f' ({shown.remedy})' if shown.remedy else ''}{but}"
        )


def _together(levels: Sequence[Sequence[Group]]) -> Iterator[str]:
    """Yield levels of one verdict, and step, together, and their barriers from least to most."""
    shown = [onset(level) or level[-1] for level in levels]
    together: dict[tuple[str, str], list[Group]] = {}
    for level, group in zip(levels, shown, strict=True):
        together.setdefault((group.verdict, _when(level, group)), []).append(group)
    for (verdict, when), own in together.items():
        means = sorted(found.mean for group in own if (found := group.barrier()) is not None)
        low, high = (f"{value:.2f}" for value in (means[0], means[-1])) if means else ("", "")
        barrier = low if low == high else f"{low} to {high}"
        where = f"level{'s' * (len(own) > 1)} {runs([group.level for group in own])}"
        where += " and the next" * (own[0].kind == "levels")
        remedies = list(dict.fromkeys(group.remedy for group in own))
        settled = f"; {remedies[0]}" if len(remedies) == 1 and remedies[0] else ""
        yield f"{where}: {verdict}{when}, barrier {barrier} {unit(own[0].lines[0]['values'])}{settled}"


def _when(level: Sequence[Group], shown: Group) -> str:
    """Return from which step on copies are stable, or at which last ones of those looked at they have the verdict."""
    if shown.kind != "orders":
        return ""
    if shown.verdict == "stable":
        return f" from step {shown.step:,} on"
    alike = next((at for at, group in enumerate(reversed(level)) if group.verdict != shown.verdict), len(level))
    first = level[-alike].step
    return f" at step {shown.step:,}" if first == shown.step else f" from step {first:,} to {shown.step:,}"
