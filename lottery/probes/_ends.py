"""What a probe found where training begins and ends, in words and tables."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from lottery.arms import is_main
from lottery.exhibits import Table
from lottery.probes._over_steps import Course, Network
from lottery.statistics import Estimate, estimate


def begun(course: Course) -> Mapping[int, float]:
    """Return replicate -> value at the first step."""
    return course[min(course)]


def ended(course: Course) -> Mapping[int, float]:
    """Return replicate -> value at each one's last step."""
    last: dict[int, float] = {}
    for each in course.values():
        last |= each
    return last


def ends_table(found: Mapping[Network, Course], what: str) -> Table:
    """Return a table of what each network began and ended with."""
    rows = [
        [str(level), arm, str(len(ended(course))), *(said(each(course).values()) for each in (begun, ended))]
        for (level, arm), course in found.items()
    ]
    return Table(["level", "arm", "replicates", f"{what}, at the start", "at the end"], rows)


def over_time(found: Mapping[Network, Course], what: str, unit: str = "") -> list[str]:
    """Say what the densest and the sparsest main network began and ended with."""
    own = [name for name in found if is_main(name[1])] or [*found]
    answers = []
    for level, arm in dict.fromkeys([*own[:1], *own[-1:]]):
        first, last = (said(each(found[level, arm]).values()) for each in (begun, ended))
        answers.append(f"Level {level}, {arm}: {what} goes from {first}{unit} at the start to {last}{unit} at the end.")
    return answers or ["All networks that were probed had diverged."]


def said(values: Any, digits: int = 3) -> str:
    """Return a mean and its interval in words: `0.84 ± 0.02`; without one for a single value."""
    found = estimate(list(values))
    return f"{found.mean:.{digits}g}" + ("" if found.half_width is None else f" ± {found.half_width:.2g}")


def times(logarithms: Sequence[float]) -> tuple[str, Estimate]:
    """Return a factor in words, `1.2 (1.1 to 1.4) times`, of the natural logarithm of each replicate's; and those."""
    found = estimate(logarithms)
    words = f"{math.exp(found.mean):.3g}"
    if found.low is not None and found.high is not None:
        low, high = (math.exp(min(end, 700)) for end in (found.low, found.high))
        words += f" ({low:.3g} to {high:.3g})"
    return f"{words} times", found
