"""Random pruning."""

from collections.abc import Mapping

import torch
from torch import Tensor


def random(weights: Mapping[str, Tensor], generator: torch.Generator) -> dict[str, Tensor]:
    """A number drawn uniformly from 0..1, whatever the weight: the baseline of every pruning study.

    Args:
        weights: name -> weight, any shape.
        generator: where the numbers come from.
    """
    # float64: 24 random bits of a float32 would tie in layers of some thousand weights, and ties go to low indices.
    return {
        name: torch.rand(weight.shape, generator=generator, dtype=torch.float64).to(weight.device)
        for name, weight in weights.items()
    }
