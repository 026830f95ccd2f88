"""Tables for the terminal."""

from collections.abc import Sequence

from rich.console import Group, RenderableType
from rich.text import Text

from lottery import words
from lottery.arms import is_main
from lottery.networks.key import Key
from lottery.reporting import comparison, entries, given, quantities
from lottery.reporting.comparison import pooled
from lottery.reporting.entries import Costed
from lottery.reporting.fitted import Fitted
from lottery.reporting.series import by_level, further_orders, has_dense, series_of, shown
from lottery.reporting.verdicts import Verdict, definition, judged, missing_controls, summed_up, unjudged
from lottery.statistics import INTERVALS
from lottery.store.reader import Reader
from lottery.studies.forecast import Forecast, coverage


def run_tables(run: Reader) -> RenderableType:
    """Return what a run has found so far: its metric and early-stop step by level and arm."""
    lines, record, config = pooled([run]), run.record, run.config
    replicates = len({line["replicate"] for line in lines})
    status = "killed" if run.abandoned else record["status"]
    heading = (
        f"{record['id']}: {record['study']}, {status}; {given.title(config)}, "
        f"{replicates} of {config.replicates} replicates"
    )
    parts: list[RenderableType] = [Text(heading, style="bold")]
    if not lines:
        return Group(*parts, Text("no network is trained yet"))
    made, parent = words.of_descent(record), record.get("parent")
    if made and parent:
        parts.append(Text(f"retrained from {parent}: {made}"))
    parts += _level_tables(run, lines)
    if further := further_orders(run.levels()):
        parts.append(Text(further))
    return Group(*parts)


def comparison_tables(runs: Sequence[Reader]) -> RenderableType:
    """Return what several runs say together: repetitions pooled, and in which conditions the others differ."""
    groups = comparison.repetitions([run for run in runs if shown(run.levels())])
    parts: list[RenderableType] = []
    for group in groups:
        if len(group) > 1:
            lines = pooled(group)
            ids = ", ".join(run.record["id"] for run in group)
            replicates = len({line["replicate"] for line in lines})
            parts.append(Text(f"pooled: {ids}: one study, {replicates} replicates", style="bold"))
            parts += _level_tables(group[0], lines)
    if len(groups) > 1:
        parts += [_studies_table(groups), *_differences(groups)]
    return Group(*parts)


def _differences(groups: Sequence[Sequence[Reader]]) -> list[RenderableType]:
    """Return in which settings studies differ; or that they are one, with one seed."""
    differing = comparison.differences([group[0] for group in groups])
    if not differing:
        same = "the same study with the same seed, carried out again: they differ in nothing, and are not pooled"
        return [Text(same, style="bold")]
    names = ("setting", *comparison.labels(groups))
    rows = [(key, *values) for key, values in differing.items()]
    return [Text("in which the studies differ"), Fitted(names, rows, left=names, keys=1)]


def _studies_table(groups: Sequence[Sequence[Reader]]) -> RenderableType:
    """Return the metric and cost of each study's networks, by density, controls left out."""
    found = comparison.standings(groups)
    costs = ("inference FLOPs", "training FLOPs", "with rounds before")
    names = ("weights, %", "study", *comparison.headings(found), "matching", *costs)
    rows = [
        (
            f"{100 * one.density:.1f}",
            one.label,
            "diverged" if one.value is None else quantities.at_end(one.metric).written(one.value),
            *(("", "") if one.gain is None else (quantities.in_points(one.metric, one.gain, unit=False), one.matching)),
            *(words.of_operations(count) for count in (one.flops, one.train_flops, one.total_train_flops)),
        )
        for one in found
    ]
    note = "minus dense: by seed and replicate, with a dense network of the same model and data; "
    return Group(Text("studies by density"), Fitted(names, rows, left=("study", "matching")), Text(note + INTERVALS))


def _costs(lines: Sequence[Costed]) -> RenderableType:
    """Return what tickets, or networks sparse from the start, cost by count, and the seconds that were measured."""
    names = ("level", "weights, %", "compression", "theoretical speed-up", "inference FLOPs", "training FLOPs",
             "of dense", "with rounds before", "seconds measured")  # fmt: skip
    rows = []
    for entry in entries.entries([line for line in lines if is_main(line["arm"])]):
        share, seconds = entry.train_flops_of_dense, entry.estimate(quantities.SECONDS)
        rows.append(
            (
                _level(entry.level, lines),
                f"{100 * entry.density:.1f}",
                _times(entry.compression_ratio),
                _times(entry.theoretical_speedup),
                words.of_operations(entry.flops),
                words.of_operations(entry.train_flops),
                "" if share is None else f"{100 * share:.1f} %",
                words.of_operations(entry.total_train_flops),
                "" if seconds is None else f"{seconds.mean:,.1f}",
            )
        )
    return Group(Text("cost of one network"), Fitted(names, rows), Text(entries.CONVENTIONS, style="dim"))


def _times(ratio: float | None) -> str:
    return "" if ratio is None else f"{ratio:.1f}×"


def _level(level: int, lines: Sequence[Costed]) -> str:
    """Return the number of a level; the dense one's says so: it stands in a column named after what is sparse."""
    return str(level) if level or not has_dense(lines) else "0 dense"


def _level_tables(run: Reader, lines: Sequence[Costed]) -> list[RenderableType]:
    """Return metric and early-stop step by level and arm, cost, verdicts, and what one has to know."""
    found, metric = judged(run, lines), quantities.metrics_of(run)[0]
    parts: list[RenderableType] = []
    for name, spans, sparsest in summed_up(found):
        parts.append(Text(f"{name}: {'; '.join(f'{answer} at {at} %' for answer, at in spans.items())} of the weights"))
        parts += [Text(f"  {sparsest}", style="dim")] if sparsest else []
    parts.append(_by_level_and_arm(lines, quantities.at_end(metric)))
    if any(line["early_stop"] for line in lines):
        explained = " (first minimum of the validation loss)"
        parts.append(_by_level_and_arm(lines, quantities.EARLY_STOP_STEP, explained))
        parts.append(_by_level_and_arm(lines, quantities.at_early_stop(metric)))
    parts.append(_costs(lines))
    if found:
        parts.append(_verdicts(found))
    elif not has_dense(lines):
        parts.append(Text(unjudged(run, lines)))
    parts += [Text(note, style="bold") for note in _notes(lines)]
    if len({line["replicate"] for line in lines}) > 1:
        parts.append(Text(f"mean ± half width of the 95 % t-interval over replicates; {INTERVALS}", style="dim"))
    return parts


def _by_level_and_arm(lines: Sequence[Costed], quantity: quantities.Quantity, explained: str = "") -> RenderableType:
    columns = {series.name: by_level(series.of(lines), quantity) for series in series_of(lines)}
    density = {line["level"]: f"{100 * line['density']:.1f}" for line in lines}
    rows = [
        (_level(level, lines), density[level], *(quantity.written(own.get(level)) for own in columns.values()))
        for level in sorted(density)
    ]
    # Not the table's own title, which wraps where the table is narrow.
    return Group(Text(quantity.label + explained), Fitted(("level", "weights, %", *columns), rows))


def _verdicts(found: Sequence[Verdict]) -> RenderableType:
    names = list(dict.fromkeys(verdict.name for verdict in found))
    rows = []
    for level in dict.fromkeys(verdict.level for verdict in found):
        own = {verdict.name: verdict for verdict in found if verdict.level == level}
        answers = [own[name].answer if name in own else "" for name in names]
        rows.append((str(level), f"{100 * next(iter(own.values())).density:.1f}", *answers))
    return Group(
        Text("verdicts (definitions, numbers, and what would settle the open ones: lottery report RUN --verdicts)"),
        Fitted(("level", "weights, %", *names), rows, left=names),
    )


def verdict_lines(run: Reader) -> list[str]:
    """Return every verdict with its numbers, after the definitions."""
    shown_lines = pooled([run])
    found = judged(run, shown_lines)
    if not found:
        return [unjudged(run, shown_lines)]
    metric = quantities.metrics_of(run)[0]
    lines = [f"{name}: {definition(name, metric)}" for name in dict.fromkeys(verdict.name for verdict in found)]
    lines.append(f"±: {INTERVALS}")
    for verdict in found:
        missing = f"; to settle it: {verdict.missing}" if verdict.missing else ""
        lines.append(
            f"level {verdict.level} ({verdict.density:.1%} of weights), {verdict.name}: {verdict.answer}. "
            f"{verdict.numbers}{missing}"
        )
    missing = missing_controls(run, shown_lines)
    return [*lines, missing] if missing else lines


def _notes(lines: Sequence[Costed]) -> list[str]:
    """Return what one has to know of some networks to read the tables."""
    notes = []
    for line in lines:
        if line["diverged"] is not None:
            step = f"{line['diverged']:,}"
            notes.append(f"{Key.of(line)}: diverged at step {step}; left out, with all that would start from it")
        if line["collapsed"]:
            notes.append(f"{Key.of(line)}: no path is left through {', '.join(line['collapsed'])}")
    return notes


def forecast_table(forecast: Forecast) -> RenderableType:
    """Return a table of the levels, under a heading and above the totals."""
    setting, config, levels, times = forecast.setting, forecast.setting.config, forecast.levels, forecast.times
    names = ("level", "weights, %", "members", "arms", "steps each", "dense FLOPs", *(["time"] if times else []))
    rows = [
        (
            str(level.number),
            f"{100 * level.density:.1f}",
            str(len(level.members)),
            ", ".join(dict.fromkeys(member.key.arm for member in level.members)),
            " or ".join(dict.fromkeys(f"{member.recipe.steps:,}" for member in level.members)),
            f"{forecast.training_flops(level):.2e}",
            *([words.of_duration(times.levels[level.number])] if times else []),
        )
        for level in levels
    ]
    heading = (
        f"{config.name}: {config.model.name} ({forecast.weights:,} prunable weights, {forecast.flops:,} FLOPs an "
        f"image) on {config.data.name}, on {setting.device}"
    )
    networks, steps = sum(len(level.members) for level in levels), sum(level.steps for level in levels)
    totals = (
        f"{networks} networks, {steps:,} steps of training in all, {sum(map(forecast.training_flops, levels)):.2e} "
        f"FLOPs of dense products; disk {words.of_bytes(forecast.kept)}, "
        f"while training up to {words.of_bytes(forecast.passing)} more"
    )
    table = Fitted(names, rows, left=("arms",))
    parts: list[RenderableType] = [
        Text(heading, style="bold"),
        Text(forecast.layout),
        Text(coverage(setting)),
        table,
        Text(totals),
    ]
    if any(level.density < 1 for level in levels):
        parts.append(
            Text("masks are simulated: products are dense; reports count the FLOPs of kept weights", style="dim")
        )
    for name, often in forecast.askings.items():
        images = next(probe.images for probe in config.probes if probe.name == name)
        parts.append(Text(f"probe {name}: asked {often:,} times, over {images:,} training images"))
    if config.analyses:
        asked = ", ".join(analysis.name for analysis in config.analyses)
        parts.append(Text(f"analyses, once all is trained{' (not in the time below)' * bool(times)}: {asked}"))
    if times:
        parts.append(Text(f"time: about {words.of_duration(times.seconds)} in all, by {times.how}", style="bold"))
    return Group(*parts)
