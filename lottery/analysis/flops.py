"""Floating-point operations of one forward pass."""

import copy
from collections.abc import Mapping

import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from lottery.cohort import prunable


def layer_flops(template: nn.Module, shape: tuple[int, int, int]) -> dict[str, int]:
    """FLOPs of each prunable layer for one image, dense: a multiplication and an addition count as two.

    Counted from shapes by torch; biases, normalisation and activations are left out, as is usual (Evci et al. 2020).

    Args:
        template: the network.
        shape: channels, height and width of an image.

    Returns:
        name of the weight -> FLOPs.
    """
    network = copy.deepcopy(template).eval()
    counter = FlopCounterMode(display=False)
    with counter, torch.no_grad():
        network(torch.zeros(1, *shape))
    counts = {name.partition(".")[2]: sum(by_kind.values()) for name, by_kind in counter.get_flop_counts().items()}
    return {name: counts[name.removesuffix(".weight")] for name in prunable(template)}


def masked_flops(dense: Mapping[str, int], mask: Mapping[str, Tensor]) -> int:
    """FLOPs for one image if pruned weights cost nothing: each layer's count times its density. Not timed."""
    return round(sum(flops * float(mask[name].double().mean()) for name, flops in dense.items()))
