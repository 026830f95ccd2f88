"""What an initializer must fulfil."""

import torch
from torch import Tensor

from lottery.contracts.contract import Candidate, require
from lottery.contracts.guards import repeatable, untouched
from lottery.seeds import stream

_SHAPES = (torch.Size([30, 20]), torch.Size([8, 4, 5]), torch.Size([8, 4, 3, 3]), torch.Size([10, 1]))
"""Of a linear layer, of convolutions in one dimension and in two, and of a unit with one input."""


def draws_weights(given: Candidate) -> None:
    """An initializer returns a finite float32 tensor of the shape that is asked for, of two dimensions or more."""
    for shape in _SHAPES:
        weight = given(shape, stream(0, "init"))
        require(isinstance(weight, Tensor), f"it returns a {type(weight).__name__}; return a tensor")
        require(weight.shape == shape, f"of shape {tuple(shape)} it returns {tuple(weight.shape)}")
        require(weight.dtype == torch.float32, f"it returns {weight.dtype}; return weight.float()")
        require(weight.isfinite().all(), f"of shape {tuple(shape)} some weights aren't finite")
        require(not weight.requires_grad, "it requires gradients; return weight.detach()")


def draws_from_its_generator(given: Candidate) -> None:
    """An initializer draws from the generator that it is given, and leaves the global random state as it is."""
    with untouched():
        given(_SHAPES[0], stream(0, "init"))


def is_repeatable(given: Candidate) -> None:
    """Generators of one seed draw the same weights."""
    for shape in _SHAPES:
        repeatable(lambda shape=shape: given(shape, stream(0, "init")), "the weight")  # type: ignore[misc]


CHECKS = (draws_weights, draws_from_its_generator, is_repeatable)
