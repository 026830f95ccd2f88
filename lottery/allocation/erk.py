"""Erdős-Rényi-Kernel densities."""

from collections.abc import Mapping

import torch

from lottery.values import NonNegative

VARIANTS = {"erdos_renyi": {"kernel": False}}


def erk(
    density: float, shapes: Mapping[str, torch.Size], *, power: NonNegative = 1.0, kernel: bool = True
) -> dict[str, float]:
    """Layer l keeps a share proportional to (sum of its dimensions) / (their product), capped at 1 (Evci et al. 2020).

    Small layers stay denser than large ones. Where a layer would need more weights than it has, it stays dense and the
    others share what is left.

    Args:
        density: kept fraction of the network's weights.
        shapes: name -> shape of each weight, outputs and inputs first.
        power: of the share; 0 makes all layers that aren't capped alike.
        kernel: count the kernel's height and width among the dimensions; without them it is Erdős-Rényi (SET, Mocanu
            et al. 2018).
    """
    sizes = {name: shape.numel() for name, shape in shapes.items()}
    raw = {}
    for name, shape in shapes.items():
        dimensions = shape if kernel else shape[:2]
        raw[name] = (sum(dimensions) / dimensions.numel()) ** power
    dense: set[str] = set()
    while True:
        sparse = [name for name in shapes if name not in dense]
        left = density * sum(sizes.values()) - sum(sizes[name] for name in dense)
        factor = left / sum(raw[name] * sizes[name] for name in sparse) if sparse else 0.0
        full = [name for name in sparse if factor * raw[name] > 1]
        if not full:
            return {name: 1.0 if name in dense else factor * raw[name] for name in shapes}
        highest = max(raw[name] for name in full)
        dense |= {name for name in full if raw[name] == highest}
