"""Questions that are asked of each level of a study: what each means, and how the networks answer it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import mean, variance

from lottery import arms
from lottery.report.decisions import Answer, all_of, at_least, more_replicates, more_than
from lottery.report.quantities import EARLY_STOP_STEP, gain, spoken, unit_of_differences
from lottery.report.series import readings, whole
from lottery.report.statistics import Estimate, Reading, difference, replicates_needed, step_difference
from lottery.store.records import Summary
from lottery.tasks import Metric

_MATCHING_TOLERANCE = 0.2
"""Points that a matching network may lack (Frankle et al. 2020, section 4.4)."""
BEATS = "beats "
"""What begins the question whether a ticket is better than the control that is named then."""
_NO_PAIR = "a replicate whose two networks are both trained, and did not diverge"


@dataclass(frozen=True)
class Verdict:
    """A verdict is an answer to one question about one level.

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


@dataclass(frozen=True)
class Case:
    """A case is a level that questions are asked of.

    Attributes:
        level: its number.
        density: of its main networks.
        lines: of its networks, and of the dense ones.
        metric: that networks are compared by.
    """

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
        return difference(self.readings(self.level), other, higher_is_better=self.metric.higher_is_better)

    def verdict(self, name: str, answer: Answer, numbers: str, missing: str = "") -> Verdict:
        """Return the answer to a question."""
        return Verdict(name, self.level, self.density, answer, numbers, missing)


def matches(metric: Metric, gained: Estimate | None) -> Answer:
    """Return whether a network is as good as the dense one, but for the tolerance."""
    return at_least(gained, _tolerance(metric))


def _tolerance(metric: Metric) -> float:
    return -_MATCHING_TOLERANCE / metric.scale


def _winning(name: str, case: Case) -> Verdict:
    sides = [whole(case.lines, level) for level in (case.level, 0)]
    ticket, dense = ({line["replicate"]: step for line in side if (step := EARLY_STOP_STEP.of(line)) is not None}
                     for side in sides)  # fmt: skip
    gained = difference(
        *(readings(side, case.metric, early_stop=True) for side in sides), higher_is_better=case.metric.higher_is_better
    )
    every = max(line["evaluate_every"] for line in case.lines)
    earlier, steps = step_difference(dense, ticket, every), step_difference(ticket, dense, every)
    answer = all_of([at_least(gained), at_least(earlier)])
    missing = {
        "unknown": _NO_PAIR
        if case.gain() is None
        else "validation data, whose loss early stopping reads (data.validation)",
        "undecided": _for_a_winner(gained, earlier, every),
    }.get(answer, "")
    return case.verdict(name, answer, f"{gain(case.metric, gained)}, early-stop step {_steps(steps)}", missing)


def _for_a_winner(gained: Estimate | None, earlier: Estimate | None, every: int) -> str:
    unsettled = [one for one in (gained, earlier) if one is not None and at_least(one) == "undecided"]
    # No number of replicates tells steps apart that lie no further apart than evaluations.
    too_close = earlier in unsettled and earlier is not None and abs(earlier.mean) <= every
    needed = [replicates_needed(one) for one in unsettled if not (too_close and one is earlier)]
    closer = "evaluations closer together (train.evaluate_every)" if too_close else ""
    return " and ".join(text for text in (more_replicates(needed), closer) if text)


def _matching(name: str, case: Case) -> Verdict:
    gained = case.gain()
    answer = matches(case.metric, gained)
    return case.verdict(name, answer, gain(case.metric, gained), _to_settle(answer, gained, _tolerance(case.metric)))


def _within_a_deviation(name: str, case: Case) -> Verdict:
    sparse, dense = ([one.value for one in case.readings(level).values()] for level in (case.level, 0))
    if not sparse or not dense:
        return case.verdict(name, "unknown", "no network", "networks that did not diverge")
    metric = case.metric
    gained = mean(sparse) - mean(dense) if metric.higher_is_better else mean(dense) - mean(sparse)
    numbers = f"{metric.scale * float(gained):+.{metric.digits}f} {unit_of_differences(metric)}".rstrip()
    if len(dense) == 1:
        return case.verdict(name, "undecided", numbers, more_replicates([2]))
    spread = variance(dense)
    holds: Answer = "yes" if gained >= 0 or gained**2 <= spread else "no"  # of fractions, and so exact
    deviation = f"{metric.scale * float(spread) ** 0.5:.{metric.digits}f}"
    return case.verdict(name, holds, f"{numbers}, deviation of dense {deviation}")


def _beats(name: str, case: Case) -> Verdict:
    gained = case.gain(name.removeprefix(BEATS))
    answer = more_than(gained)
    return case.verdict(name, answer, gain(case.metric, gained), _to_settle(answer, gained))


def _to_settle(answer: Answer, gained: Estimate | None, threshold: float = 0.0) -> str:
    if gained is None:
        return _NO_PAIR
    return more_replicates([replicates_needed(gained, threshold)]) if answer == "undecided" else ""


def _steps(difference: Estimate | None) -> str:
    if difference is None:
        return "unknown"
    sure = "" if difference.half_width is None else f" ± {difference.half_width:,.0f}"
    return f"{difference.mean:+,.0f}{sure}"


_JUDGES: dict[str, Callable[[str, Case], Verdict]] = {
    "winning ticket": _winning,
    "matching": _matching,
    "matching, within a deviation": _within_a_deviation,
}


def judge(question: str, case: Case) -> Verdict:
    """Return the answer to a question about a level."""
    return _JUDGES.get(question, _beats)(question, case)


def definition(question: str, metric: Metric) -> str:
    """Return what a question means, of networks that are compared by a metric."""
    name, worse = spoken(metric), "below" if metric.higher_is_better else "above"
    tolerance = f"{_MATCHING_TOLERANCE:g} {unit_of_differences(metric)}".rstrip()
    if question.startswith(BEATS):
        other = arms.words(question.removeprefix(BEATS))
        return f"the ticket's final {name} is better than that of its control ({other}), paired by replicate"
    return {
        "winning ticket": f"at its early-stop step the ticket's {name} is at least as good as the dense network's at "
        "its own, and it gets there in at most as many steps (Frankle & Carbin 2019); both paired by replicate",
        "matching": f"the sparse network's final {name} is at most {tolerance} {worse} the dense network's, paired by "
        "replicate (Frankle et al. 2020, section 4.4)",
        "matching, within a deviation": f"the sparse network's mean final {name} is at most one standard deviation "
        f"over replicates {worse} the dense network's (Frankle et al. 2020, section 4)",
    }[question]
