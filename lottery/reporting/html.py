"""One HTML file that says what some runs found, offline, with figures that can be looked into."""

import json
from collections.abc import Sequence
from importlib.resources import files as resources

from lottery import escape, words
from lottery.reporting import given, jackpot, verdicts
from lottery.reporting.comparison import differences, labels, pooled, repetitions
from lottery.reporting.entries import CONVENTIONS
from lottery.reporting.exhibits import shown_of
from lottery.reporting.figures import MOST_BY_THEMSELVES
from lottery.reporting.markup import items, table
from lottery.reporting.page_data import page_data, plain
from lottery.reporting.page_exhibits import charts, sections
from lottery.reporting.quantities import metrics_of, spoken
from lottery.reporting.series import further_orders, shown
from lottery.reporting.tickets import has_tickets
from lottery.statistics import INTERVALS
from lottery.store.reader import Reader
from lottery.tasks import Metric

_SCRIPTS = ("elements.js", "axes.js", "chart.js", "figures.js", "exhibits.js", "page.js")
"""In the order in which they need one another."""


def page(runs: Sequence[Reader]) -> str:
    """Return the page of these runs: verdicts first, then figures, tables, settings.

    All that comes from a run is escaped, or set as text by the script: a hostile name is shown, and does nothing.
    """
    groups = repetitions([run for run in runs if shown(run.levels())])
    lines = [pooled(group) for group in groups]
    judged = [verdicts.judged(group[0], own) for group, own in zip(groups, lines, strict=True)]
    metrics = [metrics_of(group[0])[0] for group in groups]
    with_masks = len(runs) <= MOST_BY_THEMSELVES
    too_many = f"Drawn in reports of up to {MOST_BY_THEMSELVES} runs."
    masks = "<div id=figure-masks></div>" if with_masks else f"<p class=soft>{too_many}</p>"
    data = page_data(groups, judged, with_masks)
    exhibited = [(run, found) for run in runs if (found := shown_of(run))]
    data["charts"] = charts(exhibited) if with_masks else []
    embedded = json.dumps(data, default=plain, separators=(",", ":"), allow_nan=False).replace("<", "\\u003c")
    title = " + ".join(run.record["id"] for run in runs)
    measured = ", ".join(dict.fromkeys(spoken(metric) for metric in metrics)).capitalize()
    body = "".join(
        [
            f"<h1>{escape.html(title)}</h1>",
            *(_status(run) for run in runs),
            "<h2>Is there a winning ticket?</h2>",
            *(
                _answers(label, found, verdicts.missing_controls(group[0], own), verdicts.unjudged(group[0], own))
                for label, found, group, own in zip(labels(groups), judged, groups, lines, strict=True)
            ),
            _definitions([(one.name, metric) for own, metric in zip(judged, metrics, strict=True) for one in own]),
            _jackpot(runs),
            f"<h2>{escape.html(measured or 'Quality')} and speed against density</h2>"
            "<p class=soft>Points are means over replicates with 95 % t-intervals, as far as values can be; point "
            "at one, or move to it by the tab key, for its numbers. The band is the dense network.</p>"
            "<div id=figure-density></div>",
            "<h2>Learning curves</h2><div id=figure-curves></div>",
            "" if with_masks and not any(map(has_tickets, groups)) else f"<h2>Masks and weights</h2>{masks}",
            sections(exhibited, "" if with_masks else too_many),
            f"<h2>Numbers</h2><p class=soft>{escape.html(CONVENTIONS)}</p><div id=tables></div>",
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
    return resources("lottery.reporting").joinpath("page", name).read_text()


def _status(run: Reader) -> str:
    record, config = run.record, run.config
    status = "killed" if run.abandoned else record["status"]
    text = (
        f"{record['id']}: {record['study']}, {status}, {given.title(config)}, "
        f"{config.replicates} replicates, {len(shown(run.levels()))} networks trained, started {record['started']}"
    )
    if made := words.of_descent(record):
        text += f"; retrained from {record.get('parent')}: {made}"
    if further := further_orders(run.levels()):
        text += f"; {further}"
    return f"<p class=soft>{escape.html(text)}</p>"


def _differing(runs: Sequence[Reader]) -> str:
    found = differences(runs) if len(runs) > 1 else {}
    if not found:
        return ""
    rows = ["".join(f"<td class=text>{escape.html(cell)}</td>" for cell in (key, *found[key])) for key in found]
    names = ("setting", *(run.record["id"] for run in runs))
    return f"<h2>In what the studies differ</h2>{table(names, rows)}"


def _settings(run: Reader) -> str:
    record = {key: value for key, value in run.record.items() if key != "id"}
    return (
        f"<details><summary>{escape.html(run.record['id'])}</summary><pre>{escape.html(run.config.to_yaml())}</pre>"
        f"<pre>{escape.html(json.dumps(record, indent=1))}</pre></details>"
    )


def _answers(title: str, found: Sequence[verdicts.Verdict], lacking: str, without: str) -> str:
    """Return, for each question, the densities of each answer, and what is `lacking`; or why there are none."""
    items = []
    for name, spans, sparsest in verdicts.summed_up(found):
        parts = [f"<span class={answer}>{answer}</span> at {at} % of the weights" for answer, at in spans.items()]
        more = f" <span class=soft>({escape.html(sparsest)})</span>" if sparsest else ""
        items.append(f"<li class=answer>{escape.html(name)}: {'; '.join(parts)}{more}</li>")
    if lacking:
        items.append(f"<li class=soft>{escape.html(lacking)}</li>")
    if not items:
        return f"<p>{escape.html(title)}: {escape.html(without)}.</p>"
    return f"<h3>{escape.html(title)}</h3><ul>{''.join(items)}</ul>"


def _definitions(asked: Sequence[tuple[str, Metric]]) -> str:
    """Return the definitions of questions, each of networks that are compared by a metric."""
    found = dict.fromkeys((name, verdicts.definition(name, metric)) for name, metric in asked)
    terms = "".join(f"<li><b>{escape.html(name)}</b>: {escape.html(text)}</li>" for name, text in found)
    note = f"An answer is <i>undecided</i> where the 95 % interval holds the threshold: {escape.html(INTERVALS)}."
    return f"<details><summary>What these words mean</summary><ul>{terms}</ul><p>{note}</p></details>" if terms else ""


def _jackpot(runs: Sequence[Reader]) -> str:
    """Return prize, conditions and numbers of each level that pruning runs allow to judge, and what is missing."""
    found = jackpot.jackpots(runs)
    if not found:
        return ""
    rows = [
        f"<td>{one.level}</td><td>{100 * one.density:.1f}</td><td class=text>{one.prize}</td>"
        + "".join(
            f"<td class=text><span class={answer}>{answer}</span> {escape.html(one.numbers[key])}</td>"
            for key, answer in one.answers.items()
        )
        for one in found
    ]
    prizes = [one.prize for one in found]
    counts = ", ".join(f"{prize} at {prizes.count(prize)}" for prize in dict.fromkeys(prizes))
    missing = items(jackpot.missing_of(found))
    return (
        f"<h2>Is it a jackpot?</h2><p>Of {len(prizes)} levels: {escape.html(counts)}.</p>"
        f"<details id=jackpot><summary>The conditions, and the numbers of each level</summary>"
        f"<p class=soft>{escape.html(jackpot.MEANING)}:</p><ol>{items(jackpot.CONDITIONS.values())}</ol>"
        f"{table(('level', 'weights, %', 'prize', *jackpot.CONDITIONS), rows)}</details>"
        + (f"<p>What is missing:</p><ul>{missing}</ul>" if missing else "")
    )
