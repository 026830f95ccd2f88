"""Verdicts: is there a winning ticket? Each with its definition, the numbers that it rests on, and what is missing.

`undecided` is an answer: an interval holds the threshold, or a single replicate has no interval.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Literal, NamedTuple

from lottery.files import Record
from lottery.report.statistics import Estimate, by_level_and_arm, by_replicate, paired, replicates_needed
from lottery.store import Run

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

_NO_PAIR = "a replicate whose dense and sparse networks are both trained, and did not diverge"
_ROUNDING = 1e-9
"""Far below one image of any test set: a difference that is the threshold itself is not missed for a rounded bit."""


def at_least(difference: Estimate | None, threshold: float) -> Answer:
    """Whether a difference is `threshold` or more, as far as its 95 % interval tells."""
    if difference is None:
        return "unknown"
    if difference.low is None or difference.high is None:
        return "undecided"
    if difference.low >= threshold - _ROUNDING:
        return "yes"
    return "no" if difference.high < threshold - _ROUNDING else "undecided"


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
            found += [question(levels, level, density[level]) for question in questions]
            found += [_beats(levels, level, density[level], arm) for arm in ("reinit", "random") if arm in arms]
    return found


def _against_dense(levels: Sequence[Record], level: int, key: str) -> Estimate | None:
    return paired(by_replicate(levels, level, "main", key), by_replicate(levels, 0, "main", key))


def _winning(levels: Sequence[Record], level: int, density: float) -> Verdict:
    accuracy = _against_dense(levels, level, "early_stop_test_accuracy")
    key = "early_stop_step"
    steps = _against_dense(levels, level, key)
    earlier = paired(by_replicate(levels, 0, "main", key), by_replicate(levels, level, "main", key))
    answer = both(at_least(accuracy, 0), at_least(earlier, 0))
    numbers = f"accuracy {in_points(accuracy)}, early-stop step {_steps(steps)}"
    needed = [
        replicates_needed(difference)
        for difference in (accuracy, steps)
        if difference is not None and at_least(difference, 0) == "undecided"
    ]
    there = _against_dense(levels, level, "test_accuracy") is not None
    missing = {
        "unknown": "validation data, whose loss early stopping reads (data.validation)" if there else _NO_PAIR,
        "undecided": _more(needed),
    }.get(answer, "")
    return Verdict("winning ticket", level, density, answer, numbers, missing)


def _matching(levels: Sequence[Record], level: int, density: float) -> Verdict:
    difference = _against_dense(levels, level, "test_accuracy")
    answer = at_least(difference, -MATCHING_TOLERANCE)
    needed = [] if difference is None else [replicates_needed(difference, -MATCHING_TOLERANCE)]
    missing = {"unknown": _NO_PAIR, "undecided": _more(needed)}.get(answer, "")
    return Verdict("matching", level, density, answer, f"accuracy {in_points(difference)}", missing)


def _within_a_deviation(levels: Sequence[Record], level: int, density: float) -> Verdict:
    accuracies = by_level_and_arm(levels, "test_accuracy")
    ticket, dense = accuracies.get((level, "main")), accuracies.get((0, "main"))
    name = "matching, within a deviation"
    if ticket is None or dense is None:
        return Verdict(name, level, density, "unknown", "no network", _NO_PAIR)
    if dense.deviation is None:
        return Verdict(name, level, density, "undecided", f"{100 * (ticket.mean - dense.mean):+.2f} points", _more([2]))
    holds: Answer = "yes" if ticket.mean >= dense.mean - dense.deviation else "no"
    numbers = f"{100 * (ticket.mean - dense.mean):+.2f} points, deviation of dense {100 * dense.deviation:.2f}"
    return Verdict(name, level, density, holds, numbers)


def _beats(levels: Sequence[Record], level: int, density: float, arm: str) -> Verdict:
    difference = paired(
        by_replicate(levels, level, "main", "test_accuracy"), by_replicate(levels, level, arm, "test_accuracy")
    )
    answer = at_least(difference, 0)
    missing = _more([replicates_needed(difference)]) if answer == "undecided" and difference is not None else ""
    return Verdict(f"beats {arm}", level, density, answer, f"accuracy {in_points(difference)}", missing)


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


def _more(needed: Sequence[int | None]) -> str:
    """How many replicates would settle it, if what was found stays as it is."""
    known = [number for number in needed if number is not None]
    if len(known) < len(needed):
        return "more replicates"
    return f"about {max(known):,} replicates" if known else ""
