"""ResNet-50, -101 and -152 are residual networks of bottleneck blocks."""

from typing import Literal

from torch import Tensor, nn
from torch.nn import functional as F

from lottery.config.values import Positive
from lottery.models._widths import scaled

# Blocks in each of the four stages (He et al. 2016, table 1).
_STAGES = {50: (3, 4, 6, 3), 101: (3, 4, 23, 3), 152: (3, 8, 36, 3)}

VARIANTS = {f"resnet_{depth}": {"depth": depth} for depth in _STAGES}


class _Block(nn.Module):
    """A block has convolutions of 1x1, 3x3 and 1x1, the last four times as wide, and a shortcut or projection."""

    def __init__(self, inputs: int, width: int, stride: int) -> None:
        super().__init__()
        self.conv_1 = nn.Conv2d(inputs, width, 1, bias=False)
        self.norm_1 = nn.BatchNorm2d(width)
        self.conv_2 = nn.Conv2d(width, width, 3, stride=stride, padding=1, bias=False)
        self.norm_2 = nn.BatchNorm2d(width)
        self.conv_3 = nn.Conv2d(width, 4 * width, 1, bias=False)
        self.norm_3 = nn.BatchNorm2d(4 * width)
        self.shortcut: nn.Conv2d | None = None
        if stride != 1 or inputs != 4 * width:
            self.shortcut = nn.Conv2d(inputs, 4 * width, 1, stride=stride, bias=False)
            self.shortcut_norm = nn.BatchNorm2d(4 * width)

    def forward(self, x: Tensor) -> Tensor:
        """Return [B, 4 * width, H / stride, W / stride] for [B, inputs, H, W]."""
        straight = x if self.shortcut is None else self.shortcut_norm(self.shortcut(x))
        x = F.relu(self.norm_1(self.conv_1(x)))
        x = F.relu(self.norm_2(self.conv_2(x)))
        return F.relu(self.norm_3(self.conv_3(x)) + straight)


class _BottleneckResNet(nn.Module):
    def __init__(self, channels: int, classes: int, stages: tuple[int, ...], small: bool, scale: float) -> None:
        super().__init__()
        inputs = scaled(64, scale)
        kernel, stride = (3, 1) if small else (7, 2)
        self.conv = nn.Conv2d(channels, inputs, kernel, stride=stride, padding=kernel // 2, bias=False)
        self.norm = nn.BatchNorm2d(inputs)
        self.pool = nn.Identity() if small else nn.MaxPool2d(3, stride=2, padding=1)
        self.stages = nn.Sequential()
        for index, blocks in enumerate(stages):
            width = scaled(64 * 2**index, scale)
            stage = nn.Sequential()
            for block in range(blocks):
                stage.append(_Block(inputs, width, stride=2 if index and not block else 1))
                inputs = 4 * width
            self.stages.append(stage)
        self.output = nn.Linear(inputs, classes)

    def forward(self, x: Tensor) -> Tensor:
        """Return logits [B, classes] for images [B, C, H, W]."""
        x = self.stages(self.pool(F.relu(self.norm(self.conv(x)))))
        logits: Tensor = self.output(x.mean((2, 3)))
        return logits


def bottleneck_resnet(
    shape: tuple[int, int, int],
    classes: int,
    *,
    depth: Literal[50, 101, 152] = 50,
    stem: Literal["cifar", "imagenet"] = "cifar",
    scale: Positive = 1.0,
) -> nn.Module:
    """Make ResNet-50, -101 or -152 (He et al. 2016, table 1), version 1.5: a block's 3x3 convolution has its stride.

    Args:
        depth: number of layers.
        stem: a first convolution of 3x3 for small images (`cifar`), or one of 7x7 with stride 2, then a pooling of 3x3
            with stride 2 (`imagenet`).
        scale: factor on all widths.
    """
    return _BottleneckResNet(shape[0], classes, _STAGES[depth], stem == "cifar", scale)
