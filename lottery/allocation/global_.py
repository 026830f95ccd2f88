"""One ranking over the whole network."""

from collections.abc import Mapping

import torch


def global_(density: float, shapes: Mapping[str, torch.Size]) -> float:  # noqa: ARG001
    """All layers ranked together: each keeps what the scores give it (Frankle & Carbin 2019, for deep networks).

    Args:
        density: kept fraction of the network's weights.
        shapes: name -> shape of each weight; not used.
    """
    return density
