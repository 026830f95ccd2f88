"""Ma et al.'s (2021) jackpot: a winning ticket that no learning rate, and no small dense network, explains away."""

from collections.abc import Sequence
from dataclasses import dataclass

from lottery.files import Record
from lottery.report.comparison import settings
from lottery.report.statistics import Estimate, by_replicate, paired
from lottery.report.verdicts import Answer, at_least, in_points
from lottery.store import Run

CLEARLY = 0.005
"""By how much one accuracy has to exceed another to count as better."""
_TOLERANCES = {"cifar100": 0.01}
_TOLERANCE = 0.005
"""Accuracy that a ticket may lack; of CIFAR-10 in the paper, and taken for other data too."""
_SPARSE_ENOUGH = 0.4
"""Density of a ticket that is not trivial, at most."""
_SAME_SIZE = 0.1
_RATE = "train.optimizer.lr"
_SMALL = "a small dense network"

CONDITIONS = {
    "1": "the sparsity is not trivial (at most 40 % of the weights); that training is long enough is yours to judge, "
    "by a run with twice the train.length",
    "2": "a small dense network with as many weights is clearly worse (by 0.5 points)",
    "3": "at some learning rate the ticket beats its reinitialization at every learning rate by more than 0.5 points",
    "4": "at some learning rate the ticket is within the tolerance of the dense network at the same one",
    "5": "at some learning rate the ticket is within the tolerance of the dense network at its best one",
}


@dataclass(frozen=True)
class Jackpot:
    """What several runs at several learning rates say of one level.

    Attributes:
        level: number of the level.
        density: kept share of the weights.
        answers: condition -> answer.
        numbers: condition -> what its answer rests on, in words.
        missing: what would answer the unknown ones.
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


def all_of(answers: Sequence[Answer]) -> Answer:
    """Whether all of some things hold; that none is asked for can't be answered."""
    order: tuple[Answer, ...] = ("no", "unknown", "undecided", "yes")
    return min(answers, key=order.index, default="unknown")


def any_of(answers: Sequence[Answer]) -> Answer:
    """Whether one of some things holds."""
    order: tuple[Answer, ...] = ("yes", "undecided", "unknown", "no")
    return min(answers, key=order.index, default="unknown")


def jackpots(runs: Sequence[Run]) -> list[Jackpot]:
    """Judge each level of the pruning runs among `runs`, which are to differ in the learning rate alone.

    Runs of dense networks alone, with as many weights as a level keeps, are taken as the small dense ones. Networks of
    one seed and replicate are compared with one another: they share initialization, split and batches.
    """
    grids: dict[str, dict[float, list[Record]]] = {}
    configs: dict[str, Run] = {}
    small = [_dense(run) for run in runs if run.record["study"] == "train"]
    tolerance = _TOLERANCE
    for run in runs:
        if run.record["study"] == "prune" and any(line["level"] for line in run.levels()):
            own = settings(run)
            rate = float(own.pop(_RATE))
            lines = [line | {"replicate": (run.config.seed, line["replicate"])} for line in run.levels()]
            name = repr(sorted(own.items()))
            configs.setdefault(name, run)
            grids.setdefault(name, {}).setdefault(rate, []).extend(lines)
            tolerance = _TOLERANCES.get(run.config.data.name, _TOLERANCE)
    found = []
    for name, grid in grids.items():
        levels = sorted(set.intersection(*({line["level"] for line in lines} for lines in grid.values())) - {0})
        found += [_judge(grid, level, small, tolerance, configs[name]) for level in levels]
    return found


def _judge(
    grid: dict[float, list[Record]], level: int, small: list[list[Record]], tolerance: float, run: Run
) -> Jackpot:
    def accuracies(rate: float, at: int, arm: str) -> dict[int, float]:
        return by_replicate(grid[rate], at, arm, "test_accuracy")

    def exceeds(left: dict[int, float], right: dict[int, float], by: float) -> Answer:
        return at_least(paired(left, right), by)

    rates = sorted(grid)
    one = next(line for line in grid[rates[0]] if (line["level"], line["arm"]) == (level, "main"))
    tickets = {rate: accuracies(rate, level, "main") for rate in rates}
    dense = {rate: accuracies(rate, 0, "main") for rate in rates}
    reinit = {rate: accuracies(rate, level, "reinit") for rate in rates}
    answers: dict[str, Answer] = {"1": "yes" if one["density"] <= _SPARSE_ENOUGH else "no"}
    kept = one["nonzero"]
    peers = [lines for lines in small if lines and abs(lines[0]["total"] - kept) <= _SAME_SIZE * kept]
    best = max(rates, key=lambda rate: sum(tickets[rate].values()) / max(1, len(tickets[rate])))
    answers["2"] = all_of([at_least(_against_small(tickets[best], lines), CLEARLY) for lines in peers])
    several = len(rates) > 1
    answers["3"] = any_of(
        [all_of([exceeds(tickets[rate], reinit[other], CLEARLY) for other in rates]) for rate in rates]
    )
    answers["4"] = any_of([exceeds(tickets[rate], dense[rate], -tolerance) for rate in rates])
    answers["5"] = any_of(
        [all_of([exceeds(tickets[rate], dense[other], -tolerance) for other in rates]) for rate in rates]
    )
    decisive = {
        "2": _smallest([_against_small(tickets[best], lines) for lines in peers]),
        "3": _largest([_smallest([paired(tickets[rate], reinit[other]) for other in rates]) for rate in rates]),
        "4": _largest([paired(tickets[rate], dense[rate]) for rate in rates]),
        "5": _largest([_smallest([paired(tickets[rate], dense[other]) for other in rates]) for rate in rates]),
    }
    numbers = {"1": f"{one['density']:.1%} of weights"} | {key: in_points(found) for key, found in decisive.items()}
    missing = []
    config = f"{run.path}/config.yaml"
    if not several:
        for key in ("3", "5"):
            answers[key] = "no" if answers[key] == "no" else "unknown"
        missing.append(
            f"other learning rates: lottery prune {config} --set {_RATE}={rates[0] / 10:g}, and further ones"
        )
    if not peers:
        missing.append(
            f"{_SMALL} of about {kept:,} weights: lottery train {config} --set model.small_dense={one['density']:.4g}"
        )
    if not any(reinit.values()):
        arms = ",".join(["reinit", *run.config.pruning.arms])
        missing.append(f"the control: lottery prune {config} --set 'pruning.arms=[{arms}]'")
    return Jackpot(level, one["density"], answers, numbers, missing)


def _smallest(differences: Sequence[Estimate | None]) -> Estimate | None:
    return min((one for one in differences if one is not None), key=lambda one: one.mean, default=None)


def _largest(differences: Sequence[Estimate | None]) -> Estimate | None:
    return max((one for one in differences if one is not None), key=lambda one: one.mean, default=None)


def _dense(run: Run) -> list[Record]:
    return [line for line in run.levels() if line["level"] == 0]


def _against_small(ticket: dict[int, float], small: list[Record]) -> Estimate | None:
    """Against networks of another architecture, which share nothing but their number: replicates in order."""
    theirs = list(by_replicate(small, 0, "main", "test_accuracy").values())
    return paired(dict(enumerate(ticket.values())), dict(enumerate(theirs)))


def missing_of(found: Sequence[Jackpot]) -> list[str]:
    """What would answer the open conditions of all levels; of small dense networks, one a level, the last."""
    sizes = [text for judged in found for text in judged.missing if text.startswith(_SMALL)]
    others = dict.fromkeys(text for judged in found for text in judged.missing if not text.startswith(_SMALL))
    return [*others, *([f"{sizes[-1]} (for the last level; one for each)"] if sizes else [])]


MEANING = "Ma et al. (2021): all five conditions make a jackpot, the first four a secondary prize"


def jackpot_lines(runs: Sequence[Run]) -> list[str]:
    """What the runs say together, in words; nothing where none of them has pruned."""
    found = jackpots(runs)
    if not found:
        return []
    lines = [MEANING, *(f"  condition {key}: {text}" for key, text in CONDITIONS.items())]
    for judged in found:
        answers = ", ".join(f"{key} {answer} ({judged.numbers[key]})" for key, answer in judged.answers.items())
        lines.append(f"level {judged.level} ({judged.density:.1%} of weights): {judged.prize}; {answers}")
    return lines + [f"missing: {text}" for text in missing_of(found)]
