"""The same density in every layer."""

from collections.abc import Mapping

import torch


def uniform(density: float, shapes: Mapping[str, torch.Size]) -> dict[str, float]:
    """Each layer ranked by itself and pruned to the same density (layer-wise pruning, Han et al. 2015).

    Args:
        density: kept fraction of the network's weights.
        shapes: name -> shape of each weight.
    """
    return dict.fromkeys(shapes, density)
