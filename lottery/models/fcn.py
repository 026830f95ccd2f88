"""Fully connected networks take an image as one row of numbers."""

from collections import OrderedDict

from torch import nn

from lottery.config.values import Count, Positive
from lottery.models._widths import scaled

VARIANTS = {"lenet_300_100": {"widths": (300, 100)}}


def fcn(
    shape: tuple[int, int, int], classes: int, *, widths: tuple[Count, ...] = (300, 100), scale: Positive = 1.0
) -> nn.Module:
    """Make fully connected layers of the given widths, ReLU between (LeCun et al. 1998; Frankle & Carbin 2019).

    Args:
        widths: units of each hidden layer; none makes a linear classifier.
        scale: factor on the widths.
    """
    layers: OrderedDict[str, nn.Module] = OrderedDict(flatten=nn.Flatten())
    units = shape[0] * shape[1] * shape[2]
    for index, width in enumerate(widths, start=1):
        layers[f"hidden_{index}"] = nn.Linear(units, scaled(width, scale))
        layers[f"relu_{index}"] = nn.ReLU()
        units = scaled(width, scale)
    layers["output"] = nn.Linear(units, classes)
    return nn.Sequential(layers)
