"""A sparse network has to beat the small dense one."""

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import nn

from lottery.errors import LotteryError
from lottery.networks.parameters import prunable
from lottery.registry import Entry
from lottery.seeds import seeded, stream


def scale_for(
    entry: Entry,
    options: Mapping[str, Any],
    shape: tuple[int, int, int],
    classes: int,
    density: float,
    covered: Callable[[nn.Module], Mapping[str, torch.Size]] = prunable,
) -> float:
    """Return the model's option `scale` with which it has as many weights, dense, as it keeps at a density.

    The nearest there is: widths are whole numbers. Evci et al. 2020 multiply them by sqrt(density) for their
    Small-Dense, which keeps more: first and last layers shrink on one side only.

    Args:
        options: its other options; a `scale` among them is that of the network which is pruned.
        shape: channels, height and width of an image.
        density: kept fraction of the weights that masks cover, in (0, 1].
        covered: name -> shape of the weights that masks cover.

    Raises:
        LotteryError: the model has no such option.
    """
    if "scale" not in entry.options.model_fields:
        raise LotteryError(
            f"model.small_dense: {entry.name} has no option `scale` to make it smaller by; give its function one, "
            "`scale: float = 1.0`, a factor on all widths, or leave small_dense out"
        )

    def count(scale: float) -> int:
        with seeded(stream(0)), torch.device("meta"):  # a user's code may draw
            return sum(size.numel() for size in covered(entry(shape, classes, **{**options, "scale": scale})).values())

    low, high = 0.0, float(options.get("scale", 1.0))
    wanted = density * count(high)
    for _ in range(24):
        middle = (low + high) / 2
        if count(middle) < wanted:
            low = middle
        else:
            high = middle
    return min((high, low or high), key=lambda scale: abs(count(scale) - wanted))
