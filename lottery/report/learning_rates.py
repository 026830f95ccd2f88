"""What came of pruning studies at several learning rates, and of small dense networks beside them."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from lottery.report.comparison import settings
from lottery.report.statistics import Accuracy, accuracies
from lottery.store.files import Record
from lottery.store.run import Run

RATE = "train.optimizer.lr"
_SAME_SIZE = 0.1


@dataclass(frozen=True)
class Outcome:
    """What came of the networks of one arm and level at one learning rate.

    Attributes:
        accuracies: of those that did not diverge, by seed and replicate.
        lost: each of them diverged, or would have started from one that did. That is a result, and nothing is missing.
        waiting: some are still to be trained.
    """

    accuracies: dict[Any, Accuracy] = field(default_factory=dict)
    lost: bool = False
    waiting: bool = False

    @property
    def unknown(self) -> bool:
        """Whether nothing can be said of it yet."""
        return not self.accuracies and not self.lost


@dataclass(frozen=True)
class Cell:
    """What came of one level at one learning rate."""

    ticket: Outcome = Outcome()
    reinit: Outcome = Outcome()
    dense: Outcome = Outcome()
    small: Outcome = Outcome()
    """Dense networks of as many weights."""


@dataclass(frozen=True)
class Grid:
    """Pruning studies that differ in the learning rate alone, or in seed and controls too, and small dense ones.

    Attributes:
        runs: learning rate -> pruning studies.
        small: learning rate -> small dense networks of the same data, model and training.
    """

    runs: dict[float, list[Run]] = field(default_factory=dict)
    small: dict[float, list[Run]] = field(default_factory=dict)

    @property
    def first(self) -> Run:
        """A pruning study, for all that they have in common."""
        return next(iter(self.runs.values()))[0]

    @property
    def all_runs(self) -> list[Run]:
        """Pruning studies, then small dense networks."""
        return [run for runs in (*self.runs.values(), *self.small.values()) for run in runs]

    def tickets(self) -> dict[int, Record]:
        """Level -> line of the first ticket there is."""
        found: dict[int, Record] = {}
        for run in (run for runs in self.runs.values() for run in runs):
            for line in run.levels():
                if line["arm"] == "main" and line["level"]:
                    found.setdefault(line["level"], line)
        return dict(sorted(found.items()))

    def cells(self, level: int, kept: int) -> dict[float, Cell]:
        """Learning rate, in ascending order -> what came of a level, which keeps so many weights."""
        return {rate: self._cell(rate, level, kept) for rate in sorted(self.runs)}

    def _cell(self, rate: float, level: int, kept: int) -> Cell:
        runs, distance = self.runs[rate], {run: abs(_size(run) - kept) for run in self.small.get(rate, [])}
        nearest = [run for run, far in distance.items() if far == min(distance.values()) <= _SAME_SIZE * kept]
        return Cell(
            ticket=_outcome(runs, level, "main"),
            reinit=_outcome(runs, level, "reinit"),
            dense=_outcome(runs, 0, "main"),
            small=_outcome(nearest, 0, "main"),
        )

    def unfinished(self, level: int) -> list[Run]:
        """Runs that have still to train networks that a level is judged by."""
        return [run for run in self.all_runs if _waits(run, level)]


def grids(runs: Sequence[Run]) -> list[Grid]:
    """The pruning studies among some runs, those together that differ in learning rate, seed and controls alone."""
    found: dict[str, Grid] = {}
    for run in runs:
        pruned = any(line["level"] for line in run.levels()) or _outcome([run], 1, "main").lost
        if run.record["study"] == "prune" and pruned:
            own = settings(run)
            rate = float(own.pop(RATE))
            own.pop("pruning.arms")  # what else is trained changes no ticket
            found.setdefault(repr(sorted(own.items())), Grid()).runs.setdefault(rate, []).append(run)
    small = [run for run in runs if run.record["study"] == "train" and run.config.model.small_dense]
    for grid in found.values():
        task = _task(grid.first)
        for run in small:
            if _task(run) == task and any(line["level"] == 0 for line in run.levels()):
                grid.small.setdefault(float(settings(run)[RATE]), []).append(run)
    return list(found.values())


def _task(run: Run) -> Record:
    """What the results of a dense network depend on, but its size and learning rate."""
    own = settings(run)
    other = (RATE, "model.small_dense")
    return {key: own[key] for key in own if key not in other and not key.startswith(("pruning.", "sparse"))}


def _waits(run: Run, level: int) -> bool:
    pruned = run.record["study"] == "prune" and level <= run.config.pruning.iterations
    members = [(0, "main"), *([(level, "main"), (level, "reinit")] if pruned else [])]
    return any(_outcome([run], *member).waiting for member in members)


def _size(run: Run) -> int:
    return next(int(line["total"]) for line in run.levels())


def _outcome(runs: Sequence[Run], level: int, arm: str) -> Outcome:
    found: dict[Any, Accuracy] = {}
    everyone, planned, lost = set(), set(), set()
    for run in runs:
        lines, seed, pruning = run.levels(), run.config.seed, run.config.pruning
        found |= {(seed, replicate): accuracy for replicate, accuracy in accuracies(lines, level, arm).items()}
        before = range(min(level, 1) if pruning.one_shot else level)  # whose tickets are trained first
        lost |= {
            (seed, line["replicate"])
            for line in lines
            if line.get("diverged") is not None
            and ((line["level"], line["arm"]) == (level, arm) or (line["arm"] == "main" and line["level"] in before))
        }
        own = {(seed, replicate) for replicate in range(run.config.replicates)}
        everyone |= own
        planned |= own if arm == "main" or arm in pruning.arms else set()
    gone = lost - found.keys()
    return Outcome(found, lost=bool(everyone) and everyone <= gone, waiting=bool(planned - gone - found.keys()))
