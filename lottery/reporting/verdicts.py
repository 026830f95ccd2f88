"""Verdicts: is there a winning ticket? Each with its definition, the numbers that it rests on, and what is missing.

`undecided` is an answer: an interval holds the threshold, or a single replicate has no interval.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import groupby
from statistics import mean, variance
from typing import NamedTuple

from lottery import arms, escape, statistics, words
from lottery.reporting import quantities
from lottery.reporting.series import has_dense, readings, whole
from lottery.statistics import ANSWERS, Answer, Estimate, Reading, at_least, more_replicates, more_than
from lottery.store.places import CONFIG
from lottery.store.reader import Reader
from lottery.store.records import Summary
from lottery.tasks import Metric

NO_DENSE = "no dense network in this run, and nothing to judge by; report it beside a run that has one"


def unjudged(run: Reader, lines: Sequence[Summary]) -> str:
    """Return why there are no verdicts for some networks of a run, and where there may be some."""
    if has_dense(lines):
        return "no sparse networks to judge"
    if words.of_descent(run.record):
        both = f"{escape.shell(run.record.get('parent'))} {escape.shell(run.path)}"
        return f"the dense networks are its parent's; beside it: lottery report {both}"
    return NO_DENSE


_MATCHING_TOLERANCE = 0.2
"""Points that a matching network may lack (Frankle et al. 2020, section 4.4)."""
_BEATS = "beats "
"""What begins the question whether a ticket is better than the control that is named then."""
_NO_PAIR = "a replicate whose two networks are both trained, and did not diverge"


@dataclass(frozen=True)
class Verdict:
    """A verdict is an answer to one question about one level.

    Attributes:
        name: of the question.
        density: kept share of the weights.
        numbers: what the answer rests on, in words.
        missing: what would settle it, where it isn't settled.
    """

    name: str
    level: int
    density: float
    answer: Answer
    numbers: str
    missing: str = ""


@dataclass(frozen=True)
class _Case:
    """A case is a level that questions are asked of, with the lines of its networks and of the dense ones."""

    level: int
    density: float
    lines: Sequence[Summary]
    metric: Metric

    def readings(self, level: int, arm: str | None = None) -> dict[int, Reading]:
        """Return each replicate's reading at the end of training; of no arm, the level's main networks'."""
        return readings(whole(self.lines, level, arm), self.metric)

    def gain(self, arm: str | None = None) -> Estimate | None:
        """Return by how much the level's main networks are better than an arm there; than dense ones, of no arm."""
        other = self.readings(0) if arm is None else self.readings(self.level, arm)
        return statistics.difference(self.readings(self.level), other, higher_is_better=self.metric.higher_is_better)

    def verdict(self, name: str, answer: Answer, numbers: str, missing: str = "") -> Verdict:
        """Return the answer to a question."""
        return Verdict(name, self.level, self.density, answer, numbers, missing)

    def compared(self, name: str, answer: Answer, gained: Estimate | None, threshold: float = 0.0) -> Verdict:
        """Return the answer to a question whether a gain is beyond a threshold."""
        missing = _NO_PAIR
        if gained is not None:
            needed = [statistics.replicates_needed(gained, threshold)] if answer == "undecided" else []
            missing = more_replicates(needed)
        return self.verdict(name, answer, quantities.gain(self.metric, gained), missing)


def matches(metric: Metric, gained: Estimate | None) -> Answer:
    """Return whether a network is as good as the dense one, but for the tolerance."""
    return at_least(gained, _tolerance(metric))


def _tolerance(metric: Metric) -> float:
    return -_MATCHING_TOLERANCE / metric.scale


def _winning(name: str, case: _Case) -> Verdict:
    sides = [whole(case.lines, level) for level in (case.level, 0)]
    ticket, dense = (
        {line["replicate"]: step for line in side if (step := quantities.EARLY_STOP_STEP.of(line)) is not None}
        for side in sides
    )
    there = [readings(side, case.metric, early_stop=True) for side in sides]
    gained = statistics.difference(*there, higher_is_better=case.metric.higher_is_better)
    every = max(line["evaluate_every"] for line in case.lines)
    earlier = statistics.step_difference(dense, ticket, every)
    steps = statistics.step_difference(ticket, dense, every)
    answer = statistics.all_of([at_least(gained), at_least(earlier)])
    no_step = "validation data, whose loss early stopping reads (data.validation)"
    missing = {
        "unknown": _NO_PAIR if case.gain() is None else no_step,
        "undecided": _for_a_winner(gained, earlier, every),
    }.get(answer, "")
    later = quantities.EARLY_STOP_STEP.written(steps, "+") or "unknown"
    return case.verdict(name, answer, f"{quantities.gain(case.metric, gained)}, early-stop step {later}", missing)


def _for_a_winner(gained: Estimate | None, earlier: Estimate | None, every: int) -> str:
    unsettled = [one for one in (gained, earlier) if one is not None and at_least(one) == "undecided"]
    # No number of replicates tells steps apart that lie no further apart than evaluations.
    too_close = earlier in unsettled and earlier is not None and abs(earlier.mean) <= every
    needed = [statistics.replicates_needed(one) for one in unsettled if not (too_close and one is earlier)]
    closer = "evaluations closer together (train.evaluate_every)" if too_close else ""
    return " and ".join(text for text in (more_replicates(needed), closer) if text)


def _matching(name: str, case: _Case) -> Verdict:
    gained = case.gain()
    return case.compared(name, matches(case.metric, gained), gained, _tolerance(case.metric))


def _within_a_deviation(name: str, case: _Case) -> Verdict:
    sparse, dense = ([one.value for one in case.readings(level).values()] for level in (case.level, 0))
    if not sparse or not dense:
        return case.verdict(name, "unknown", "no network", "networks that did not diverge")
    metric = case.metric
    gained = mean(sparse) - mean(dense) if metric.higher_is_better else mean(dense) - mean(sparse)
    unit = quantities.unit_of_differences(metric)
    numbers = f"{metric.scale * float(gained):+.{metric.digits}f} {unit}".rstrip()
    if len(dense) == 1:
        return case.verdict(name, "undecided", numbers, more_replicates([2]))
    spread = variance(dense)
    holds: Answer = "yes" if gained >= 0 or gained**2 <= spread else "no"  # of fractions, and so exact
    deviation = f"{metric.scale * float(spread) ** 0.5:.{metric.digits}f}"
    return case.verdict(name, holds, f"{numbers}, deviation of dense {deviation}")


def _beats(name: str, case: _Case) -> Verdict:
    gained = case.gain(name.removeprefix(_BEATS))
    return case.compared(name, more_than(gained), gained)


_JUDGES: dict[str, Callable[[str, _Case], Verdict]] = {
    "winning ticket": _winning,
    "matching": _matching,
    "matching, within a deviation": _within_a_deviation,
}


def definition(question: str, metric: Metric) -> str:
    """Return what a question means, of networks that are compared by a metric."""
    name, worse = quantities.spoken(metric), "below" if metric.higher_is_better else "above"
    tolerance = f"{_MATCHING_TOLERANCE:g} {quantities.unit_of_differences(metric)}".rstrip()
    if question.startswith(_BEATS):
        other = arms.words(question.removeprefix(_BEATS))
        return f"the ticket's final {name} is better than that of its control ({other}), paired by replicate"
    return {
        "winning ticket": f"at its early-stop step the ticket's {name} is at least as good as the dense network's at "
        "its own, and it gets there in at most as many steps (Frankle & Carbin 2019); both paired by replicate",
        "matching": f"the sparse network's final {name} is at most {tolerance} {worse} the dense network's, paired by "
        "replicate (Frankle et al. 2020, section 4.4)",
        "matching, within a deviation": f"the sparse network's mean final {name} is at most one standard deviation "
        f"over replicates {worse} the dense network's (Frankle et al. 2020, section 4)",
    }[question]


def judged(run: Reader, lines: Sequence[Summary]) -> list[Verdict]:
    """Return the verdicts that a run's kind of study allows."""
    return verdicts(lines, quantities.metrics_of(run)[0], quantities.kind(run).questions)


def verdicts(lines: Sequence[Summary], metric: Metric, questions: Sequence[str]) -> list[Verdict]:
    """Return all verdicts that one study's networks allow, level by level; none where there is no dense network.

    Args:
        lines: of one run's networks; of several runs of one config with replicates renumbered.
        metric: that networks are compared by.
        questions: names of those that are asked.
    """
    if not has_dense(lines):
        return []
    there = {line["arm"] for line in lines}
    asked = [name for name in questions if not name.startswith(_BEATS) or name.removeprefix(_BEATS) in there]
    density = {line["level"]: line["density"] for line in lines if arms.is_main(line["arm"]) and line["level"]}
    found = []
    for level in sorted(density):
        case = _Case(level, density[level], [line for line in lines if line["level"] in (0, level)], metric)
        found += [_JUDGES.get(name, _beats)(name, case) for name in asked]
    return found


def missing_controls(run: Reader, lines: Sequence[Summary]) -> str:
    """Return the command that would train the controls that verdicts lack; nothing where none is lacking."""
    there = {line["arm"] for line in lines}
    wanted = [name.removeprefix(_BEATS) for name in quantities.kind(run).questions if name.startswith(_BEATS)]
    lacking = [arm for arm in wanted if arm not in there]
    if not lacking or not any(line["level"] for line in lines):
        return ""
    all_arms = ",".join(dict.fromkeys([*run.config.pruning.arms, *lacking]))
    command = f"lottery prune {escape.shell(run.path / CONFIG)} --set {escape.shell(f'pruning.arms=[{all_arms}]')}"
    return f"not trained: {', '.join(lacking)}: {command}"


class Sentence(NamedTuple):
    """A sentence is what all levels say to one question: answer -> densities in %, and how sure a yes is."""

    name: str
    spans: dict[Answer, str]
    sparsest: str


def summed_up(found: Sequence[Verdict]) -> list[Sentence]:
    """Return, for each question, at which densities each answer holds, and the numbers of the sparsest yes."""
    sentences = []
    for name in dict.fromkeys(verdict.name for verdict in found):
        own = [verdict for verdict in found if verdict.name == name]
        there = {verdict.answer for verdict in own}
        spans = {answer: _spans(own, answer) for answer in ANSWERS if answer in there}
        holds = [verdict for verdict in own if verdict.answer == "yes"]
        sparsest = f"sparsest: {holds[-1].numbers}, at {100 * holds[-1].density:.1f} %" if holds else ""
        sentences.append(Sentence(name, spans, sparsest))
    return sentences


def _spans(verdicts: Sequence[Verdict], answer: Answer) -> str:
    """Return the densities that have an answer, in %, neighbours as a span: `51.3 to 21.1, 3.6`."""
    spans = []
    for chosen, group in groupby(verdicts, key=lambda verdict: verdict.answer == answer):
        own = [f"{100 * verdict.density:.1f}" for verdict in group]
        if chosen:
            spans.append(own[0] if len(own) == 1 else f"{own[0]} to {own[-1]}")
    return ", ".join(spans)
