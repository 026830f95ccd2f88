"""Erdős-Rényi-Kernel densities are lower in larger layers."""

from collections.abc import Mapping
from typing import Annotated

import torch
from pydantic import Field

from lottery.allocation._spread import spread

VARIANTS = {"erdos_renyi": {"kernel": False}}

Power = Annotated[float, Field(ge=0, le=10, allow_inf_nan=False)]


def erk(
    density: float, shapes: Mapping[str, torch.Size], *, power: Power = 1.0, kernel: bool = True
) -> dict[str, float]:
    """Keep a share of each layer proportional to (sum of dimensions) / (their product), at most 1 (Evci et al. 2020).

    Small layers stay denser than large ones. Where a layer would need more weights than it has, it stays dense and the
    others share what is left.

    Args:
        power: of the share; 0 makes all layers alike.
        kernel: count the kernel's height and width among the dimensions; without them it is Erdős-Rényi (SET, Mocanu
            et al. 2018).
    """
    sizes = {name: shape.numel() for name, shape in shapes.items()}
    shares = {}
    for name, shape in shapes.items():
        dimensions = shape if kernel else shape[:2]
        shares[name] = (sum(dimensions) / dimensions.numel()) ** power
    return spread(density * sum(sizes.values()), shares, sizes)
