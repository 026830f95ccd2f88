"""The whole network has one ranking."""

from collections.abc import Mapping

import torch


def global_(density: float, shapes: Mapping[str, torch.Size]) -> float:  # noqa: ARG001
    """Rank all layers together: each keeps what the scores give it (Frankle & Carbin 2019, for deep networks)."""
    return density
