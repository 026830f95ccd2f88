"""A latent, `latent(*, ...)`, is the rule of networks that are trained through dense tensors in place of weights.

A rule says what the tensors start as, which mask follows from them, and how they learn from the gradient of the loss
at the effective weights, the masked ones. It looks at one network without a member axis and returns new tensors.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from lottery.networks import masks
from lottery.networks.masks import Mask

Densities = float | Mapping[str, float]
"""Of all weights that take part, ranked together, or of each layer."""


@dataclass(frozen=True)
class Layer:
    """A layer is what a rule is shown of one layer at one step. Nothing in it may be changed.

    Attributes:
        latent: what is trained.
        weight: what the mask is applied to; the latent itself where the rule doesn't freeze weights.
        kept: weights that the forward pass used, bool.
        reached: weights that learn, bool; a superset.
        density: that is asked for.
        gradient: with respect to every effective weight `weight * kept`, pruned or not.
    """

    latent: Tensor
    weight: Tensor
    kept: Tensor
    reached: Tensor
    density: float
    gradient: Tensor


class Rule(ABC):
    """A rule says how latents become masks, and how they learn."""

    freezes: ClassVar[bool] = True
    """Whether weights and all else (biases, normalisation's scale and shift) stay as they were drawn."""

    @abstractmethod
    def start(self, weight: Tensor, density: float, generator: torch.Generator) -> Tensor:
        """Return what a layer's latent starts as, from its draw and density."""

    def fixed(self, weight: Tensor, density: float) -> Tensor:  # noqa: ARG002
        """Return the weights that masks choose from, from a layer's draw and density; of rules that freeze them."""
        return weight

    @abstractmethod
    def mask(self, latents: Mapping[str, Tensor], density: Densities, generator: torch.Generator) -> Mask:
        """Return the weights that the forward pass uses."""

    def reach(self, latents: Mapping[str, Tensor], density: Densities, generator: torch.Generator) -> Mask:  # noqa: ARG002
        """Return the weights whose gradient is wanted: all of them, unless the rule says otherwise.

        The generator is seeded as that of the mask which they are a superset of.
        """
        return masks.full(latents, list(latents))

    @abstractmethod
    def gradient(self, layer: Layer) -> Tensor:
        """Return the gradient of a layer's latent."""
