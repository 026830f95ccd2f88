"""Kaiming initialization counts the weights that are there."""

from typing import Literal

import torch
from torch import Tensor

from lottery.config.values import Positive


def sparse_kaiming(
    weight: Tensor,
    mask: Tensor,
    generator: torch.Generator,
    *,
    scale: Positive = 2.0,
    distribution: Literal["normal", "uniform"] = "normal",
) -> Tensor:
    """Draw from N(0, 2 / fan_in), a unit's fan-in being its active inputs (Evci et al. 2022, "Gradient Flow").

    Kernel positions count as inputs. A unit without inputs has zeros.

    Args:
        weight: dense draw `[outputs, inputs, ...]`; its numbers don't matter.
        scale: the variance is `scale / fan_in`.
        distribution: normal, or uniform of the same variance.
    """
    fan_in = mask.flatten(1).sum(1, dtype=weight.dtype).clamp(min=1).view(-1, *[1] * (mask.dim() - 1))
    if distribution == "normal":
        draw = torch.randn(weight.shape, generator=generator, dtype=weight.dtype)
    else:
        draw = (2 * torch.rand(weight.shape, generator=generator, dtype=weight.dtype) - 1) * 3**0.5
    return draw.to(weight.device) * (scale / fan_in).sqrt() * mask
