"""A vision transformer as a user writes one: parameters of its own, torch's attention, dropout, a frozen table."""

import torch
from torch import Tensor, nn

from lottery.config.values import Count


class _ViT(nn.Module):
    def __init__(self, shape: tuple[int, int, int], classes: int, width: int) -> None:
        super().__init__()
        patches = (shape[1] // 4) * (shape[2] // 4)
        self.token = nn.Parameter(torch.randn(1, 1, width))
        self.positions = nn.Parameter(torch.randn(1, patches + 1, width) / 5)
        self.waves = nn.Parameter(torch.randn(1, patches + 1, width) / 9, requires_grad=False)
        self.register_buffer("scale", torch.rand(width) + 0.5)
        self.register_buffer("constant", torch.ones(1), persistent=False)
        self.patch = nn.Conv2d(shape[0], width, 4, 4)
        self.norm_1, self.norm_2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.attention = nn.MultiheadAttention(width, 2, batch_first=True)
        self.unused = nn.Parameter(torch.randn(3))
        self.mlp = nn.Sequential(nn.Linear(width, 2 * width), nn.GELU(), nn.Dropout(0.1), nn.Linear(2 * width, width))
        self.output = nn.Linear(width, classes)

    def forward(self, images: Tensor) -> Tensor:
        x = self.patch(images)
        x = x.view(len(x), x.shape[1], -1).transpose(1, 2)  # a view: channels last in memory won't do
        x = torch.cat([self.token.expand(len(x), -1, -1), x], 1) + self.positions + self.waves
        y = self.norm_1(x)
        x = x + self.attention(y, y, y, need_weights=False)[0] * self.constant
        x = x + self.mlp(self.norm_2(x))
        return self.output(x[:, 0] * self.scale)


def vit(shape: tuple[int, int, int], classes: int, *, width: Count = 16) -> nn.Module:
    """A transformer of one block on patches of 4x4 pixels."""
    return _ViT(shape, classes, width)
