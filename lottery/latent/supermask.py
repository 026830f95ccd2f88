"""Supermasks are learned as probabilities."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from lottery.latent import Densities, Layer, Rule
from lottery.networks.masks import Mask

_LEAST, _MOST = 1e-6, 0.99
"""Probabilities at the start are within these, so that layers of density 0 and 1 have a logit that can move."""

Weights = Literal["signed_constant", "drawn"]


def supermask(*, weights: Weights = "signed_constant") -> Rule:
    """Supermasks: weights stay random, and the probability of each to be kept is trained (Zhou et al. 2019).

    Every forward pass draws its mask anew, and the mask's gradient is passed straight through to the logits. Evaluated
    and saved is one more draw, with random numbers of its own that are the same at every evaluation. The density that
    is asked for is the probability at the start; from there on it is learned, and the run says where it went. An
    optimizer's weight decay pulls every probability towards a half, and logits want a far higher learning rate than
    weights: 100 for SGD.

    Args:
        weights: `drawn` are the initializer's; `signed_constant` are their signs times the layer's standard deviation.
    """
    return Supermask(weights)


@dataclass(frozen=True)
class Supermask(Rule):
    """Logits `m` are trained in place of frozen weights `w`, each of which is kept with probability sigmoid(m)."""

    weights: Weights

    def start(self, weight: Tensor, density: float, generator: torch.Generator) -> Tensor:  # noqa: ARG002
        """Return the logits of the density."""
        return torch.full_like(weight, min(max(density, _LEAST), _MOST)).logit()

    def fixed(self, weight: Tensor, density: float) -> Tensor:  # noqa: ARG002
        """Return the frozen weights."""
        return weight.sign() * weight.std() if self.weights == "signed_constant" else weight

    def mask(self, latents: Mapping[str, Tensor], density: Densities, generator: torch.Generator) -> Mask:  # noqa: ARG002
        """Return a mask that draws each weight by itself."""
        return {
            name: torch.rand(latent.shape, generator=generator).to(latent.device) < latent.sigmoid()
            for name, latent in latents.items()
        }

    def gradient(self, layer: Layer) -> Tensor:
        """Return g w sigmoid'(m), as if the mask were its own mean."""
        kept = layer.latent.sigmoid()
        return layer.gradient * layer.weight * kept * (1 - kept)
