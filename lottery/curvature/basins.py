"""How far the loss stays low from a network along some direction, such as that of the weights it has lost."""

from collections.abc import Callable, Mapping, Sequence

import numpy as np
import torch
from torch import Tensor

from lottery.networks.network import Network
from lottery.networks.subject import Subject

Tensors = Mapping[str, Tensor]
_AT_ONCE = 1000
"""Images of a forward pass."""


def removed_weights(end: Network, before: Network) -> dict[str, Tensor]:
    """Return name -> weights of the network before that the other's mask lacks; all others are zero."""
    return {name: before.state[name] * (before.mask[name] & ~mask) for name, mask in end.mask.items()}


def like(direction: Mapping[str, Tensor], generator: torch.Generator) -> dict[str, Tensor]:
    """Return a random direction, Gaussian where the given one isn't zero, of the same L2 norm in each layer."""
    found = {}
    for name, value in direction.items():
        drawn = torch.randn(value.shape, generator=generator) * (value != 0)
        length = drawn.norm()
        found[name] = drawn * (value.norm() / length) if length else drawn
    return found


@torch.no_grad()
def losses(
    subject: Subject, direction: Tensors, shares: Sequence[float], others: Callable[[Tensors], Tensors] | None = None
) -> list[float]:
    """Return the mean loss of a network at each share of the way along a direction, on its training images.

    `others` are all other tensors that go with weights, such as running statistics; else the network's own.
    """
    images, labels = subject.images()
    found = []
    for share in shares:
        weights = {name: value + share * direction[name].to(value.device) for name, value in subject.weights.items()}
        total, state = 0.0, others(weights) if others else None
        for part, wanted in zip(images.split(_AT_ONCE), labels.split(_AT_ONCE), strict=True):
            total += len(part) * float(subject.loss(subject.outputs(weights, part, state=state, train=False), wanted))
        found.append(total / len(images))
    return found


def reach(shares: Sequence[float], losses: Sequence[float], rise: float) -> float | None:
    """Return the first share at which the loss has risen by `rise`, by lines between; None where it never has."""
    bound = losses[0] + rise
    for place in range(1, len(losses)):
        low, high = losses[place - 1], losses[place]
        if high >= bound:
            return shares[place - 1] + (shares[place] - shares[place - 1]) * (bound - low) / (high - low)
    return None


def change_at(share: float, shares: Sequence[float], losses: Sequence[float]) -> float:
    """Return by how much the loss at a share differs from the first one, by lines between the shares that are known."""
    return float(np.interp(share, shares, losses)) - losses[0]
