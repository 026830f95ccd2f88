"""Barriers in rows: one for all pairs of a kind, arm, level and first step."""

from collections.abc import Sequence

from lottery.analyses._barriers import Group, unit
from lottery.analyses._lines import written
from lottery.exhibits import Table


def table(found: Sequence[Group]) -> Table:
    values = found[0].lines[0]["values"]
    recomputed = bool(values["recomputed_over"])
    headings = ["between", "arm", "level", "weights, %", "from step", "pairs"]
    headings += [f"barrier, {unit(values)}", "verdict", "training barrier", "loss barrier"]
    rows = []
    for group in found:
        others = [written(group.barrier("train_error"), 2), written(group.barrier("test_loss"), 3)]
        as_they_are = [written(group.barrier(statistics="as_they_are"), 2)] if recomputed else []
        rows.append([
            group.kind, _arms(group), _levels(group), " to ".join(group.densities), f"{group.step:,}",
            str(len(group.lines)), written(group.barrier(), 2), group.verdict, *others, *as_they_are,
        ])  # fmt: skip
    return Table([*headings, *(["statistics as they are"] if recomputed else [])], rows)


def _arms(group: Group) -> str:
    """Return the arm, and that of the next level where it has another."""
    return " to ".join(dict.fromkeys([group.arm, *(line["of"].get("with_arm", group.arm) for line in group.lines)]))


def _levels(group: Group) -> str:
    return f"{group.level} to {group.level + 1}" if group.kind == "levels" else str(group.level)
