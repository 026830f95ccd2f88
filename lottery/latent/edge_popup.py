"""Edge-popup trains scores of random weights."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn

from lottery.latent import Densities, Layer, Rule
from lottery.networks import masks
from lottery.networks.masks import Mask

Weights = Literal["signed_constant", "drawn"]


def edge_popup(*, weights: Weights = "signed_constant", scaled: bool = False) -> Rule:
    """Edge-popup: weights stay random, scores of them are trained, and the highest pop up (Ramanujan et al. 2020).

    A layer's mask keeps the scores of largest absolute value, in exact number. Its gradient is passed straight through
    to all scores, whether their weights are kept or not. Density here is the share that is kept, as everywhere.

    Args:
        weights: `drawn` are the initializer's; `signed_constant` are +-sqrt(2 / fan_in), with the signs of that draw.
        scaled: multiply the fan by the density, so that activations keep their variance when the rest is pruned.
    """
    return EdgePopup(weights, scaled)


@dataclass(frozen=True)
class EdgePopup(Rule):
    """Scores `s` from U(-b, b), b = 1 / sqrt(fan_in), are trained in place of weights `w`, which are frozen."""

    weights: Weights
    scaled: bool

    def start(self, weight: Tensor, density: float, generator: torch.Generator) -> Tensor:  # noqa: ARG002
        """Return scores, drawn as Kaiming uniform with a = sqrt(5)."""
        return nn.init.kaiming_uniform_(torch.empty_like(weight), a=math.sqrt(5), generator=generator)

    def fixed(self, weight: Tensor, density: float) -> Tensor:
        """Return the frozen weights."""
        if self.weights == "signed_constant":
            weight = weight.sign() * math.sqrt(2 / weight[0].numel())
        return weight / math.sqrt(density) if self.scaled and density else weight

    def mask(self, latents: Mapping[str, Tensor], density: Densities, generator: torch.Generator) -> Mask:
        """Return the mask of the largest |s|."""
        scores = {name: latent.abs() for name, latent in latents.items()}
        return masks.keep_top(scores, density, masks.full(scores, list(scores)), generator)

    def gradient(self, layer: Layer) -> Tensor:
        """Return g w sign(s), as if the mask were |s| itself."""
        return layer.gradient * layer.weight * layer.latent.sign()
