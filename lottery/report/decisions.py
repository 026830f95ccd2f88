"""Whether something holds, as far as an interval tells: yes, no, undecided, unknown."""

import operator
from collections.abc import Callable, Sequence
from typing import Literal, get_args

from lottery.report.statistics import Estimate

Answer = Literal["yes", "no", "undecided", "unknown"]
"""Undecided: more replicates are needed. Unknown: something was not trained."""
ANSWERS: tuple[Answer, ...] = get_args(Answer)

INTERVALS = (
    "differences are paired by replicate; their 95 % interval is Student's over replicates, never narrower than what "
    "counting right answers, or reading steps off evaluations, leaves uncertain"
)
"""What the ± of a difference is."""


def at_least(difference: Estimate | None, threshold: float = 0.0) -> Answer:
    """Return whether a difference is `threshold` or more, as far as its 95 % interval tells."""
    return _beyond(difference, threshold, operator.ge)


def more_than(difference: Estimate | None, threshold: float = 0.0) -> Answer:
    """Return whether a difference is more than `threshold`, as far as its 95 % interval tells."""
    return _beyond(difference, threshold, operator.gt)


def _beyond(difference: Estimate | None, threshold: float, compare: Callable[[float, float], bool]) -> Answer:
    if difference is None:
        return "unknown"
    if difference.low is None or difference.high is None:
        return "undecided"
    if compare(difference.low, threshold):
        return "yes"
    return "undecided" if compare(difference.high, threshold) else "no"


def all_of(answers: Sequence[Answer]) -> Answer:
    """Return whether all of some things hold; that none is asked for can't be answered."""
    order: tuple[Answer, ...] = ("no", "unknown", "undecided", "yes")
    return min(answers, key=order.index, default="unknown")


def any_of(answers: Sequence[Answer]) -> Answer:
    """Return whether one of some things holds."""
    order: tuple[Answer, ...] = ("yes", "undecided", "unknown", "no")
    return min(answers, key=order.index, default="unknown")


def more_replicates(needed: Sequence[int | None]) -> str:
    """Return in words how many replicates would settle it, if what was found stays as it is."""
    known = [number for number in needed if number is not None]
    if len(known) < len(needed):
        return "more replicates"
    return f"about {max(known):,} replicates" if known else ""
