"""What a schedule must fulfil."""

import math
from numbers import Real

from lottery.contracts.contract import Candidate, require
from lottery.contracts.guards import twice, untouched

_COURSES = ((1, 1), (100, 10), (2500, 391), (30, 100))
"""Steps of training, and of an epoch; of the last one, training ends within the first."""


def returns_factors(given: Candidate) -> None:
    """A schedule returns a finite factor of 0 or more at each step, from 0 to length - 1."""
    for length, epoch in _COURSES:
        for step, value in enumerate(_course(given, length, epoch)):
            at = f"at step {step} of {length} (an epoch being {epoch})"
            require(isinstance(value, Real), f"{at} it is a {type(value).__name__}; return a number")
            require(math.isfinite(value) and value >= 0, f"{at} it is {value}; keep it at 0 or above")


def draws_nothing(given: Candidate) -> None:
    """A schedule leaves the global random state as it is."""
    with untouched():
        given(1, 100, 10)


def is_a_function_of_the_step(given: Candidate) -> None:
    """A schedule is the same at a step, in whatever order steps are asked for: rewinding goes back."""
    for length, epoch in _COURSES:
        there, _ = twice(lambda course=(length, epoch): _course(given, *course))  # type: ignore[misc]
        back = [given(step, length, epoch) for step in reversed(range(length))][::-1]
        odd = [step for step in range(length) if there[step] != back[step]]
        require(
            not odd, f"step {odd[0] if odd else 0} has another factor when it comes again; keep no state between calls"
        )


def trains(given: Candidate) -> None:
    """A schedule is above 0 at some step: else nothing would be trained."""
    for length, epoch in _COURSES:
        require(
            any(_course(given, length, epoch)), f"all {length} factors are 0; the optimizer's lr is multiplied by it"
        )


def _course(given: Candidate, length: int, epoch: int) -> list[float]:
    return [given(step, length, epoch) for step in range(length)]


CHECKS = (returns_factors, draws_nothing, is_a_function_of_the_step, trains)
