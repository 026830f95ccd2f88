"""Barriers told: which networks are stable, from which step on, in sentences."""

from collections.abc import Iterator, Sequence
from itertools import groupby

from lottery.analyses._barriers import KINDS, MOST_LEVELS, Group, onset, unit
from lottery.analyses._lines import written
from lottery.arms import is_main


def sentences(own: Sequence[Group]) -> Iterator[str]:
    """Yield what holds of pairs of one kind: of what the study is about, then of its controls."""
    for _, series in groupby(own, key=lambda group: group.series):
        yield _sentence(list(series))


def _sentence(series: Sequence[Group]) -> str:
    first = series[0]
    whose = "" if is_main(first.arm) else f" ({first.arm})"
    levels = [list(level) for _, level in groupby(series, key=lambda group: group.level)]
    told = _one_by_one(levels) if len(levels) <= MOST_LEVELS else _together(levels)
    words = KINDS[first.kind]
    return f"{words[0].upper()}{words[1:]}{whose}: {'; '.join(told)}."


def _one_by_one(levels: Sequence[Sequence[Group]]) -> Iterator[str]:
    for level in levels:
        stable, last = onset(level), level[-1]
        shown = stable or last
        when = ""
        if shown.kind == "orders":
            when = f" from step {shown.step:,} on" if stable else f" up to step {last.step:,}"
        doubtful = [group.step for group in level if group.verdict == "undecided" and stable and group is not stable]
        but = f", undecided at step {', '.join(f'{step:,}' for step in doubtful)}" if doubtful else ""
        yield (
            f"level {shown.level} ({shown.density:.3g} % of the weights) is {shown.verdict}{when}: barrier "
            f"{written(shown.barrier(), 2)} {unit(shown.lines[0]['values'])}{but}"
        )


def _together(levels: Sequence[Sequence[Group]]) -> Iterator[str]:
    """Yield levels of one verdict, and step, together, and their barriers from least to most."""
    shown = [onset(level) or level[-1] for level in levels]
    together: dict[tuple[str, int], list[Group]] = {}
    for group in shown:
        together.setdefault((group.verdict, group.step if group.kind == "orders" else 0), []).append(group)
    for (verdict, step), own in together.items():
        when = ""
        if own[0].kind == "orders":
            when = f" from step {step:,} on" if verdict == "stable" else f" up to step {step:,}"
        means = sorted(found.mean for group in own if (found := group.barrier()) is not None)
        low, high = (f"{value:.2f}" for value in (means[0], means[-1])) if means else ("", "")
        barrier = low if low == high else f"{low} to {high}"
        where = f"level{'s' * (len(own) > 1)} {_runs([group.level for group in own])}"
        yield f"{verdict}{when} at {where} (barrier {barrier} {unit(own[0].lines[0]['values'])})"


def _runs(levels: Sequence[int]) -> str:
    """Return numbers in words: `0 to 3, 5`."""
    runs: list[list[int]] = []
    for level in levels:
        if runs and level == runs[-1][-1] + 1:
            runs[-1].append(level)
        else:
            runs.append([level])
    return ", ".join(str(run[0]) if len(run) == 1 else f"{run[0]} to {run[-1]}" for run in runs)
