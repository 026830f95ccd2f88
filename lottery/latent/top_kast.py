"""Top-KAST trains somewhat more weights than it uses."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated

import torch
from pydantic import Field
from torch import Tensor

from lottery.config.values import NonNegative
from lottery.latent import Densities, Layer, Rule
from lottery.networks import masks
from lottery.networks.masks import Mask


def top_kast(
    *, extra: Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)] = 0.1, penalty: NonNegative = 1e-4
) -> Rule:
    """Top-KAST: the largest weights are used, somewhat more of them learn, all are kept (Jayakumar et al. 2020).

    Set A, the weights of largest magnitude at the density asked for, makes the forward pass. Set B, the largest at a
    density that is higher by `extra`, takes the gradient of the loss at the weights that A leaves: so weights near the
    margin can grow into A. What is outside B rests where it is, unless the optimizer's momentum or weight decay, which
    know of no sets, move it. The penalty is stronger by 1 / density on the weights of B that aren't in A, which keeps
    them out unless the loss wants them. Biases, normalisation and excluded layers are trained as ever.

    Args:
        extra: what B's density has above A's, in each layer; B has all weights where they add up to 1.
        penalty: of the loss term `penalty / 2 * sum(weight ** 2)` over A, and `penalty / density` over the rest of B.
    """
    return TopKast(extra, penalty)


@dataclass(frozen=True)
class TopKast(Rule):
    """Dense weights are trained."""

    freezes = False
    extra: float
    penalty: float

    def start(self, weight: Tensor, density: float, generator: torch.Generator) -> Tensor:  # noqa: ARG002
        """Return the draw."""
        return weight.clone()

    def mask(self, latents: Mapping[str, Tensor], density: Densities, generator: torch.Generator) -> Mask:
        """Return the set A."""
        return _largest(latents, density, generator)

    def reach(self, latents: Mapping[str, Tensor], density: Densities, generator: torch.Generator) -> Mask:
        """Return the set B, which has all of A also where ties are drawn, since they are drawn by the same seed."""
        if isinstance(density, Mapping):
            return _largest(latents, {name: min(1.0, part + self.extra) for name, part in density.items()}, generator)
        return _largest(latents, min(1.0, density + self.extra), generator)

    def gradient(self, layer: Layer) -> Tensor:
        """Return the gradient of the loss and the penalty, on B."""
        outside = self.penalty / layer.density if layer.density else 0.0
        penalty = torch.where(layer.kept, self.penalty, outside)
        return (layer.gradient + penalty * layer.latent) * layer.reached


def _largest(latents: Mapping[str, Tensor], density: Densities, generator: torch.Generator) -> Mask:
    scores = {name: latent.abs() for name, latent in latents.items()}
    return masks.keep_top(scores, density, masks.full(scores, list(scores)), generator)
