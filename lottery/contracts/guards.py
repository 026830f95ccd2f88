"""Whatever an entry is given stays as it is, and what it returns comes again: guards look for what breaks that."""

import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

import numpy as np
import torch

from lottery.contracts.contract import Broken
from lottery.contracts.differences import difference, same, tensors
from lottery.seeds import seeded, stream

T = TypeVar("T")


@contextmanager
def untouched(**given: object) -> Iterator[None]:
    """Check that what is given stays as it is within the context, and so do the global generators.

    Raises:
        Broken: something is changed.
    """
    before = {name: tensor.detach().clone() for name, tensor in tensors(given, "")}
    asked = {name: tensor.requires_grad for name, tensor in tensors(given, "")}
    with seeded(stream(0, "contract")):
        state = _generators()
        yield
        drawn = [name for name, now in _generators().items() if now != state[name]]
    after = dict(tensors(given, ""))
    for name, tensor in before.items():
        if name not in after or not same(tensor, after[name]):
            raise Broken(f"{_plain(name)} is changed; return new tensors, and change none in place")
        if after[name].requires_grad != asked[name] or (after[name].is_leaf and after[name].grad is not None):
            raise Broken(f"{_plain(name)} has gradients now; use a copy of it: weight.detach().clone()")
    if len(after) > len(before):
        raise Broken(f"{_plain(next(name for name in after if name not in before))} is added; return new mappings")
    if drawn:
        raise Broken(
            f"it draws from {drawn[0]}'s global generator; draw from the one that it is given, or makes for itself: "
            "torch.Generator().manual_seed(0)"
        )


def twice(call: Callable[[], T]) -> tuple[T, T]:
    """Return what two calls return, made while the global generators are at different states."""
    results = []
    for seed in range(2):
        with seeded(stream(seed, "contract")):
            results.append(call())
    return results[0], results[1]


def repeatable(call: Callable[[], object], what: str) -> None:
    """Raise `Broken` where two calls return different tensors; `what` they return is named."""
    place = difference(*twice(call), what)
    if place:
        raise Broken(
            f"{place} is another one the second time; let it follow from the arguments alone, random numbers from the "
            "generator"
        )


def _generators() -> dict[str, object]:
    kind, keys, *rest = np.random.get_state()  # noqa: NPY002
    return {
        "torch": torch.get_rng_state().numpy().tobytes(),
        "Python": random.getstate(),
        "NumPy": (kind, np.asarray(keys).tobytes(), *rest),
    }


def _plain(name: str) -> str:
    """Return `['subject'].weights` as `subject.weights`."""
    first, _, rest = name.removeprefix("['").partition("']")
    return first + rest
