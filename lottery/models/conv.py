"""The lottery ticket paper studies these small convolutional networks."""

from collections import OrderedDict
from typing import Literal

from torch import nn

from lottery.config.values import Positive
from lottery.models._widths import scaled

VARIANTS = {f"conv_{depth}": {"depth": depth} for depth in (2, 4, 6)}


def conv(shape: tuple[int, int, int], classes: int, *, depth: Literal[2, 4, 6] = 2, scale: Positive = 1.0) -> nn.Module:
    """Make Conv-2, -4 or -6: pairs of 3x3 convolutions, 64, 128, 256 wide, each pair pooled; then 256, 256, classes.

    Frankle & Carbin 2019, figure 2: VGG scaled down, without batch normalisation.

    Args:
        shape: height and width of at least 2 ** (depth / 2).
        depth: number of convolutions.
        scale: factor on all widths.

    Raises:
        ValueError: the image is too small to be pooled that often.
    """
    channels, height, width = shape
    blocks = depth // 2
    if min(height, width) < 2**blocks:
        raise ValueError(f"conv_{depth} halves the image {blocks} times and needs at least {2**blocks} pixels a side")
    layers: OrderedDict[str, nn.Module] = OrderedDict()
    for block in range(blocks):
        filters = scaled(64 * 2**block, scale)
        for index in (2 * block + 1, 2 * block + 2):
            layers[f"conv_{index}"] = nn.Conv2d(channels, filters, 3, padding=1)
            layers[f"conv_relu_{index}"] = nn.ReLU()
            channels = filters
        layers[f"pool_{block + 1}"] = nn.MaxPool2d(2)
        height, width = height // 2, width // 2
    layers["flatten"] = nn.Flatten()
    units = channels * height * width
    for index in (1, 2):
        layers[f"hidden_{index}"] = nn.Linear(units, scaled(256, scale))
        layers[f"relu_{index}"] = nn.ReLU()
        units = scaled(256, scale)
    layers["output"] = nn.Linear(units, classes)
    return nn.Sequential(layers)
