"""The penalty `repellence` keeps a ticket away from, or near, what the rounds before were trained to."""

from collections.abc import Mapping

import torch
from torch import Tensor

from lottery.config.values import Finite
from lottery.penalties import Past

TRAITS = {"optima"}


def repellence(
    weights: Mapping[str, Tensor], mask: Mapping[str, Tensor], past: Past, *, strength: Finite = 2.0
) -> Tensor:
    """Add the mean squared cosine to the solutions of all rounds before (Maene et al. 2021).

    That is cos²(w ⊙ m, w_r ⊙ m), in the mean over rounds r, of all layers' weights as one vector.

    Args:
        strength: of the term; below 0 it attracts (in the paper 2 removes tickets, -1 restores unstable ones).
    """
    dots, lengths, length = [], [], []
    for name, weight in weights.items():
        kept = mask[name].to(weight.dtype).flatten()
        own, others = weight.flatten() * kept, past.optima[name].flatten(1)
        dots.append(others @ own)
        lengths.append(others.square() @ kept)
        length.append(own @ own)
    dot, squared = torch.stack(dots).sum(0), torch.stack(lengths).sum(0) * torch.stack(length).sum()
    cosines = dot.square() / squared.clamp_min(torch.finfo(dot.dtype).tiny)  # of nothing kept: 0
    return strength * cosines.mean()
