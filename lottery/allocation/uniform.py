"""Every layer has the same density."""

from collections.abc import Mapping

import torch


def uniform(density: float, shapes: Mapping[str, torch.Size], *, first_dense: bool = False) -> dict[str, float]:
    """Rank each layer by itself and prune it to the same density (layer-wise pruning, Han et al. 2015).

    Args:
        first_dense: leave the first of the layers dense, and the others as they are: the whole then keeps more than
            `density` ("Uniform" of Evci et al. 2020).
    """
    densities = dict.fromkeys(shapes, density)
    if first_dense:
        densities[next(iter(shapes))] = 1.0
    return densities
