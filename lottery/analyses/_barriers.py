"""Barriers as the analysis `connectivity` shows them: pairs of one kind together, with a verdict, over replicates."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from itertools import groupby
from statistics import fmean

from lottery.arms import in_order, is_main
from lottery.exhibits import Line
from lottery.statistics import (
    Estimate,
    Reading,
    at_least,
    estimate,
    jackknifed,
    least_deviation,
    more_replicates,
    replicates_needed,
)

STABLE_BELOW = 2.0
"""Points of error (Frankle et al. 2020)."""
_VERDICTS = {"no": "stable", "undecided": "undecided", "yes": "unstable", "unknown": "unknown"}
"""Whether the barrier is that high -> the verdict."""
KINDS = {
    "orders": "copies that differ in the order of batches alone",
    "levels": "a level's network and the next one's",
    "replicates": "the networks of two replicates",
    "solution": "a network and its pruning solution",
}
MOST_LEVELS = 4
"""That are named one by one, or drawn in one chart of errors along a line."""


@dataclass(frozen=True)
class Group:
    """A group is all pairs of a kind, arm, level and first step: the same question, asked of several replicates."""

    kind: str
    arm: str
    level: int
    step: int
    lines: Sequence[Line]

    @property
    def series(self) -> str:
        """What it is drawn with: dense networks and tickets together."""
        return "main" if is_main(self.arm) else self.arm

    @property
    def density(self) -> float:
        """Kept share of the weights in %, of the sparser of two networks."""
        return 100 * fmean(line["values"]["density"] for line in self.lines)

    def values(self, read: Callable[[Line], float | None]) -> list[float]:
        """Return one value for each replicate: of its pairs the mean; of pairs of replicates, the jackknife's."""
        found = {_place(line): value for line in self.lines if (value := read(line)) is not None}
        if self.kind == "replicates":
            return jackknifed({(place[0], place[1]): value for place, value in found.items()})
        by_replicate = groupby(sorted(found), key=lambda place: place[0])
        return [fmean(found[place] for place in places) for _, places in by_replicate]

    def barrier(self, name: str = "test_error", statistics: str = "") -> Estimate | None:
        """Return the barrier of an error or a loss; with `as_they_are` for running statistics as interpolated.

        Of an error in %, which is counted, its interval is never narrower than what counting answers leaves uncertain.
        """
        values = self.values(lambda line: _part(line, statistics).get(f"{name}_barrier"))
        return estimate(values, self._uncertain(name, statistics)) if values else None

    def _uncertain(self, name: str, statistics: str) -> float:
        """Return the standard deviation that counting leaves each replicate's barrier: the highest less the ends."""
        images = {"test_error": "test_images", "train_error": "train_images"}.get(name)
        readings = []
        for own in self._by_replicate():
            found = [(_part(line, statistics).get(name), line["values"].get(images)) for line in own]
            counted = [(errors, of) for errors, of in found if errors and of and None not in errors]
            if len(counted) < len(own) or unit(own[0]["values"]) != "points":
                return 0.0
            both = ([max(errors) for errors, _ in counted], [(errors[0] + errors[-1]) / 2 for errors, _ in counted])
            answers = min(of for _, of in counted)
            readings.append([Reading(Fraction(fmean(errors)) / 100, answers) for errors in both])
        return 100 * least_deviation([(highest, ends) for highest, ends in readings])

    def _by_replicate(self) -> list[list[Line]]:
        """Return the lines of each replicate; those of two replicates are of both."""
        names = ("replicate", "with_replicate") if self.kind == "replicates" else ("replicate",)
        replicates = dict.fromkeys(line["of"][name] for line in self.lines for name in names)
        return [[line for line in self.lines if one in map(line["of"].get, names)] for one in replicates]

    @cached_property
    def verdict(self) -> str:
        """Whether the barrier of test errors is below the threshold, as far as its interval over replicates tells."""
        return _VERDICTS[at_least(self.barrier(), STABLE_BELOW)]

    @property
    def remedy(self) -> str:
        """How many replicates would settle a verdict that is undecided; empty where it isn't."""
        found = self.barrier()
        if found is None or self.verdict != "undecided":
            return ""
        if found.half_width is None:
            return "`--replicates 3` gives it an interval"
        return f"{more_replicates([replicates_needed(found, STABLE_BELOW)])} would settle it"

    @property
    def levels(self) -> str:
        """Which level, or two of them, with the share of weights that they keep: `level 1 (80 % of the weights)`."""
        if self.kind != "levels":
            return f"level {self.level} ({self.density:.3g} % of the weights)"
        return f"levels {self.level} and {self.level + 1} ({' and '.join(self.densities)} % of the weights)"

    @property
    def densities(self) -> list[str]:
        """Kept shares of the weights in %, of both networks where they are of two levels; else one."""
        denser = [line["values"].get("denser") for line in self.lines]
        both = [] if None in denser else [100 * fmean(denser)]
        return [f"{share:.3g}" for share in (*both, self.density)]


def _place(line: Line) -> tuple[int, ...]:
    of = line["of"]
    return of["replicate"], of.get("with_replicate", -1), of["order"], of.get("with_order", -1)


def _part(line: Line, statistics: str) -> Line:
    values: Line = line["values"]
    return values.get(statistics, {}) if statistics else values


def groups(lines: Sequence[Line]) -> list[Group]:
    """Return lines in groups, by kind, arm, level and first step."""
    kinds, arms = list(KINDS), in_order(line["of"]["arm"] for line in lines)

    def name(line: Line) -> tuple[int, bool, int, int, int]:
        of = line["of"]
        # Dense networks and tickets stand together, level by level; controls follow.
        return (
            kinds.index(of["between"]), not is_main(of["arm"]), 0 if is_main(of["arm"]) else arms.index(of["arm"]),
            of["level"], of["start_step"],
        )  # fmt: skip

    found = [list(own) for _, own in groupby(sorted(lines, key=name), key=name)]
    return [
        Group(of["between"], of["arm"], of["level"], of["start_step"], own)
        for own, of in ((own, own[0]["of"]) for own in found)
    ]


def onset(level: Sequence[Group]) -> Group | None:
    """Return the pairs of the first step from which on a level's networks are stable; None where there is none."""
    found = None
    for group in sorted(level, key=lambda group: -group.step):
        if group.verdict != "stable":
            break
        found = group
    return found


def unit(values: Line) -> str:
    """Return the unit of a barrier: points, of an error in %."""
    return "points" if values["unit"] == "%" else str(values["unit"])
