"""What an initializer of sparse networks must fulfil."""

from collections.abc import Iterator

import torch
from torch import Tensor

from lottery.contracts.contract import Candidate, require
from lottery.contracts.guards import repeatable, untouched
from lottery.seeds import stream


def draws_weights(given: Candidate) -> None:
    """An initializer returns a new finite tensor of the weight's shape and type."""
    for weight, mask in _layers():
        new = given(weight, mask, stream(0, "sparse"))
        require(isinstance(new, Tensor), f"it returns a {type(new).__name__}; return a tensor")
        wanted, found = (f"{tuple(one.shape)}, {one.dtype}" for one in (weight, new))
        require(wanted == found, f"it returns {found}, and has to return {wanted}")
        require(new.isfinite().all(), f"some weights aren't finite where {_share(mask)} are kept; don't divide by zero")
        require(new.data_ptr() != weight.data_ptr(), "it returns the very tensor that it was given; return a new one")


def changes_nothing(given: Candidate) -> None:
    """An initializer changes nothing that it is given, and leaves the global random state as it is."""
    for weight, mask in _layers():
        with untouched(weight=weight, mask=mask):
            given(weight, mask, stream(0, "sparse"))


def is_repeatable(given: Candidate) -> None:
    """Generators of one seed draw the same weights."""
    for weight, mask in _layers():
        repeatable(lambda layer=(weight, mask): given(*layer, stream(0, "sparse")), "the weight")  # type: ignore[misc]


def draws_what_the_mask_keeps(given: Candidate) -> None:
    """Weights are zero where they are pruned, and nowhere else."""
    for weight, mask in _layers():
        new = given(weight, mask, stream(0, "sparse"))
        wrong, kept = int(((new != 0) != mask).sum()), _share(mask)
        require(not wrong, f"where {kept} are kept, {wrong} of {mask.numel()} weights are wrong; return weight * mask")


def _layers() -> Iterator[tuple[Tensor, Tensor]]:
    """Yield the dense draw of a layer and its mask: linear and convolution, empty, sparse and dense."""
    for shape in ((40, 30), (16, 8, 3, 3)):
        for density in (0.0, 0.1, 1.0):
            weight = torch.randn(shape, generator=stream(0, "init"))
            yield weight, torch.rand(shape, generator=stream(0, "mask")) < density


def _share(mask: Tensor) -> str:
    return f"{int(mask.sum())} of {mask.numel()} weights"


CHECKS = (draws_weights, changes_nothing, is_repeatable, draws_what_the_mask_keeps)
