"""These residual networks for small images are of the size that He et al. trained on CIFAR-10."""

from typing import Annotated

from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional as F

from lottery.config.values import Count, Positive
from lottery.models._widths import scaled

VARIANTS = {f"resnet_{depth}": {"depth": depth} for depth in (20, 32, 44, 56, 110)} | {
    "resnet_32_double": {"depth": 32, "width": 32}
}


class _Block(nn.Module):
    """A block has two 3x3 convolutions and a shortcut, which is a 1x1 projection where the shape changes."""

    def __init__(self, inputs: int, width: int, stride: int) -> None:
        super().__init__()
        self.conv_1 = nn.Conv2d(inputs, width, 3, stride=stride, padding=1, bias=False)
        self.norm_1 = nn.BatchNorm2d(width)
        self.conv_2 = nn.Conv2d(width, width, 3, padding=1, bias=False)
        self.norm_2 = nn.BatchNorm2d(width)
        self.shortcut: nn.Conv2d | None = None
        if stride != 1 or inputs != width:
            self.shortcut = nn.Conv2d(inputs, width, 1, stride=stride, bias=False)
            self.shortcut_norm = nn.BatchNorm2d(width)

    def forward(self, x: Tensor) -> Tensor:
        """Return [B, width, H / stride, W / stride] for [B, inputs, H, W]."""
        straight = x if self.shortcut is None else self.shortcut_norm(self.shortcut(x))
        x = F.relu(self.norm_1(self.conv_1(x)))
        return F.relu(self.norm_2(self.conv_2(x)) + straight)


def _stage(blocks: int, inputs: int, width: int, stride: int) -> nn.Sequential:
    return nn.Sequential(_Block(inputs, width, stride), *(_Block(width, width, 1) for _ in range(blocks - 1)))


class _ResNet(nn.Module):
    def __init__(self, channels: int, classes: int, blocks: int, widths: tuple[int, int, int]) -> None:
        super().__init__()
        first, second, third = widths
        self.conv = nn.Conv2d(channels, first, 3, padding=1, bias=False)
        self.norm = nn.BatchNorm2d(first)
        self.stage_1 = _stage(blocks, first, first, stride=1)
        self.stage_2 = _stage(blocks, first, second, stride=2)
        self.stage_3 = _stage(blocks, second, third, stride=2)
        self.output = nn.Linear(third, classes)

    def forward(self, x: Tensor) -> Tensor:
        """Return logits [B, classes] for images [B, C, H, W]."""
        x = F.relu(self.norm(self.conv(x)))
        x = self.stage_3(self.stage_2(self.stage_1(x)))
        logits: Tensor = self.output(x.mean((2, 3)))
        return logits


def resnet(
    shape: tuple[int, int, int],
    classes: int,
    *,
    depth: Annotated[int, Field(ge=8, le=2000)] = 20,
    width: Count = 16,
    scale: Positive = 1.0,
) -> nn.Module:
    """Make a ResNet of 6n + 2 layers in three stages (He et al. 2016, section 4.2), with projection shortcuts.

    The lottery ticket paper calls the one of depth 20 "ResNet-18": 270,896 weights. What GraSP's calls "ResNet-32" is
    twice as wide, 32, 64 and 128 channels (Wang et al. 2020): `resnet_32_double`. Of depth 50 this is still a network
    of two 3x3 convolutions a block; `resnet_50` is another one, of bottlenecks.

    Args:
        depth: 6n + 2.
        width: channels of the first stage; the others have twice and four times as many.
        scale: factor on all widths, those that `width` sets.

    Raises:
        ValueError: depth is not 6n + 2.
    """
    if depth % 6 != 2:
        raise ValueError(f"resnet needs a depth of 6n + 2 (20, 32, 44, 56, 110, ...), not {depth}")
    first, second, third = (scaled(factor * width, scale) for factor in (1, 2, 4))
    return _ResNet(shape[0], classes, (depth - 2) // 6, (first, second, third))
