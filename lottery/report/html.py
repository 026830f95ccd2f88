"""One HTML file that says what some runs found, offline, with figures that can be looked into."""

import html
import json
from collections.abc import Sequence
from importlib.resources import files as resources

from lottery.files import Record
from lottery.report import costs
from lottery.report.answers import answers, definitions, jackpot
from lottery.report.comparison import dense_beside, differences, labels, pooled, repetitions
from lottery.report.methods import points
from lottery.report.rows import MEASURED, level_rows
from lottery.report.statistics import Estimate, estimate
from lottery.report.verdicts import judged, missing_controls
from lottery.store import Run

_MOST_POINTS = 60
"""Of one learning curve: more than a screen shows, and twenty runs stay within some MB."""


def page(runs: Sequence[Run]) -> str:
    """The page of these runs: verdicts first, then figures, tables, settings.

    All that comes from a run is escaped, or set as text by the script: a hostile name is shown, and does nothing.
    """
    groups = repetitions([run for run in runs if run.levels()])
    studies = [_study(*one) for one in zip(groups, labels(groups), dense_beside(groups, prefer_own=False), strict=True)]
    data = json.dumps({"studies": studies, "methods": _methods(groups)}, separators=(",", ":")).replace("<", "\\u003c")
    title = " + ".join(run.record["id"] for run in runs)
    body = "".join(
        [
            f"<h1>{html.escape(title)}</h1>",
            *(_status(run) for run in runs),
            "<h2>Is there a winning ticket?</h2>",
            *(answers(study) for study in studies),
            definitions(studies),
            jackpot(runs),
            "<h2>Accuracy and speed against density</h2>"
            "<p class=soft>Points are means over replicates with 95 % t-intervals; point at one, or move to it by the "
            "tab key, for its numbers. The band is the dense network.</p><div id=figure-density></div>",
            "<h2>Learning curves</h2><div id=figure-curves></div>",
            f"<h2>Numbers</h2><p class=soft>{html.escape(costs.CONVENTIONS)}</p><div id=tables></div>",
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


def _study(group: Sequence[Run], title: str, dense: int | None) -> Record:
    """What the script draws of one study; `dense` is the position of the study whose dense network it is beside."""
    lines = pooled(group)
    return {
        "title": title,
        "dense": dense,
        "levels": [_with_estimates(row, lines) for row in level_rows(lines)],
        "verdicts": [vars(verdict) for verdict in judged(group[0], lines)],
        "lacking": missing_controls(group[0], lines),
        "curves": _curves(group, lines),
    }


def _methods(groups: Sequence[Sequence[Run]]) -> list[Record]:
    """Rows of the table of several studies by density."""
    found = points(groups) if len(groups) > 1 else []
    return [
        vars(point) | {"accuracy": _estimate(point.accuracy), "difference": _estimate(point.difference)}
        for point in found
    ]


def _estimate(value: Estimate | None) -> Record | None:
    return None if value is None else {"mean": value.mean, "half_width": value.half_width}


def _with_estimates(row: Record, lines: list[Record]) -> Record:
    """A row whose measured quantities are objects, with each replicate's value."""
    own = [line for line in lines if (line["level"], line["arm"]) == (row["level"], row["arm"])]
    keys = ("level", "arm", "density", "compression_ratio", "theoretical_speedup", "flops", "train_flops",
            "train_flops_of_dense", "total_train_flops", "diverged")  # fmt: skip
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
