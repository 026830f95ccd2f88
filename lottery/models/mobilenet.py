"""MobileNet is built here in its first version."""

from collections import OrderedDict
from typing import Literal

from torch import nn

from lottery.config.values import Positive
from lottery.models._widths import scaled

# Channels and stride of each block (Howard et al. 2017, table 1, where the last stride is a misprint).
_BLOCKS = (
    (64, 1), (128, 2), (128, 1), (256, 2), (256, 1), (512, 2), *[(512, 1)] * 5, (1024, 2), (1024, 1),
)  # fmt: skip


def mobilenet(
    shape: tuple[int, int, int],
    classes: int,
    *,
    stem: Literal["cifar", "imagenet"] = "cifar",
    scale: Positive = 1.0,
) -> nn.Module:
    """Make MobileNet v1 (Howard et al. 2017): thirteen 3x3 convolutions of single channels, each followed by a 1x1.

    Sparse training leaves the former dense (Evci et al. 2020): `exclude: ["*depthwise*"]`.

    Args:
        stem: stride of the first convolution: 1 for small images (`cifar`), or 2 (`imagenet`).
        scale: factor on all widths, which the paper calls the width multiplier.
    """
    layers: OrderedDict[str, nn.Module] = OrderedDict()
    channels = scaled(32, scale)
    layers["conv"] = nn.Conv2d(shape[0], channels, 3, stride=1 if stem == "cifar" else 2, padding=1, bias=False)
    layers["norm"] = nn.BatchNorm2d(channels)
    layers["relu"] = nn.ReLU()
    for index, (width, stride) in enumerate(_BLOCKS, start=1):
        filters = scaled(width, scale)
        layers[f"depthwise_{index}"] = nn.Conv2d(
            channels, channels, 3, stride=stride, padding=1, groups=channels, bias=False
        )
        layers[f"depthwise_norm_{index}"] = nn.BatchNorm2d(channels)
        layers[f"depthwise_relu_{index}"] = nn.ReLU()
        layers[f"pointwise_{index}"] = nn.Conv2d(channels, filters, 1, bias=False)
        layers[f"pointwise_norm_{index}"] = nn.BatchNorm2d(filters)
        layers[f"pointwise_relu_{index}"] = nn.ReLU()
        channels = filters
    layers["pool"] = nn.AdaptiveAvgPool2d(1)
    layers["flatten"] = nn.Flatten()
    layers["output"] = nn.Linear(channels, classes)
    return nn.Sequential(layers)
