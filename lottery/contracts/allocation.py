"""What an allocation must fulfil."""

import math
from collections.abc import Mapping
from numbers import Real

from lottery.contracts.contract import Candidate, require
from lottery.contracts.examples import SHAPES
from lottery.contracts.guards import twice, untouched

_DENSITIES = (0.01, 0.2, 1.0)
_TOTAL = sum(shape.numel() for shape in SHAPES.values())


def returns_densities(given: Candidate) -> None:
    """An allocation returns a density from 0 to 1: one for all layers ranked together, or a dict with each layer's."""
    answers = [_ask(given, density) for density in _DENSITIES]
    require(any(answer is not None for answer in answers), f"it refuses {', '.join(map(str, _DENSITIES))}; allow some")
    for answer in [one for one in answers if one is not None]:
        each = answer if isinstance(answer, Mapping) else {"all layers": answer}
        if isinstance(answer, Mapping):
            odd = sorted(set(each) ^ set(SHAPES))
            require(not odd, f"layers of the answer and of `shapes` differ in {', '.join(odd)}; return one for each")
        for name, value in each.items():
            require(isinstance(value, Real), f"that of {name} is a {type(value).__name__}; return a number")
            require(0 <= value <= 1, f"that of {name} is {value}; give what is too much for a layer to the others")


def changes_nothing(given: Candidate) -> None:
    """An allocation changes nothing that it is given, and leaves the global random state as it is."""
    shapes = dict(SHAPES)
    with untouched():
        given(0.2, shapes)
    require(shapes == SHAPES and list(shapes) == list(SHAPES), "`shapes` is changed; work on a copy: dict(shapes)")


def is_repeatable(given: Candidate) -> None:
    """An allocation is a function of its arguments."""
    first, second = twice(lambda: _ask(given, 0.2))
    require(first == second, "the second answer is another one; let it follow from density and shapes alone")


def meets_the_total(given: Candidate) -> None:
    """The densities of the layers come to the density that is asked for, over all weights."""
    for density in _DENSITIES:
        answer = _ask(given, density)
        if answer is None:
            continue
        kept = answer * _TOTAL if not isinstance(answer, Mapping) else sum(
            value * SHAPES[name].numel() for name, value in answer.items()
        )  # fmt: skip
        require(
            math.isclose(kept, density * _TOTAL, rel_tol=1e-6),
            f"at density {density} it keeps {kept / _TOTAL:.4g} of all weights; where a layer is full, give what is "
            "too much to the others, and where that can't be had, raise ValueError",
        )


def _ask(given: Candidate, density: float) -> float | Mapping[str, float] | None:
    """Return an allocation's answer; None where it says that the density can't be had."""
    try:
        answer: float | Mapping[str, float] = given(density, dict(SHAPES))
    except ValueError:
        return None
    return answer


CHECKS = (returns_densities, changes_nothing, is_repeatable, meets_the_total)
