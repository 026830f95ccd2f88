"""One HTML file that says what some runs found, offline, with figures that can be looked into."""

import html
import json
from collections.abc import Sequence
from importlib.resources import files as resources
from itertools import groupby

from lottery.files import Record
from lottery.report.comparison import differences, pooled, repetitions
from lottery.report.rows import MEASURED, level_rows
from lottery.report.statistics import estimate
from lottery.report.verdicts import DEFINITIONS, Verdict, verdicts
from lottery.store import Run

_MOST_POINTS = 60
"""Of one learning curve: more than a screen shows, and twenty runs stay within some MB."""


def page(runs: Sequence[Run]) -> str:
    """The page of these runs: verdicts first, then figures, tables, settings.

    All that comes from a run is escaped, or set as text by the script: a hostile name is shown, and does nothing.
    """
    groups = repetitions([run for run in runs if run.levels()])
    studies = [_study(group) for group in groups]
    data = json.dumps({"studies": studies}).replace("<", "\\u003c")
    title = " + ".join(run.record["id"] for run in runs)
    body = "".join(
        [
            f"<h1>{html.escape(title)}</h1>",
            *(_status(run) for run in runs),
            "<h2>Is there a winning ticket?</h2>",
            *(_answers(study) for study in studies),
            _definitions(studies),
            "<h2>Accuracy and speed against density</h2>"
            "<p class=soft>Points are means over replicates with 95 % t-intervals; point at one, or move to it by the "
            "tab key, for its numbers. The band is the dense network.</p><div id=figure-density></div>",
            "<h2>Learning curves</h2><div id=figure-curves></div>",
            "<h2>Numbers</h2><p class=soft>Density, compression and theoretical speed-up count weights and operations "
            "of one forward pass (Blalock et al. 2020); masks are simulated, and the seconds are those of dense "
            "products.</p><div id=tables></div>",
            _differing([group[0] for group in groups]),
            "<h2>Settings and environment</h2>",
            *(_settings(run) for run in runs),
        ]
    )
    style, script = (resources("lottery.report").joinpath("page", name).read_text() for name in ("page.css", "page.js"))
    return (
        "<!doctype html>\n<html lang=en><head><meta charset=utf-8>"
        '<meta name=viewport content="width=device-width, initial-scale=1">'
        "<meta http-equiv=Content-Security-Policy content=\"default-src 'none'; style-src 'unsafe-inline'; "
        "script-src 'unsafe-inline'; img-src data:\">"
        f"<title>{html.escape(title)}</title><style>{style}</style></head>\n<body><main id=report>{body}</main>\n"
        f"<script id=data type=application/json>{data}</script>\n<script>{script}</script></body></html>\n"
    )


def _study(group: Sequence[Run]) -> Record:
    lines = pooled(group)
    return {
        "title": " + ".join(run.record["id"] for run in group),
        "levels": [_with_estimates(row, lines) for row in level_rows(lines)],
        "verdicts": [vars(verdict) for verdict in _judged(group, lines)],
        "curves": _curves(group, lines),
    }


def _judged(group: Sequence[Run], lines: list[Record]) -> list[Verdict]:
    return verdicts(lines) if group[0].record["study"] == "prune" else []


def _with_estimates(row: Record, lines: list[Record]) -> Record:
    """A row whose measured quantities are objects, with each replicate's value."""
    own = [line for line in lines if (line["level"], line["arm"]) == (row["level"], row["arm"])]
    keys = ("level", "arm", "density", "compression_ratio", "theoretical_speedup", "diverged")
    found: Record = {key: row[key] for key in keys} | {"networks": len(own)}
    for key in MEASURED:
        values = [line[key] for line in own if line[key] is not None and line.get("diverged") is None]
        found[key] = None
        if values:
            value = estimate(values)
            found[key] = {"mean": value.mean, "half_width": value.half_width, "values": values}
    return found


def _curves(group: Sequence[Run], lines: list[Record]) -> list[Record]:
    """Mean test accuracy over replicates at each step, thinned out."""
    density = {(line["level"], line["arm"]): line["density"] for line in lines}
    sums: dict[tuple[int, str], dict[int, list[float]]] = {key: {} for key in density}
    for run in group:
        for record in run.metrics():
            key = (record["level"], record["arm"])
            if record["split"] == "test" and key in sums and record["loss"] is not None:
                sums[key].setdefault(record["step"], []).append(record["accuracy"])
    curves = []
    for (level, arm), steps in sorted(sums.items()):
        ordered = sorted(steps)
        every = max(1, -(-len(ordered) // _MOST_POINTS))
        kept = [step for index, step in enumerate(ordered) if index % every == 0 or index == len(ordered) - 1]
        points = [[step, round(sum(steps[step]) / len(steps[step]), 5)] for step in kept]
        if points:
            curves.append({"level": level, "arm": arm, "density": density[level, arm], "points": points})
    return curves


def _status(run: Run) -> str:
    record, config = run.record, run.config
    status = "killed" if run.abandoned else record["status"]
    networks = len(run.levels())
    text = (
        f"{record['id']}: {record['study']}, {status}, {config.model.name} on {config.data.name}, "
        f"{config.replicates} replicates, {networks} networks trained, started {record['started']}"
    )
    return f"<p class=soft>{html.escape(text)}</p>"


def _answers(study: Record) -> str:
    """For each question the range of densities of each answer, in a sentence."""
    items = []
    for name in dict.fromkeys(verdict["name"] for verdict in study["verdicts"]):
        own = [verdict for verdict in study["verdicts"] if verdict["name"] == name]
        parts = []
        for answer in ("yes", "no", "undecided", "unknown"):
            at = _spans([verdict["density"] for verdict in own], [verdict["answer"] == answer for verdict in own])
            if at:
                parts.append(f"<span class={answer}>{answer}</span> at {at} % of the weights")
        items.append(f"<li class=answer>{html.escape(name)}: {'; '.join(parts)}</li>")
    if not items:
        return f"<p>{html.escape(study['title'])}: no pruned networks to judge.</p>"
    return f"<h3>{html.escape(study['title'])}</h3><ul>{''.join(items)}</ul>"


def _spans(densities: list[float], there: list[bool]) -> str:
    """The densities that are there, neighbours as a span: `51.3 to 21.1, 3.6`."""
    spans = []
    for chosen, group in groupby(zip(densities, there, strict=True), key=lambda pair: pair[1]):
        own = [f"{100 * density:.1f}" for density, _ in group]
        if chosen:
            spans.append(own[0] if len(own) == 1 else f"{own[0]} to {own[-1]}")
    return ", ".join(spans)


def _definitions(studies: list[Record]) -> str:
    names = dict.fromkeys(verdict["name"] for study in studies for verdict in study["verdicts"])
    terms = "".join(f"<li><b>{html.escape(name)}</b>: {html.escape(DEFINITIONS[name])}</li>" for name in names)
    note = "An answer is <i>undecided</i> where the 95 % interval holds the threshold."
    return f"<details><summary>What these words mean</summary><ul>{terms}</ul><p>{note}</p></details>" if terms else ""


def _differing(runs: Sequence[Run]) -> str:
    found = differences(runs) if len(runs) > 1 else {}
    if not found:
        return ""
    head = "".join(
        f"<th class=text>{html.escape(cell)}</th>" for cell in ("setting", *(run.record["id"] for run in runs))
    )
    body = "".join(
        f"<tr>{''.join(f'<td class=text>{html.escape(cell)}</td>' for cell in (key, *values))}</tr>"
        for key, values in found.items()
    )
    table = f"<div class=scroll><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>"
    return f"<h2>In what the studies differ</h2>{table}"


def _settings(run: Run) -> str:
    record = {key: value for key, value in run.record.items() if key != "id"}
    return (
        f"<details><summary>{html.escape(run.record['id'])}</summary><pre>{html.escape(run.config.to_yaml())}</pre>"
        f"<pre>{html.escape(json.dumps(record, indent=1))}</pre></details>"
    )
