"""A network is its tensors; this module also says how its first ones are drawn, and what judges its outputs."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, Protocol

import torch
from torch import Tensor, nn

from lottery.networks import parameters
from lottery.networks.masks import Mask
from lottery.seeds import seeded, stream

State = dict[str, Tensor]
"""A state dict holds the parameters and buffers of one network under the names that the dense model gives them."""


@dataclass(frozen=True)
class Network:
    """A network is its tensors alone: weights and buffers, and the mask of its prunable weights."""

    state: State
    mask: Mask


class Loss(Protocol):
    """A loss judges the outputs of one network, `[n, ...]`, by their targets."""

    def __call__(self, outputs: Tensor, targets: Tensor, *, reduction: Literal["mean", "none"] = "mean") -> Tensor:
        """Return the mean loss over n examples, or each one's, `[n, ...]`."""


def initialise(
    build: Callable[[], nn.Module],
    initializer: Callable[[torch.Size, torch.Generator], Tensor],
    seed: int,
    *name: str | int,
) -> State:
    """Return a fresh state of which every tensor comes from streams called `name`.

    Weights of linear and convolution layers are the initializer's, and their biases 0; everything else is as the
    module's own code draws it.

    Args:
        initializer: draws a weight of a shape from a generator.
        name: of the streams; another name gives a state that is as independent as another seed's.
    """
    with seeded(stream(seed, "model", *name)):
        module = build()
    generator = stream(seed, "init", *name)
    state = parameters.tensors(module)
    for key in parameters.drawn(module):
        state[key] = initializer(state[key].shape, generator)
        bias = key.removesuffix("weight") + "bias"
        if bias in state:
            state[bias].zero_()
    return state | {further: state[first].clone() for further, first in parameters.aliases(module).items()}
