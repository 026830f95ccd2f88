"""Verdicts: is there a winning ticket? Each with its definition, the numbers that it rests on, and what is missing.

`undecided` is an answer: an interval holds the threshold, or a single replicate has no interval.
"""

from collections.abc import Sequence
from itertools import groupby
from typing import NamedTuple

from lottery.arms import is_main
from lottery.report.decisions import ANSWERS, Answer
from lottery.report.kind import kind
from lottery.report.quantities import metrics_of
from lottery.report.questions import BEATS, Case, Verdict, judge
from lottery.report.series import has_dense
from lottery.store.reader import Reader
from lottery.store.records import Summary
from lottery.tasks import Metric

NO_DENSE = "no dense network in this run, and nothing to judge by; report it beside a run that has one"


def judged(run: Reader, lines: Sequence[Summary]) -> list[Verdict]:
    """Return the verdicts that a run's kind of study allows."""
    return verdicts(lines, metrics_of(run)[0], kind(run).questions)


def verdicts(lines: Sequence[Summary], metric: Metric, questions: Sequence[str]) -> list[Verdict]:
    """Return all verdicts that one study's networks allow, level by level; none where there is no dense network.

    Args:
        lines: of one run's networks; of several runs of one config with replicates renumbered.
        metric: that networks are compared by.
        questions: names of those that are asked.
    """
    if not has_dense(lines):
        return []
    arms = {line["arm"] for line in lines}
    asked = [name for name in questions if not name.startswith(BEATS) or name.removeprefix(BEATS) in arms]
    density = {line["level"]: line["density"] for line in lines if is_main(line["arm"]) and line["level"]}
    found = []
    for level in sorted(density):
        case = Case(level, density[level], [line for line in lines if line["level"] in (0, level)], metric)
        found += [judge(name, case) for name in asked]
    return found


def missing_controls(run: Reader, lines: Sequence[Summary]) -> str:
    """Return the command that would train the controls that verdicts lack; nothing where none is lacking."""
    arms = {line["arm"] for line in lines}
    wanted = [name.removeprefix(BEATS) for name in kind(run).questions if name.startswith(BEATS)]
    lacking = [arm for arm in wanted if arm not in arms]
    if not lacking or not any(line["level"] for line in lines):
        return ""
    all_arms = ",".join(dict.fromkeys([*run.config.pruning.arms, *lacking]))
    return f"not trained: {', '.join(lacking)}: lottery prune {run.path}/config.yaml --set 'pruning.arms=[{all_arms}]'"


class Sentence(NamedTuple):
    """What all levels say to one question: answer -> densities in %, and how sure a yes is."""

    name: str
    spans: dict[Answer, str]
    sparsest: str


def summed_up(found: Sequence[Verdict]) -> list[Sentence]:
    """Return, for each question, at which densities each answer holds, and the numbers of the sparsest yes."""
    sentences = []
    for name in dict.fromkeys(verdict.name for verdict in found):
        own = [verdict for verdict in found if verdict.name == name]
        spans = {
            answer: _spans([verdict.density for verdict in own], [verdict.answer == answer for verdict in own])
            for answer in ANSWERS
            if any(verdict.answer == answer for verdict in own)
        }
        holds = [verdict for verdict in own if verdict.answer == "yes"]
        sparsest = f"sparsest: {holds[-1].numbers}, at {100 * holds[-1].density:.1f} %" if holds else ""
        sentences.append(Sentence(name, spans, sparsest))
    return sentences


def _spans(densities: Sequence[float], there: Sequence[bool]) -> str:
    """Return the densities that are there, in %, neighbours as a span: `51.3 to 21.1, 3.6`."""
    spans = []
    for chosen, group in groupby(zip(densities, there, strict=True), key=lambda pair: pair[1]):
        own = [f"{100 * density:.1f}" for density, _ in group]
        if chosen:
            spans.append(own[0] if len(own) == 1 else f"{own[0]} to {own[-1]}")
    return ", ".join(spans)
