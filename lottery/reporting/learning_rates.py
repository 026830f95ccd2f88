"""What came of pruning studies at several learning rates, and of small dense networks beside them."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from lottery.arms import is_main
from lottery.reporting.comparison import conditions, seeded
from lottery.reporting.quantities import kind, metrics_of
from lottery.reporting.series import has_dense, shown
from lottery.statistics import Estimate, Reading, difference
from lottery.store.reader import Reader
from lottery.store.records import Summary

RATE = "train.optimizer.lr"
_SAME_SIZE = 0.1


@dataclass(frozen=True)
class Outcome:
    """An outcome is what came of the networks of one arm and level at one learning rate.

    Attributes:
        readings: of those that did not diverge, by seed and replicate.
        lost: each of them diverged, or would have started from one that did. That is a result, and nothing is missing.
        waiting: some are still to be trained.
    """

    readings: dict[tuple[int, int], Reading] = field(default_factory=dict)
    lost: bool = False
    waiting: bool = False
    higher_is_better: bool = True

    @property
    def unknown(self) -> bool:
        """Whether nothing can be said of it yet."""
        return not self.readings and not self.lost

    def gain(self, other: "Outcome") -> Estimate | None:
        """Return how much better these are than others, by seed and replicate; None where they share none."""
        return difference(self.readings, other.readings, higher_is_better=self.higher_is_better)


@dataclass(frozen=True)
class Cell:
    """A cell is what came of one level at one learning rate."""

    ticket: Outcome = Outcome()
    reinit: Outcome = Outcome()
    dense: Outcome = Outcome()
    small: Outcome = Outcome()
    """Dense networks of as many weights."""


@dataclass(frozen=True)
class Grid:
    """A grid is pruning studies that differ in learning rate, seed and controls alone, and small dense ones beside.

    Both are by learning rate; small dense networks are of the same data, model and training.
    """

    runs: dict[float, list[Reader]] = field(default_factory=dict)
    small: dict[float, list[Reader]] = field(default_factory=dict)

    @property
    def first(self) -> Reader:
        """A pruning study, for all that they have in common."""
        return next(iter(self.runs.values()))[0]

    @property
    def all_runs(self) -> list[Reader]:
        """Pruning studies, then small dense networks."""
        return [run for runs in (*self.runs.values(), *self.small.values()) for run in runs]

    def tickets(self) -> dict[int, Summary]:
        """Return level -> line of the first ticket there is."""
        found: dict[int, Summary] = {}
        for run in (run for runs in self.runs.values() for run in runs):
            for line in run.levels():
                if is_main(line["arm"]) and line["level"]:
                    found.setdefault(line["level"], line)
        return dict(sorted(found.items()))

    def cells(self, level: int, kept: int) -> dict[float, Cell]:
        """Return learning rate, in ascending order -> what came of a level, which keeps so many weights."""
        found = {}
        for rate, runs in sorted(self.runs.items()):
            distance = {run: abs(run.levels()[0]["total"] - kept) for run in self.small.get(rate, [])}
            nearest = [run for run, far in distance.items() if far == min(distance.values()) <= _SAME_SIZE * kept]
            outcomes = (_outcome(runs, level), _outcome(runs, level, "reinit"), _outcome(runs, 0))
            found[rate] = Cell(*outcomes, small=_outcome(nearest, 0))
        return found

    def unfinished(self, level: int) -> list[Reader]:
        """Return the runs that have still to train networks that a level is judged by."""

        def waits(run: Reader) -> bool:
            pruned = _prunes(run) and level <= run.config.pruning.iterations
            members = [(0, None), *([(level, None), (level, "reinit")] if pruned else [])]
            return any(_outcome([run], *member).waiting for member in members)

        return list(filter(waits, self.all_runs))


def grids(runs: Sequence[Reader]) -> list[Grid]:
    """Return the grids that the pruning studies among some runs make."""
    found: dict[str, Grid] = {}
    for run in runs:
        if _prunes(run) and (any(line["level"] for line in run.levels()) or _outcome([run], 1).lost):
            own = conditions(run)
            own.pop("pruning.arms")  # what else is trained changes no ticket
            rate = float(str(own.pop(RATE)))
            found.setdefault(repr(sorted(own.items())), Grid()).runs.setdefault(rate, []).append(run)
    small = [run for run in runs if run.config.model.small_dense and not _prunes(run) and has_dense(run.levels())]
    for grid in found.values():
        of_grid = _dense_conditions(grid.first)
        for run in small:
            if _dense_conditions(run) == of_grid:
                grid.small.setdefault(float(str(conditions(run)[RATE])), []).append(run)
    return list(found.values())


def _prunes(run: Reader) -> bool:
    """Return whether a run's masks were made by training of its own, round after round."""
    return bool(kind(run).rounds_before(run.config, 1))


def _dense_conditions(run: Reader) -> dict[str, object]:
    """Return what the results of a dense network depend on, but its size and learning rate."""
    own = conditions(run)
    other = (RATE, "model.small_dense")
    return {key: own[key] for key in own if key not in other and not key.startswith(("pruning.", "sparse"))}


def _outcome(runs: Sequence[Reader], level: int, arm: str | None = None) -> Outcome:
    """Return what came of an arm's networks at a level; of no arm, of the main ones there."""
    found: dict[tuple[int, int], Reading] = {}
    everyone, planned, lost = set(), set(), set()
    for run in runs:
        lines, seed = shown(run.levels()), run.config.seed
        found |= seeded([run], level, metrics_of(run)[0], arm)
        lost |= {(seed, line["replicate"]) for line in lines if _lost(run, line, level, arm)}
        replicates = {(seed, replicate) for replicate in range(run.config.replicates)}
        everyone |= replicates
        planned |= replicates if arm is None or arm in run.config.pruning.arms else set()
    gone = lost - found.keys()
    return Outcome(
        found,
        lost=bool(everyone) and everyone <= gone,
        waiting=bool(planned - gone - found.keys()),
        higher_is_better=all(metrics_of(run)[0].higher_is_better for run in runs),
    )


def _lost(run: Reader, line: Summary, level: int, arm: str | None) -> bool:
    """Return whether a line's network diverged, and with it the one of its replicate at a level, of an arm."""
    if line["diverged"] is None:
        return False
    if is_main(line["arm"]):
        before = kind(run).rounds_before(run.config, level) or ()  # whose tickets are trained first
        return line["level"] in before or (line["level"] == level and arm is None)
    return (line["level"], line["arm"]) == (level, arm)
