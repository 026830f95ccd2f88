"""This score prunes at random."""

import torch
from torch import Tensor

from lottery.networks.subject import Subject


def random(subject: Subject, generator: torch.Generator) -> dict[str, Tensor]:
    """Rate by a number drawn uniformly from 0..1, whatever the weight: the baseline of every pruning study."""
    # float64: 24 random bits of a float32 would tie in layers of some thousand weights. Apple's GPUs have none.
    scores = {}
    for name, weight in subject.weights.items():
        drawn = torch.rand(weight.shape, generator=generator, dtype=torch.float64)
        scores[name] = drawn.float().to(weight.device) if weight.device.type == "mps" else drawn.to(weight.device)
    return scores
