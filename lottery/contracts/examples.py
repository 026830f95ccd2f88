"""These small networks are given to what looks at networks."""

from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from lottery.networks.network import initialise
from lottery.networks.parameters import prunable
from lottery.networks.subject import Subject
from lottery.seeds import seeded, stream

SHAPES = {
    "a.weight": torch.Size([8, 4, 3, 3]),
    "b.weight": torch.Size([300, 100]),
    "output.weight": torch.Size([10, 10]),
}
"""Name -> shape of each layer's weights: a convolution, a large layer and a small one."""
IMAGE = (1, 8, 8)
CLASSES = 3


def cross_entropy(outputs: Tensor, targets: Tensor, *, reduction: Literal["mean", "none"] = "mean") -> Tensor:
    """Return the mean loss, or that of each example."""
    return F.cross_entropy(outputs, targets, reduction=reduction)


def net() -> nn.Module:
    """Return a convolution with batch normalisation, and a linear layer."""
    with seeded(stream(0)):
        return nn.Sequential(nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.Flatten(), nn.Linear(144, CLASSES))


def state(seed: int) -> dict[str, Tensor]:
    """Return every tensor of such a network."""
    return initialise(net, lambda shape, generator: torch.randn(shape, generator=generator) / 4, seed)


def subject() -> Subject:
    """Return such a network, as if it had been trained, a fifth of it pruned, with data."""
    template, generator = net(), torch.Generator().manual_seed(1)
    shapes = prunable(template)
    mask = {key: torch.rand(shape, generator=generator) < 0.8 for key, shape in shapes.items()}
    initial, trained = state(1), state(0)
    trained |= {key: trained[key] * mask[key] for key in shapes}
    images, labels = torch.randn(60, *IMAGE, generator=generator), torch.arange(60) % CLASSES

    def sample(count: int | None, per_class: int | None) -> tuple[Tensor, Tensor]:
        number = CLASSES * per_class if per_class else count if count else 60
        return images[:number].clone(), labels[:number].clone()

    return Subject(
        weights={key: trained[key] for key in shapes}, mask=mask, initial={key: initial[key] for key in shapes},
        state=trained, template=template, shape=IMAGE, sample=sample, criterion=cross_entropy,
    )  # fmt: skip
