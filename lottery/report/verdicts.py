"""Verdicts: is there a winning ticket? Each with its definition, the numbers that it rests on, and what is missing.

`undecided` is an answer: an interval holds the threshold, or a single replicate has no interval.
"""

import operator
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import groupby
from statistics import mean, variance
from typing import Literal, NamedTuple

from lottery.report.statistics import (
    Estimate,
    accuracies,
    accuracy_difference,
    by_replicate,
    replicates_needed,
    step_difference,
)
from lottery.store.files import Record
from lottery.store.run import Run

Answer = Literal["yes", "no", "undecided", "unknown"]

MATCHING_TOLERANCE = 0.002
"""Accuracy that a matching ticket may lack (Frankle et al. 2020, section 4.4)."""


@dataclass(frozen=True)
class Verdict:
    """An answer to one question about one level.

    Attributes:
        name: of the question.
        level: number of the level.
        density: kept share of the weights.
        answer: yes, no, undecided (more replicates are needed), unknown (something was not trained).
        numbers: what it rests on, in words.
        missing: what would settle it, where it isn't settled.
    """

    name: str
    level: int
    density: float
    answer: Answer
    numbers: str
    missing: str = ""


_ANSWERS: tuple[Answer, ...] = ("yes", "no", "undecided", "unknown")


class Sentence(NamedTuple):
    """What all levels say to one question: answer -> densities in %, and how sure a yes is."""

    name: str
    spans: dict[Answer, str]
    sparsest: str


DEFINITIONS = {
    "winning ticket": "at its early-stop step the ticket is at least as accurate as the dense network at its own, and "
    "gets there in at most as many steps (Frankle & Carbin 2019); both paired by replicate",
    "matching": "the sparse network's final accuracy is at most 0.2 points below the dense network's, paired by "
    "replicate (Frankle et al. 2020, section 4.4)",
    "matching, within a deviation": "the sparse network's mean final accuracy is at most one standard deviation over "
    "replicates below the dense network's (Frankle et al. 2020, section 4)",
    "beats reinit": "the ticket is more accurate than its mask with a fresh initialization, paired by replicate",
    "beats random": "the ticket is more accurate than a random mask of the same layer densities, paired by replicate",
}

INTERVALS = (
    "differences are paired by replicate; their 95 % interval is Student's over replicates, never narrower than what "
    "counting right answers, or reading steps off evaluations, leaves uncertain"
)
"""What the ± of a difference is."""
_NO_PAIR = "a replicate whose two networks are both trained, and did not diverge"


def at_least(difference: Estimate | None, threshold: float = 0.0) -> Answer:
    """Whether a difference is `threshold` or more, as far as its 95 % interval tells."""
    return _beyond(difference, threshold, operator.ge)


def more_than(difference: Estimate | None, threshold: float = 0.0) -> Answer:
    """Whether a difference is more than `threshold`, as far as its 95 % interval tells."""
    return _beyond(difference, threshold, operator.gt)


def _beyond(difference: Estimate | None, threshold: float, compare: Callable[[float, float], bool]) -> Answer:
    if difference is None:
        return "unknown"
    if difference.low is None or difference.high is None:
        return "undecided"
    if compare(difference.low, threshold):
        return "yes"
    return "undecided" if compare(difference.high, threshold) else "no"


def both(first: Answer, second: Answer) -> Answer:
    """Whether two things hold."""
    order: tuple[Answer, ...] = ("no", "unknown", "undecided", "yes")
    return min(first, second, key=order.index)


def summed_up(found: Sequence[Verdict]) -> list[Sentence]:
    """For each question at which densities each answer holds, and the numbers of the sparsest network of a yes."""
    sentences = []
    for name in dict.fromkeys(verdict.name for verdict in found):
        own = [verdict for verdict in found if verdict.name == name]
        spans = {
            answer: _spans([verdict.density for verdict in own], [verdict.answer == answer for verdict in own])
            for answer in _ANSWERS
            if any(verdict.answer == answer for verdict in own)
        }
        holds = [verdict for verdict in own if verdict.answer == "yes"]
        sparsest = f"sparsest: {holds[-1].numbers}, at {100 * holds[-1].density:.1f} %" if holds else ""
        sentences.append(Sentence(name, spans, sparsest))
    return sentences


def _spans(densities: Sequence[float], there: Sequence[bool]) -> str:
    """The densities that are there, in %, neighbours as a span: `51.3 to 21.1, 3.6`."""
    spans = []
    for chosen, group in groupby(zip(densities, there, strict=True), key=lambda pair: pair[1]):
        own = [f"{100 * density:.1f}" for density, _ in group]
        if chosen:
            spans.append(own[0] if len(own) == 1 else f"{own[0]} to {own[-1]}")
    return ", ".join(spans)


NO_DENSE = "no dense network in this run, and nothing to judge by; report it beside a run that has one"


def judged(run: Run, levels: Sequence[Record]) -> list[Verdict]:
    """The verdicts for a run's kind of study: of networks that were sparse from the start, whether they match."""
    if run.record["study"] == "rewind":
        return []
    found = verdicts(levels)
    return found if run.record["study"] == "prune" else [one for one in found if one.name.startswith("matching")]


def missing_controls(run: Run, levels: Sequence[Record]) -> str:
    """The command that would train the controls that a ticket's verdicts lack; nothing where none is lacking."""
    arms = {line["arm"] for line in levels}
    lacking = [arm for arm in ("reinit", "random") if arm not in arms]
    if run.record["study"] != "prune" or not lacking or not any(line["level"] for line in levels):
        return ""
    wanted = ",".join(dict.fromkeys([*run.config.pruning.arms, *lacking]))
    return f"not trained: {', '.join(lacking)}: lottery prune {run.path}/config.yaml --set 'pruning.arms=[{wanted}]'"


def verdicts(levels: Sequence[Record]) -> list[Verdict]:
    """All verdicts that one run's networks allow, level by level; none where there is no dense network.

    Args:
        levels: lines of `levels.jsonl`; of several runs of one config with replicates renumbered.
    """
    if all(line["level"] for line in levels):
        return []
    arms = {line["arm"] for line in levels}
    density = {line["level"]: line["density"] for line in levels if line["arm"] == "main"}
    found = []
    for level in sorted(density):
        if level:
            questions = [_winning, _matching, _within_a_deviation]
            near = [line for line in levels if line["level"] in (0, level)]
            found += [question(near, level, density[level]) for question in questions]
            found += [_beats(near, level, density[level], arm) for arm in ("reinit", "random") if arm in arms]
    return found


def _against_dense(
    levels: Sequence[Record], level: int, at: Literal["test", "early_stop_test"] = "test"
) -> Estimate | None:
    return accuracy_difference(accuracies(levels, level, "main", at), accuracies(levels, 0, "main", at))


def _winning(levels: Sequence[Record], level: int, density: float) -> Verdict:
    accuracy = _against_dense(levels, level, "early_stop_test")
    ticket, dense = (by_replicate(levels, number, "main", "early_stop_step") for number in (level, 0))
    every = max(line["evaluate_every"] for line in levels)
    earlier, steps = step_difference(dense, ticket, every), step_difference(ticket, dense, every)
    answer = both(at_least(accuracy), at_least(earlier))
    numbers = f"accuracy {in_points(accuracy)}, early-stop step {_steps(steps)}"
    there = _against_dense(levels, level) is not None
    missing = {
        "unknown": "validation data, whose loss early stopping reads (data.validation)" if there else _NO_PAIR,
        "undecided": _for_a_winner(accuracy, earlier, every),
    }.get(answer, "")
    return Verdict("winning ticket", level, density, answer, numbers, missing)


def _for_a_winner(accuracy: Estimate | None, earlier: Estimate | None, every: int) -> str:
    unsettled = [one for one in (accuracy, earlier) if one is not None and at_least(one) == "undecided"]
    # No number of replicates tells steps apart that lie no further apart than evaluations.
    too_close = earlier in unsettled and earlier is not None and abs(earlier.mean) <= every
    needed = [replicates_needed(one) for one in unsettled if not (too_close and one is earlier)]
    more = more_replicates(needed)
    closer = "evaluations closer together (train.evaluate_every)" if too_close else ""
    return " and ".join(text for text in (more, closer) if text)


def _matching(levels: Sequence[Record], level: int, density: float) -> Verdict:
    difference = _against_dense(levels, level)
    answer = at_least(difference, -MATCHING_TOLERANCE)
    missing = _to_settle(answer, difference, -MATCHING_TOLERANCE)
    return Verdict("matching", level, density, answer, f"accuracy {in_points(difference)}", missing)


def _within_a_deviation(levels: Sequence[Record], level: int, density: float) -> Verdict:
    ticket, dense = (
        [accuracy.share for accuracy in accuracies(levels, number, "main").values()] for number in (level, 0)
    )
    name = "matching, within a deviation"
    if not ticket or not dense:
        return Verdict(name, level, density, "unknown", "no network", "networks that did not diverge")
    below = mean(dense) - mean(ticket)
    numbers = f"{-100 * float(below):+.2f} points"
    if len(dense) == 1:
        return Verdict(name, level, density, "undecided", numbers, more_replicates([2]))
    spread = variance(dense)
    holds: Answer = "yes" if below <= 0 or below**2 <= spread else "no"  # of fractions, and so exact
    return Verdict(name, level, density, holds, f"{numbers}, deviation of dense {100 * float(spread) ** 0.5:.2f}")


def _beats(levels: Sequence[Record], level: int, density: float, arm: str) -> Verdict:
    difference = accuracy_difference(accuracies(levels, level, "main"), accuracies(levels, level, arm))
    answer = more_than(difference)
    missing = _to_settle(answer, difference)
    return Verdict(f"beats {arm}", level, density, answer, f"accuracy {in_points(difference)}", missing)


def _to_settle(answer: Answer, difference: Estimate | None, threshold: float = 0.0) -> str:
    if difference is None:
        return _NO_PAIR
    return more_replicates([replicates_needed(difference, threshold)]) if answer == "undecided" else ""


def in_points(difference: Estimate | None) -> str:
    """A difference of accuracies in words."""
    if difference is None:
        return "unknown"
    sure = "" if difference.half_width is None else f" ± {100 * difference.half_width:.2f}"
    return f"{100 * difference.mean:+.2f}{sure} points"


def _steps(difference: Estimate | None) -> str:
    if difference is None:
        return "unknown"
    sure = "" if difference.half_width is None else f" ± {difference.half_width:,.0f}"
    return f"{difference.mean:+,.0f}{sure}"


def more_replicates(needed: Sequence[int | None]) -> str:
    """How many replicates would settle it, if what was found stays as it is."""
    known = [number for number in needed if number is not None]
    if len(known) < len(needed):
        return "more replicates"
    return f"about {max(known):,} replicates" if known else ""
