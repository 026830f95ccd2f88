"""Ma et al.'s (2021) jackpot: a winning ticket that no learning rate, and no small dense network, explains away."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from lottery import escape, statistics
from lottery.reporting.comparison import conditions
from lottery.reporting.learning_rates import RATE, Cell, Grid, Outcome, grids
from lottery.reporting.quantities import in_points, metrics_of
from lottery.statistics import Answer, Estimate, all_of, any_of, at_least, more_than
from lottery.store.places import CONFIG
from lottery.store.reader import Reader
from lottery.store.records import Summary

_CLEARLY = 0.5
"""By more than how many points one network has to be better than another."""
_TOLERANCES = {"cifar100": 1.0}
_TOLERANCE = 0.5
"""Points that a ticket may lack; of CIFAR-10 in the paper, and taken for other data too."""
_SPARSE_ENOUGH = 0.4
"""Density of a ticket that is not trivial, at most."""
_SMALL = "a small dense network"
_OTHER_RATES = "other learning rates"
_CONTROL = "the control"
_FURTHER = ", and further ones"

CONDITIONS = {
    "1": "the sparsity is not trivial (at most 40 % of the weights); that training is long enough is yours to judge, "
    "by a run with twice the train.length",
    "2": "at some learning rate the ticket beats a small dense network with as many weights at every learning rate by "
    "more than 0.5 points",
    "3": "at some learning rate the ticket beats its reinitialization at every learning rate by more than 0.5 points",
    "4": "at some learning rate the ticket is within the tolerance of the dense network at the same one",
    "5": "at some learning rate the ticket is within the tolerance of the dense network at its best one",
}


@dataclass(frozen=True)
class Jackpot:
    """A jackpot is what several runs at several learning rates say of one level.

    Attributes:
        density: kept share of the weights.
        answers: condition -> answer.
        numbers: condition -> what its answer rests on, in words.
        missing: what would answer the open ones, with its command.
    """

    level: int
    density: float
    answers: dict[str, Answer]
    numbers: dict[str, str]
    missing: list[str]

    @property
    def prize(self) -> str:
        """`jackpot` (all five hold), `secondary prize` (all but the last), `none`, or `undecided`."""
        first = all_of([self.answers[key] for key in "1234"])
        if first == "no":
            return "none"
        if first != "yes":
            return "undecided"
        return {"yes": "jackpot", "no": "secondary prize"}.get(self.answers["5"], "undecided")


def jackpots(runs: Sequence[Reader]) -> list[Jackpot]:
    """Judge each level of the pruning runs among `runs` that differ in the learning rate alone.

    Small dense networks (`model.small_dense`) are those of the same data, model and training, with as many weights as a
    level keeps. Networks of one seed and replicate are compared with one another: they share split and batches.
    """
    found = []
    for grid in grids(runs):
        for ticket in grid.tickets().values():
            cells = grid.cells(ticket["level"], ticket["nonzero"])
            if not any(cell.ticket.unknown for cell in cells.values()):  # else a learning rate has not come to it yet
                found.append(_judge(grid, ticket, cells))
    return found


def _judge(grid: Grid, ticket: Summary, cells: dict[float, Cell]) -> Jackpot:
    density, metric = ticket["density"], metrics_of(grid.first)[0]
    enough: Answer = "yes" if density <= _SPARSE_ENOUGH else "no"
    found = Jackpot(ticket["level"], density, {"1": enough}, {"1": f"{density:.1%} of weights"}, missing=[])
    clearly = (more_than, _CLEARLY / metric.scale)
    within = (at_least, -_TOLERANCES.get(grid.first.config.data.name, _TOLERANCE) / metric.scale)
    needed = []
    for key, arm, (holds, threshold), everywhere in (
        ("2", "small", clearly, True),
        ("3", "reinit", clearly, True),
        ("4", "dense", within, False),
        ("5", "dense", within, True),
    ):
        answer, gain = _somewhere(list(cells.values()), arm, partial(holds, threshold=threshold), everywhere)
        found.answers[key] = answer
        settled = gain is None and answer in ("yes", "no")
        found.numbers[key] = "diverged" if settled else in_points(metric, gain)
        if answer == "undecided":
            needed.append(None if gain is None else statistics.replicates_needed(gain, threshold))
    if found.prize == "undecided":
        found.missing.extend(_missing(grid, found, ticket["nonzero"], cells, needed))
    return found


def _somewhere(
    cells: Sequence[Cell], arm: str, holds: Callable[[Estimate | None], Answer], everywhere: bool
) -> tuple[Answer, Estimate | None]:
    """Return whether at some learning rate the ticket stands against an arm at the same one, or at every one.

    And the difference that decides it. A single rate says nothing of others, where the ticket, or the arm, may be
    better: an empty cell stands for them.
    """
    tried = cells if len(cells) > 1 else [*cells, Cell()]
    against = [(own.ticket, [getattr(other, arm) for other in (tried if everywhere else [own])]) for own in tried]
    answer = any_of([all_of([_compare(ticket, other, holds) for other in others]) for ticket, others in against])
    gains = [[gain for other in others if (gain := ticket.gain(other))] for ticket, others in against]
    worst = [min(own, key=lambda one: one.mean) for own in gains if own]
    return answer, max(worst, key=lambda one: one.mean, default=None)


def _compare(ticket: Outcome, other: Outcome, holds: Callable[[Estimate | None], Answer]) -> Answer:
    """Return whether a ticket stands against another; networks that diverged have lost to all that did not."""
    if ticket.lost:
        return "no"
    if other.lost:
        return "unknown" if ticket.unknown else "yes"
    if ticket.unknown or other.unknown:
        return "unknown"
    gain = ticket.gain(other)
    return "undecided" if gain is None else holds(gain)  # None: no seed and replicate in common


def _missing(
    grid: Grid, found: Jackpot, kept: int, cells: Mapping[float, Cell], needed: Sequence[int | None]
) -> list[str]:
    """Return what would answer the open conditions, with the commands."""
    missing = []
    config = escape.shell(grid.first.path / CONFIG)
    if len(cells) == 1:
        (rate,) = cells
        missing.append(f"{_OTHER_RATES}: lottery prune {config} --set {RATE}={rate / 10:g}{_FURTHER}")
    unfinished = [escape.shell(run.path) for run in grid.unfinished(found.level)]
    missing += [f"networks that are not trained yet: lottery resume {path}" for path in unfinished]
    lacking = [f"{rate:g}" for rate, cell in cells.items() if cell.small.unknown]
    if lacking and found.answers["2"] == "unknown":
        missing.append(
            f"{_SMALL} of about {kept:,} weights at learning rate {', '.join(lacking)}: lottery train {config} "
            f"--set model.small_dense={found.density:.4g} --set {RATE}={lacking[0]}"
        )
    for run in [grid.runs[rate][0] for rate, cell in cells.items() if cell.reinit.unknown]:
        if found.answers["3"] == "unknown" and "reinit" not in run.config.pruning.arms:
            arms = ",".join(["reinit", *run.config.pruning.arms])
            own = f"{escape.shell(run.path / CONFIG)} --set {escape.shell(f'pruning.arms=[{arms}]')}"
            missing.append(f"{_CONTROL}: lottery prune {own}")
    if needed:
        seed = 1 + max(run.config.seed for run in grid.all_runs)
        beside = ", and small dense networks" if found.answers["2"] == "undecided" else ""
        missing.append(
            f"{statistics.more_replicates(needed)}: lottery prune {config} --seed {seed}, at each learning rate{beside}"
        )
    return missing


def missing_of(found: Sequence[Jackpot]) -> list[str]:
    """Return what would answer the open conditions of all levels, each command once.

    Of small dense networks, one a level, the last; of several numbers of replicates, the least and the most.
    """
    sizes = [text for judged in found for text in judged.missing if text.startswith(_SMALL)]
    wanted: dict[str, list[str]] = {}
    for text in dict.fromkeys(text for judged in found for text in judged.missing if not text.startswith(_SMALL)):
        what, _, command = text.partition(": ")
        wanted.setdefault(command, []).append(what)
    others = [f"{_span(whats)}: {command}" for command, whats in wanted.items()]
    return [*others, *([f"{sizes[-1]} (for the last level; one for each)"] if sizes else [])]


def _span(whats: Sequence[str]) -> str:
    """Return texts that differ in a number as one, of the least and the most: `about 6 replicates to about 21 ...`."""
    ordered = sorted(whats, key=lambda what: int("0" + "".join(filter(str.isdigit, what))) or math.inf)
    return ordered[0] if len(ordered) == 1 else f"{ordered[0]} to {ordered[-1]}, by level"


MEANING = "Ma et al. (2021): all five conditions make a jackpot, the first four a secondary prize"


def jackpot_lines(runs: Sequence[Reader]) -> list[str]:
    """Return what the runs say together, in words; nothing where none of them has pruned."""
    found = jackpots(runs)
    if not found:
        return []
    missing = missing_of(found)
    others = [text.partition(": ")[2].removesuffix(_FURTHER) for text in missing if text.startswith(_OTHER_RATES)]
    if others and len({str(conditions(run)[RATE]) for run in runs}) == 1:  # of which nothing can be judged but density
        control = " and the control reinit" if any(text.startswith(_CONTROL) for text in missing) else ""
        want = f"{_OTHER_RATES}, {_SMALL.removeprefix('a ')}s{control}"
        return [f"jackpot (Ma et al. 2021): undecided for want of {want}: {others[0]}, then report them together"]
    lines = [MEANING, *(f"  condition {key}: {text}" for key, text in CONDITIONS.items())]
    for judged in found:
        answers = ", ".join(f"{key} {answer} ({judged.numbers[key]})" for key, answer in judged.answers.items())
        lines.append(f"level {judged.level} ({judged.density:.1%} of weights): {judged.prize}; {answers}")
    return lines + [f"missing: {text}" for text in missing]
