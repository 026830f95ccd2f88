"""The penalty `distance` holds a network near the weights that its training started from."""

from collections.abc import Mapping

import torch
from torch import Tensor

from lottery.config.values import NonNegative
from lottery.penalties import Past


def distance(
    weights: Mapping[str, Tensor], mask: Mapping[str, Tensor], past: Past, *, strength: NonNegative = 0.01
) -> Tensor:
    """Add half the squared distance to the weights that training started from: L2-SP (Li et al. 2018).

    Args:
        strength: of the term `strength / 2 * sum((weight - start) ** 2)`, over kept weights.
    """
    moved = [((weight - past.start[name]) * mask[name]).square().sum() for name, weight in weights.items()]
    return strength / 2 * torch.stack(moved).sum()
