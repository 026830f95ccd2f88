"""Wide residual networks."""

from typing import Annotated

from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional as F

from lottery.values import Count


class _Block(nn.Module):
    """Normalise, activate, convolve, twice; where the shape changes, a 1x1 projection of the activated input."""

    def __init__(self, inputs: int, width: int, stride: int) -> None:
        super().__init__()
        self.norm_1 = nn.BatchNorm2d(inputs)
        self.conv_1 = nn.Conv2d(inputs, width, 3, stride=stride, padding=1, bias=False)
        self.norm_2 = nn.BatchNorm2d(width)
        self.conv_2 = nn.Conv2d(width, width, 3, padding=1, bias=False)
        self.shortcut = nn.Conv2d(inputs, width, 1, stride=stride, bias=False) if inputs != width else None

    def forward(self, x: Tensor) -> Tensor:
        """[B, inputs, H, W] -> [B, width, H / stride, W / stride]."""
        active = F.relu(self.norm_1(x))
        straight = x if self.shortcut is None else self.shortcut(active)
        residual: Tensor = self.conv_2(F.relu(self.norm_2(self.conv_1(active))))
        return residual + straight


def _stage(blocks: int, inputs: int, width: int, stride: int) -> nn.Sequential:
    return nn.Sequential(_Block(inputs, width, stride), *(_Block(width, width, 1) for _ in range(blocks - 1)))


class _WideResNet(nn.Module):
    def __init__(self, channels: int, classes: int, blocks: int, width: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(channels, 16, 3, padding=1, bias=False)
        self.stage_1 = _stage(blocks, 16, 16 * width, stride=1)
        self.stage_2 = _stage(blocks, 16 * width, 32 * width, stride=2)
        self.stage_3 = _stage(blocks, 32 * width, 64 * width, stride=2)
        self.norm = nn.BatchNorm2d(64 * width)
        self.output = nn.Linear(64 * width, classes)

    def forward(self, x: Tensor) -> Tensor:
        """[B, C, H, W] -> logits [B, classes]."""
        x = self.stage_3(self.stage_2(self.stage_1(self.conv(x))))
        logits: Tensor = self.output(F.relu(self.norm(x)).mean((2, 3)))
        return logits


def wide_resnet(
    shape: tuple[int, int, int],
    classes: int,
    *,
    depth: Annotated[int, Field(ge=10, le=2000)] = 22,
    width: Count = 2,
) -> nn.Module:
    """Wide ResNet of 6n + 4 layers, `width` times as wide as a ResNet (Zagoruyko & Komodakis 2016), without dropout.

    Args:
        shape: channels, height and width of an image; any size.
        classes: number of outputs.
        depth: 6n + 4.
        width: widening factor; the first stage has 16 * width channels.

    Raises:
        ValueError: depth is not 6n + 4.
    """
    if depth % 6 != 4:
        raise ValueError(f"wide_resnet needs a depth of 6n + 4 (16, 22, 28, 40, ...), not {depth}")
    return _WideResNet(shape[0], classes, (depth - 4) // 6, width)
