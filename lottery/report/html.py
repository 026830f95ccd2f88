"""One HTML file that says what some runs found, offline, with figures that can be looked into."""

import json
from collections.abc import Sequence
from importlib.resources import files as resources

from lottery import escape
from lottery.report import costs
from lottery.report.answers import answers, definitions, jackpot
from lottery.report.comparison import differences, labels, pooled, repetitions
from lottery.report.draw import MOST_BY_THEMSELVES
from lottery.report.page_data import page_data, plain
from lottery.report.quantities import metrics_of, spoken
from lottery.report.series import has_dense, shown
from lottery.report.tickets import has_tickets
from lottery.report.verdicts import judged, missing_controls
from lottery.store.reader import Reader

_SCRIPTS = ("elements.js", "chart.js", "figures.js", "page.js")
"""In the order in which they need one another."""


def page(runs: Sequence[Reader]) -> str:
    """Return the page of these runs: verdicts first, then figures, tables, settings.

    All that comes from a run is escaped, or set as text by the script: a hostile name is shown, and does nothing.
    """
    groups = repetitions([run for run in runs if shown(run.levels())])
    lines = [pooled(group) for group in groups]
    verdicts = [judged(group[0], own) for group, own in zip(groups, lines, strict=True)]
    metrics = [metrics_of(group[0])[0] for group in groups]
    with_masks = len(runs) <= MOST_BY_THEMSELVES
    data = page_data(groups, verdicts, with_masks)
    embedded = json.dumps(data, default=plain, separators=(",", ":")).replace("<", "\\u003c")
    title = " + ".join(run.record["id"] for run in runs)
    measured = ", ".join(dict.fromkeys(spoken(metric) for metric in metrics)).capitalize()
    body = "".join(
        [
            f"<h1>{escape.html(title)}</h1>",
            *(_status(run) for run in runs),
            "<h2>Is there a winning ticket?</h2>",
            *(
                answers(label, found, missing_controls(group[0], own), has_dense(own))
                for label, found, group, own in zip(labels(groups), verdicts, groups, lines, strict=True)
            ),
            definitions([(one.name, metric) for own, metric in zip(verdicts, metrics, strict=True) for one in own]),
            jackpot(runs),
            f"<h2>{escape.html(measured or 'Quality')} and speed against density</h2>"
            "<p class=soft>Points are means over replicates with 95 % t-intervals; point at one, or move to it by the "
            "tab key, for its numbers. The band is the dense network.</p><div id=figure-density></div>",
            "<h2>Learning curves</h2><div id=figure-curves></div>",
            "" if with_masks and not any(map(has_tickets, groups)) else _masks(with_masks),
            f"<h2>Numbers</h2><p class=soft>{escape.html(costs.CONVENTIONS)}</p><div id=tables></div>",
            _differing([group[0] for group in groups]),
            "<h2>Settings and environment</h2>",
            *(_settings(run) for run in runs),
        ]
    )
    style, script = _part("page.css"), "\n".join(_part(name) for name in _SCRIPTS)
    return (
        "<!doctype html>\n<html lang=en><head><meta charset=utf-8>"
        '<meta name=viewport content="width=device-width, initial-scale=1">'
        "<meta http-equiv=Content-Security-Policy content=\"default-src 'none'; style-src 'unsafe-inline'; "
        "script-src 'unsafe-inline'; img-src data:\">"
        f"<title>{escape.html(title)}</title><style>{style}</style></head>\n<body><main id=report>{body}</main>\n"
        f"<script id=data type=application/json>{embedded}</script>\n<script>{script}</script></body></html>\n"
    )


def _part(name: str) -> str:
    return resources("lottery.report").joinpath("page", name).read_text()


def _masks(drawn: bool) -> str:
    note = f"<p class=soft>Drawn in reports of up to {MOST_BY_THEMSELVES} runs.</p>"
    return f"<h2>Masks and weights</h2>{'<div id=figure-masks></div>' if drawn else note}"


def _status(run: Reader) -> str:
    record, config = run.record, run.config
    status = "killed" if run.abandoned else record["status"]
    networks = len(run.levels())
    text = (
        f"{record['id']}: {record['study']}, {status}, {config.model.name} on {config.data.name}, "
        f"{config.replicates} replicates, {networks} networks trained, started {record['started']}"
    )
    return f"<p class=soft>{escape.html(text)}</p>"


def _differing(runs: Sequence[Reader]) -> str:
    found = differences(runs) if len(runs) > 1 else {}
    if not found:
        return ""
    head = "".join(
        f"<th class=text>{escape.html(cell)}</th>" for cell in ("setting", *(run.record["id"] for run in runs))
    )
    body = "".join(
        f"<tr>{''.join(f'<td class=text>{escape.html(cell)}</td>' for cell in (key, *values))}</tr>"
        for key, values in found.items()
    )
    table = f"<div class=scroll><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>"
    return f"<h2>In what the studies differ</h2>{table}"


def _settings(run: Reader) -> str:
    record = {key: value for key, value in run.record.items() if key != "id"}
    return (
        f"<details><summary>{escape.html(run.record['id'])}</summary><pre>{escape.html(run.config.to_yaml())}</pre>"
        f"<pre>{escape.html(json.dumps(record, indent=1))}</pre></details>"
    )
