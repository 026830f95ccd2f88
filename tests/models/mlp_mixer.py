"""An MLP-Mixer whose mixing weights are parameters of its own."""

import math

import torch
from torch import Tensor, nn


class _Mixer(nn.Module):
    def __init__(self, shape: tuple[int, int, int], classes: int, width: int = 16) -> None:
        super().__init__()
        patches = (shape[1] // 2) * (shape[2] // 2)
        self.patch = nn.Conv2d(shape[0], width, 2, 2)
        self.norm_1, self.norm_2 = nn.LayerNorm((patches, width)), nn.LayerNorm(width)
        self.tokens = nn.Parameter(torch.randn(patches, patches) / math.sqrt(patches))
        self.shift = nn.Parameter(torch.zeros(patches, 1))
        self.channels = nn.Sequential(nn.Linear(width, 2 * width), nn.ReLU(), nn.Linear(2 * width, width))
        self.output = nn.Linear(width, classes)

    def forward(self, images: Tensor) -> Tensor:
        x = self.patch(images).flatten(2).transpose(1, 2)
        x = x + (torch.einsum("ij,bjc->bic", self.tokens, self.norm_1(x)) + self.shift).relu()
        return self.output((x + self.channels(self.norm_2(x))).mean(1))


def mlp_mixer(shape: tuple[int, int, int], classes: int) -> nn.Module:
    """A mixer of one block on patches of 2x2 pixels."""
    return _Mixer(shape, classes)
