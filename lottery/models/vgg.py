"""VGG is built here for small images."""

from collections import OrderedDict
from typing import Literal

from torch import nn

from lottery.config.values import Positive
from lottery.models._widths import scaled

# Convolutions in each of the five stages (Simonyan & Zisserman 2015, configurations A, B, D and E).
_STAGES = {11: (1, 1, 2, 2, 2), 13: (2, 2, 2, 2, 2), 16: (2, 2, 3, 3, 3), 19: (2, 2, 4, 4, 4)}
_WIDTHS = (64, 128, 256, 512, 512)

VARIANTS = {f"vgg_{depth}": {"depth": depth} for depth in _STAGES}


def vgg(
    shape: tuple[int, int, int], classes: int, *, depth: Literal[11, 13, 16, 19] = 16, scale: Positive = 1.0
) -> nn.Module:
    """Make VGG with batch normalisation and one linear layer, as lottery studies train it on CIFAR (Liu et al. 2019).

    Four poolings, then the mean over what is left of the image (at 32x32 the fifth pooling, of a 2x2 map).

    Args:
        shape: height and width of at least 16.
        depth: 11, 13, 16 or 19 layers, the two linear ones that the original has more counted in.
        scale: factor on all widths.

    Raises:
        ValueError: the image is too small to be pooled four times.
    """
    channels = shape[0]
    if min(shape[1:]) < 16:
        raise ValueError(f"vgg_{depth} halves the image 4 times and needs at least 16 pixels a side")
    layers: OrderedDict[str, nn.Module] = OrderedDict()
    index = 0
    for stage, (repeats, width) in enumerate(zip(_STAGES[depth], _WIDTHS, strict=True), start=1):
        filters = scaled(width, scale)
        for _ in range(repeats):
            index += 1
            layers[f"conv_{index}"] = nn.Conv2d(channels, filters, 3, padding=1, bias=False)
            layers[f"norm_{index}"] = nn.BatchNorm2d(filters)
            layers[f"relu_{index}"] = nn.ReLU()
            channels = filters
        layers[f"pool_{stage}"] = nn.MaxPool2d(2) if stage < 5 else nn.AdaptiveAvgPool2d(1)
    layers["flatten"] = nn.Flatten()
    layers["output"] = nn.Linear(channels, classes)
    return nn.Sequential(layers)
