"""Which images go through a model is found by trying."""

import re
from collections.abc import Iterator
from functools import lru_cache
from itertools import islice

from torch import nn

from lottery.contracts.contract import Broken, Candidate, Shape, described, require
from lottery.networks.behaviour import behaviour
from lottery.seeds import seeded, stream

CLASSES = 7
"""Other than any data set's, so that a model that takes them for granted is found."""
_USUAL: tuple[Shape, ...] = ((1, 8, 8), (1, 28, 28), (3, 32, 32), (3, 64, 64), (3, 224, 224))
"""From small to large; a model is tried with them until two go through it."""


def build(given: Candidate, shape: Shape, seed: int = 0) -> nn.Module:
    """Return a network as its own code draws it."""
    with seeded(stream(seed, "model")):
        module: nn.Module = given(shape, CLASSES)
    return module


def by(shape: Shape) -> str:
    """Return a shape as it is written: `3x32x32`."""
    return "x".join(map(str, shape))


@lru_cache(maxsize=1)
def sizes(given: Candidate) -> list[Shape]:
    """Return the first two sizes of images that go through a model, or the only one.

    Raises:
        Broken: none does; the message says why.
    """
    reasons: dict[str, Shape] = {}

    def going() -> Iterator[Shape]:
        for shape in given.shapes or _USUAL:
            try:
                module = build(given, shape)
                require(
                    isinstance(module, nn.Module), f"it returns a {type(module).__name__}; return a torch.nn.Module"
                )
                lazy = any(isinstance(one, nn.UninitializedParameter) for one in module.parameters())
                remedy = "call it once on torch.zeros(2, *shape), then return it"
                require(not lazy, f"it has lazy layers, whose sizes are not known yet; {remedy}")
                behaviour(module, shape, CLASSES)
                yield shape
            except Broken:
                raise
            except Exception as error:
                reasons.setdefault(described(error, given.entry), shape)

    found = list(islice(going(), 2))
    if not found:
        said = "; ".join(f"{by(shape)}: {reason}" for reason, shape in _telling(reasons).items())
        raise Broken(f"no images go through it; {said}; if it takes others, name their size: --shape 3x48x48, say")
    return found


def _telling(reasons: dict[str, Shape]) -> dict[str, Shape]:
    """Return those of the reasons that say most: of others than numbers, and where images come out, these alone."""
    outputs = {reason: shape for reason, shape in reasons.items() if "its output for" in reason}
    kinds = {re.sub(r"\d+", "0", reason): (reason, shape) for reason, shape in reversed((outputs or reasons).items())}
    return dict(kinds.values())
