"""LeNet-5 is the smallest of the convolutional networks."""

from collections import OrderedDict
from typing import Literal

from torch import nn

from lottery.config.values import Count, Positive
from lottery.models._widths import scaled


def lenet_5(
    shape: tuple[int, int, int],
    classes: int,
    *,
    widths: tuple[Count, Count, Count, Count] = (6, 16, 120, 84),
    padding: Literal[0, 2] = 0,
    scale: Positive = 1.0,
) -> nn.Module:
    """Make two 5x5 convolutions, each pooled, then two hidden layers: LeCun et al. 1998, with max pooling and ReLU.

    By default the network of Gradient Flow (Evci et al. 2022) on 28x28 images, of 44,190 weights: no padding, so that
    4x4 maps reach the hidden layers. The first convolution padded by 2 gives 28x28 images the maps that LeCun's 32x32
    ones have, of 5x5, and 61,470 weights. The network that Caffe calls LeNet has widths 20, 50 and 500 and one hidden
    layer less; this isn't it.

    Args:
        shape: height and width of at least 16, or 12 with padding.
        widths: channels of both convolutions, units of both hidden layers.
        padding: of the first convolution, in pixels.
        scale: factor on the widths.

    Raises:
        ValueError: the image is too small for the convolutions.
    """
    channels, height, width = shape
    if min(height, width) < 16 - 2 * padding:
        raise ValueError(f"lenet_5 with a padding of {padding} needs at least {16 - 2 * padding} pixels a side")
    first, second, *hidden = (scaled(width, scale) for width in widths)
    layers: OrderedDict[str, nn.Module] = OrderedDict()
    for index, (filters, border) in enumerate(((first, padding), (second, 0)), start=1):
        layers[f"conv_{index}"] = nn.Conv2d(channels, filters, 5, padding=border)
        layers[f"conv_relu_{index}"] = nn.ReLU()
        layers[f"pool_{index}"] = nn.MaxPool2d(2)
        channels, height, width = filters, (height + 2 * border - 4) // 2, (width + 2 * border - 4) // 2
    layers["flatten"] = nn.Flatten()
    units = channels * height * width
    for index, size in enumerate(hidden, start=1):
        layers[f"hidden_{index}"] = nn.Linear(units, size)
        layers[f"relu_{index}"] = nn.ReLU()
        units = size
    layers["output"] = nn.Linear(units, classes)
    return nn.Sequential(layers)
