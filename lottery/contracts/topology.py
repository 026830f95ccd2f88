"""What a topology must fulfil."""

from collections.abc import Mapping
from dataclasses import replace
from itertools import product

import torch
from torch import Tensor

from lottery.contracts.contract import Candidate, require
from lottery.contracts.examples import SHAPES
from lottery.contracts.guards import repeatable, untouched
from lottery.networks import masks
from lottery.networks.masks import Mask
from lottery.seeds import stream
from lottery.topology import Moment

_DENSITIES = (0.0, 0.004, 0.3, 0.98, 1.0)
_SIGNALS = (1.0, 0.0)
"""Gradients as they are, and all zero."""


def moment(density: float, *, signal: float = 1.0) -> Moment:
    """Return a sparse network, one of its layers dense and one all pruned, half-way through its updates.

    Args:
        density: of the other layers.
        signal: magnitude of gradients and their trace.
    """
    generator = torch.Generator().manual_seed(5)
    shapes = SHAPES | {"dense.weight": torch.Size([7, 3]), "gone.weight": torch.Size([5, 6])}
    densities = dict.fromkeys(SHAPES, density) | {"dense.weight": 1.0, "gone.weight": 0.0}
    draw = {key: torch.rand(shape, generator=generator) for key, shape in shapes.items()}
    full = {key: torch.ones(shape, dtype=torch.bool) for key, shape in shapes.items()}
    mask = masks.keep_top(draw, densities, full, stream(5))
    weights, gradients, trace = (
        {key: torch.randn(shape, generator=generator) for key, shape in shapes.items()} for _ in range(3)
    )
    return Moment(
        weights={key: weight * mask[key] for key, weight in weights.items()}, mask=mask,
        step=499, start=0, end=1000, length=1500, interval=100, density=density, generator=stream(0, "topology"),
        gradients={key: signal * gradient for key, gradient in gradients.items()},
        trace={key: signal * moving for key, moving in trace.items()},
    )  # fmt: skip


def returns_a_mask(given: Candidate) -> None:
    """A topology returns a mask for each layer: a dict like `moment.mask`, in its order, of bool tensors."""
    for density, signal in product(_DENSITIES, _SIGNALS):
        at = moment(density, signal=signal)
        new = given(at)
        require(isinstance(new, Mapping), f"it returns a {type(new).__name__}; return name -> mask, a dict")
        names, wanted = list(new), list(at.mask)
        require(names == wanted, f"it returns {', '.join(map(str, names))}, and has to return {', '.join(wanted)}")
        for name, mask in at.mask.items():
            require(isinstance(new[name], Tensor), f"that of {name} is a {type(new[name]).__name__}; return a tensor")
            require(new[name].dtype == torch.bool, f"that of {name} is {new[name].dtype}; return booleans")
            require(new[name].shape == mask.shape, f"that of {name} has another shape, {tuple(new[name].shape)}")


def changes_nothing(given: Candidate) -> None:
    """A topology changes nothing that it is given, and leaves the global random state as it is."""
    at = moment(0.3)
    with untouched(moment=at):
        given(at)


def is_repeatable(given: Candidate) -> None:
    """A topology is the same for equal moments and generators of one seed."""
    repeatable(lambda: given(replace(moment(0.3), generator=stream(0, "topology"))), "mask")


def keeps_the_count(given: Candidate) -> None:
    """As many weights are active as before, and dense layers stay dense; one that starts dense only prunes."""
    for density, signal in product(_DENSITIES, _SIGNALS):
        at = moment(density, signal=signal)
        new: Mask = given(at)
        if "dense_start" in given.entry.traits:
            grown = [name for name, kept in new.items() if (kept & ~at.mask[name]).any()]
            require(not grown, f"weights of {', '.join(grown)} come back; prune only, or leave the trait dense_start")
            continue
        before, after = masks.count(at.mask), masks.count(new)
        require(
            before == after,
            f"at density {density}, {after} weights are active where {before} were; grow as many as are dropped",
        )
        require(new["dense.weight"].all(), "a dense layer has pruned weights now; move weights where there is room")


def moves(given: Candidate) -> None:
    """Masks move where there is room to, unless the trait `static` says that they don't, and nowhere else."""
    if "dense_start" in given.entry.traits:
        return
    for density, signal in product(_DENSITIES, _SIGNALS):
        at = moment(density, signal=signal)
        new: Mask = given(at)
        moved = any(not torch.equal(new[name], mask) for name, mask in at.mask.items())
        if "static" in given.entry.traits:
            require(not moved, "the mask moves; leave the trait static")
        elif density in (0.3, 0.98):
            remedy = 'write @register("topology", traits={"static"}) if it should'
            require(moved, f"at density {density} the mask stays; {remedy}")
        elif density in (0.0, 1.0):  # of a handful of weights a share may be one, or none
            require(not moved, f"at density {density} the mask moves, to layers that keep nothing; leave those empty")


CHECKS = (returns_a_mask, changes_nothing, is_repeatable, keeps_the_count, moves)
