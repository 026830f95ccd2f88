"""Wide residual networks are wider than ResNets, and less deep."""

from typing import Annotated

from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional as F

from lottery.config.values import Count, Positive
from lottery.models._widths import scaled


class _Block(nn.Module):
    """A block normalises, activates and convolves, twice; where the shape changes, it projects its activated input."""

    def __init__(self, inputs: int, width: int, stride: int) -> None:
        super().__init__()
        self.norm_1 = nn.BatchNorm2d(inputs)
        self.conv_1 = nn.Conv2d(inputs, width, 3, stride=stride, padding=1, bias=False)
        self.norm_2 = nn.BatchNorm2d(width)
        self.conv_2 = nn.Conv2d(width, width, 3, padding=1, bias=False)
        self.shortcut: nn.Conv2d | None = None
        if stride != 1 or inputs != width:
            self.shortcut = nn.Conv2d(inputs, width, 1, stride=stride, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """Return [B, width, H / stride, W / stride] for [B, inputs, H, W]."""
        active = F.relu(self.norm_1(x))
        straight = x if self.shortcut is None else self.shortcut(active)
        residual: Tensor = self.conv_2(F.relu(self.norm_2(self.conv_1(active))))
        return residual + straight


def _stage(blocks: int, inputs: int, width: int, stride: int) -> nn.Sequential:
    return nn.Sequential(_Block(inputs, width, stride), *(_Block(width, width, 1) for _ in range(blocks - 1)))


class _WideResNet(nn.Module):
    def __init__(self, channels: int, classes: int, blocks: int, widths: tuple[int, int, int, int]) -> None:
        super().__init__()
        stem, first, second, third = widths
        self.conv = nn.Conv2d(channels, stem, 3, padding=1, bias=False)
        self.stage_1 = _stage(blocks, stem, first, stride=1)
        self.stage_2 = _stage(blocks, first, second, stride=2)
        self.stage_3 = _stage(blocks, second, third, stride=2)
        self.norm = nn.BatchNorm2d(third)
        self.output = nn.Linear(third, classes)

    def forward(self, x: Tensor) -> Tensor:
        """Return logits [B, classes] for images [B, C, H, W]."""
        x = self.stage_3(self.stage_2(self.stage_1(self.conv(x))))
        logits: Tensor = self.output(F.relu(self.norm(x)).mean((2, 3)))
        return logits


def wide_resnet(
    shape: tuple[int, int, int],
    classes: int,
    *,
    depth: Annotated[int, Field(ge=10, le=2000)] = 22,
    width: Count = 2,
    scale: Positive = 1.0,
) -> nn.Module:
    """Make a wide ResNet of 6n + 4 layers, `width` times as wide as a ResNet (Zagoruyko & Komodakis 2016), no dropout.

    Args:
        depth: 6n + 4.
        width: widening factor; the first stage has 16 * width channels.
        scale: factor on all widths, the first convolution's among them, which `width` leaves alone.

    Raises:
        ValueError: depth is not 6n + 4.
    """
    if depth % 6 != 4:
        raise ValueError(f"wide_resnet needs a depth of 6n + 4 (16, 22, 28, 40, ...), not {depth}")
    stem, first, second, third = (scaled(channels, scale) for channels in (16, 16 * width, 32 * width, 64 * width))
    return _WideResNet(shape[0], classes, (depth - 4) // 6, (stem, first, second, third))
