"""A network whose sizes are found when it is first called."""

from torch import nn


def lazy(shape: tuple[int, int, int], classes: int) -> nn.Module:
    """Layers that torch makes late."""
    return nn.Sequential(nn.Flatten(), nn.LazyLinear(9), nn.ReLU(), nn.LazyLinear(classes))
