"""Tables for the terminal."""

from collections.abc import Callable, Sequence

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from lottery.report import costs
from lottery.report.comparison import differences, labels, pooled, repetitions
from lottery.report.methods import points
from lottery.report.rows import level_rows
from lottery.report.statistics import Estimate, arms_of, by_level_and_arm
from lottery.report.verdicts import DEFINITIONS, INTERVALS, NO_DENSE, Verdict, judged, missing_controls, summed_up
from lottery.store.files import Record
from lottery.store.run import Run


def run_tables(run: Run) -> RenderableType:
    """What a run has found so far: accuracy and early-stop step by level and arm."""
    levels, record = costs.with_costs(run), run.record
    config = run.config
    replicates = len({line["replicate"] for line in levels})
    status = "killed" if run.abandoned else record["status"]
    heading = (
        f"{record['id']}: {record['study']}, {status}; {config.model.name} on {config.data.name}, "
        f"{replicates} of {config.replicates} replicates"
    )
    if not levels:
        return Group(Text(heading, style="bold"), Text("no network is trained yet"))
    parts: list[RenderableType] = [Text(heading, style="bold")]
    if record.get("parent"):
        parts.append(Text("retrained from " + str(record["parent"]) + ": " + _spelt(record["rewind"])))
    parts += _level_tables(run, levels)
    return Group(*parts)


def comparison_tables(runs: Sequence[Run]) -> RenderableType:
    """What several runs say together: repetitions of one study pooled, and the settings in which the others differ."""
    trained = [run for run in runs if run.levels()]
    groups = repetitions(trained)
    parts: list[RenderableType] = []
    for group in groups:
        if len(group) > 1:
            levels = pooled(group)
            names = ", ".join(run.record["id"] for run in group)
            replicates = len({line["replicate"] for line in levels})
            parts.append(Text(f"pooled: {names}: one study, {replicates} replicates", style="bold"))
            parts += _level_tables(group[0], levels)
    if len(groups) > 1:
        parts.append(_methods_table(groups))
        table = Table(header_style="bold")
        for heading in ("setting", *labels(groups)):
            table.add_column(Text(heading))
        for key, values in differences([group[0] for group in groups]).items():
            table.add_row(*(Text(cell) for cell in (key, *values)))
        parts += [Text("in which the studies differ"), table]
    return Group(*parts)


def _methods_table(groups: Sequence[Sequence[Run]]) -> RenderableType:
    """Accuracy and cost of each study's networks, by density, controls left out."""
    table = Table(header_style="bold")
    headings = ("weights %", "study", "test accuracy, %", "minus dense, points", "matching", "inference FLOPs",
                "training FLOPs", "with rounds before")  # fmt: skip
    for heading in headings:
        table.add_column(heading, justify="left" if heading in ("study", "matching") else "right")
    for point in points(groups):
        cells = (
            f"{100 * point.density:.1f}",
            point.label,
            "diverged" if point.accuracy is None else _percent(point.accuracy),
            "" if point.difference is None else _percent(point.difference, sign="+"),
            "" if point.difference is None else point.matching,
            *(costs.spelt(count) for count in (point.flops, point.train_flops, point.total_train_flops)),
        )
        table.add_row(*(Text(cell) for cell in cells))
    note = "minus dense: by seed and replicate, with a dense network of the same model and data; "
    return Group(Text("studies by density"), table, Text(note + INTERVALS))


def _costs(levels: Sequence[Record]) -> RenderableType:
    """What tickets, or networks sparse from the start, cost by count, and the seconds that were measured."""
    table = Table(header_style="bold")
    headings = ("level", "weights %", "compression", "theoretical speed-up", "inference FLOPs", "training FLOPs",
                "of dense", "with rounds before", "seconds measured")  # fmt: skip
    for heading in headings:
        table.add_column(heading, justify="right")
    for row in level_rows(levels):
        if row["arm"] == "main":
            share = row["train_flops_of_dense"]
            table.add_row(
                str(row["level"]),
                f"{100 * row['density']:.1f}",
                _times(row["compression_ratio"]),
                _times(row["theoretical_speedup"]),
                *(costs.spelt(row[key]) for key in ("flops", "train_flops")),
                "" if share is None else f"{100 * share:.1f} %",
                costs.spelt(row["total_train_flops"]),
                "" if row["train_seconds_mean"] is None else f"{row['train_seconds_mean']:,.1f}",
            )
    return Group(Text("cost of one network"), table, Text(costs.CONVENTIONS, style="dim"))


def _times(ratio: float | None) -> str:
    return "" if ratio is None else f"{ratio:.1f}×"


def _level_tables(run: Run, levels: Sequence[Record]) -> list[RenderableType]:
    """Accuracy and early-stop step by level and arm, cost, verdicts, and what one has to know."""
    found = judged(run, levels)
    parts: list[RenderableType] = []
    for name, spans, sparsest in summed_up(found):
        parts.append(Text(f"{name}: {'; '.join(f'{answer} at {at} %' for answer, at in spans.items())} of the weights"))
        parts += [Text(f"  {sparsest}", style="dim")] if sparsest else []
    parts += [_table("test accuracy at the end of training, %", levels, "test_accuracy", _percent)]
    if any(line["early_stop_step"] is not None for line in levels):
        parts += [
            _table("early-stop step (first minimum of the validation loss)", levels, "early_stop_step", _steps),
            _table("test accuracy at the early-stop step, %", levels, "early_stop_test_accuracy", _percent),
        ]
    parts.append(_costs(levels))
    if found:
        parts.append(_verdicts(found))
    elif all(line["level"] for line in levels):
        parts.append(Text(NO_DENSE))
    parts += [Text(note, style="bold") for note in _notes(levels)]
    if len({line["replicate"] for line in levels}) > 1:
        parts.append(Text(f"mean ± half width of the 95 % t-interval over replicates; {INTERVALS}", style="dim"))
    return parts


def _verdicts(found: Sequence[Verdict]) -> RenderableType:
    """Answers by level."""
    names = list(dict.fromkeys(verdict.name for verdict in found))
    table = Table(header_style="bold")
    for heading in ("level", "weights %", *names):
        table.add_column(heading, justify="right" if heading in ("level", "weights %") else "left")
    for level in dict.fromkeys(verdict.level for verdict in found):
        own = {verdict.name: verdict for verdict in found if verdict.level == level}
        cells = [own[name].answer if name in own else "" for name in names]
        table.add_row(str(level), f"{100 * next(iter(own.values())).density:.1f}", *cells)
    return Group(
        Text("verdicts (definitions, numbers, and what would settle the open ones: lottery report RUN --verdicts)"),
        table,
    )


def verdict_lines(run: Run) -> list[str]:
    """Every verdict with its numbers, after the definitions."""
    found = judged(run, run.levels())
    if not found:
        return [NO_DENSE if all(line["level"] for line in run.levels()) else "no sparse networks to judge"]
    lines = [f"{name}: {DEFINITIONS[name]}" for name in dict.fromkeys(verdict.name for verdict in found)]
    lines.append(f"±: {INTERVALS}")
    for verdict in found:
        missing = f"; to settle it: {verdict.missing}" if verdict.missing else ""
        lines.append(
            f"level {verdict.level} ({verdict.density:.1%} of weights), {verdict.name}: {verdict.answer}. "
            f"{verdict.numbers}{missing}"
        )
    missing = missing_controls(run, run.levels())
    return [*lines, missing] if missing else lines


def _notes(levels: Sequence[Record]) -> list[str]:
    """What one has to know of some networks to read the tables."""
    notes = []
    for line in levels:
        name = f"level {line['level']}, replicate {line['replicate']}, {line['arm']}"
        if line.get("diverged") is not None:
            notes.append(f"{name}: diverged at step {line['diverged']:,}; left out, with all that would start from it")
        if line.get("collapsed"):
            notes.append(f"{name}: no path is left through {', '.join(line['collapsed'])}")
    return notes


def _spelt(rewind: Record) -> str:
    return f"level {rewind['level']} from {rewind['to']}it, weights {rewind['weights']}, mask {rewind['mask']}"


def _table(title: str, levels: Sequence[Record], key: str, write: Callable[[Estimate], str]) -> RenderableType:
    estimates = by_level_and_arm(levels, key)
    table = Table(header_style="bold")
    arms = arms_of(levels)
    for heading in ("level", "weights %", *arms):
        table.add_column(heading, justify="right", no_wrap=True)
    densities = {line["level"]: line["density"] for line in levels}
    for level, density in sorted(densities.items()):
        cells = [write(estimates[level, arm]) if (level, arm) in estimates else "" for arm in arms]
        table.add_row(str(level), f"{100 * density:.1f}", *cells)
    return Group(Text(title), table)  # not the table's own title, which wraps where the table is narrow


def _percent(value: Estimate, sign: str = "") -> str:
    return f"{100 * value.mean:{sign}.2f}" + ("" if value.half_width is None else f" ± {100 * value.half_width:.2f}")


def _steps(value: Estimate) -> str:
    return f"{value.mean:,.0f}" + ("" if value.half_width is None else f" ± {value.half_width:,.0f}")
