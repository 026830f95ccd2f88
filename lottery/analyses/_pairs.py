"""Which networks of a run are paired: to be asked whether they are connected."""

from collections.abc import Callable, Sequence
from itertools import combinations
from typing import NamedTuple

from lottery.arms import is_main
from lottery.explaining.retrained import draws, is_retrained
from lottery.explaining.trained import Trained
from lottery.networks.key import Key


class Pair(NamedTuple):
    """A pair is two networks of a run, or one and its pruning solution, which has no key of its own."""

    one: Key
    other: Key | None


def _orders(trained: Trained, keys: Sequence[Key], named: bool) -> list[Pair]:  # noqa: ARG001
    """Return copies of one start; draws are in other orders, too, and each from an initialization of its own."""
    number = draws(trained)
    copies = [(key, [one for one in trained.copies(key) if one > key]) for key in keys]
    return [Pair(key, one) for key, others in copies for one in others if (one.order - key.order) % number == 0]


def _levels(trained: Trained, keys: Sequence[Key], named: bool) -> list[Pair]:  # noqa: ARG001
    """Return the rounds of one study; densities that are each trained from an initialization follow from no other."""
    if trained.config.sparse is not None:
        return []
    after = [(key, trained.main(key.replicate, key.level + 1)) for key in keys if is_main(key.arm) and not key.order]
    return [Pair(key, one) for key, one in after if one is not None]


def _replicates(trained: Trained, keys: Sequence[Key], named: bool) -> list[Pair]:  # noqa: ARG001
    usual = [key for key in keys if not key.order and (named or is_main(key.arm))]
    return [Pair(one, other) for one, other in combinations(usual, 2) if one[1:] == other[1:] and one[0] != other[0]]


def _solution(trained: Trained, keys: Sequence[Key], named: bool) -> list[Pair]:
    wanted = [key for key in keys if not key.order and (named or is_main(key.arm))]
    return [Pair(key, None) for key in wanted if is_retrained(trained, key)]


PAIRS: dict[str, Callable[[Trained, Sequence[Key], bool], list[Pair]]] = {
    "orders": _orders,
    "levels": _levels,
    "replicates": _replicates,
    "solution": _solution,
}
