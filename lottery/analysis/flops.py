"""Floating-point operations of one forward pass."""

import copy
from collections.abc import Mapping

import torch
from torch import Tensor, nn

from lottery.cohort import prunable


def layer_flops(template: nn.Module, shape: tuple[int, int, int]) -> dict[str, int]:
    """FLOPs of each prunable layer for one image, dense: a multiplication and an addition count as two.

    Every weight takes part once at each position of the layer's output. Biases, normalisation and activations are left
    out, as is usual (Evci et al. 2020).

    Args:
        template: the network.
        shape: channels, height and width of an image.

    Returns:
        name of the weight -> FLOPs.
    """
    network = copy.deepcopy(template).eval()
    sizes = prunable(template)  # the first dimension is that of the outputs
    flops = dict.fromkeys(sizes, 0)

    def count(name: str) -> None:
        def hook(layer: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> None:  # noqa: ARG001
            flops[name] += 2 * sizes[name].numel() * output.numel() // sizes[name][0]

        network.get_submodule(name.removesuffix(".weight")).register_forward_hook(hook)

    for name in sizes:
        count(name)
    with torch.no_grad():
        network(torch.zeros(1, *shape))
    return flops


def masked_flops(dense: Mapping[str, int], mask: Mapping[str, Tensor]) -> int:
    """FLOPs for one image if pruned weights cost nothing: each layer's count times its density. Not timed."""
    return round(sum(flops * int(mask[name].count_nonzero()) / mask[name].numel() for name, flops in dense.items()))
