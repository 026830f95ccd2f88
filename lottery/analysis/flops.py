"""Floating-point operations of one forward pass."""

import copy
from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.overrides import TorchFunctionMode

from lottery.cohort import prunable


class _Counter(TorchFunctionMode):
    """Counts the products that weights take part in, also where a network calls no layer for them, as Swin does."""

    def __init__(self, weights: Mapping[str, Tensor]) -> None:
        super().__init__()
        self.names = {id(weight): name for name, weight in weights.items()}
        self.flops = dict.fromkeys(weights, 0)

    def __torch_function__(
        self, func: Callable[..., Any], types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        output = func(*args, **(kwargs or {}))
        if func in (F.linear, F.conv2d) and id(args[1]) in self.names:
            weight = args[1]  # its first dimension is that of the outputs
            self.flops[self.names[id(weight)]] += 2 * weight.numel() * output.numel() // len(weight)
        return output


def layer_flops(template: nn.Module, shape: tuple[int, int, int]) -> dict[str, int]:
    """FLOPs of each prunable layer for one image, dense: a multiplication and an addition count as two.

    Every weight takes part once at each position of the layer's output. Biases, normalisation and activations are left
    out, as is usual (Evci et al. 2020).

    Args:
        template: the network; on the meta device nothing is computed.
        shape: channels, height and width of an image.

    Returns:
        name of the weight -> FLOPs.
    """
    network = copy.deepcopy(template).eval()
    counter = _Counter({name: network.get_parameter(name) for name in prunable(network)})
    with torch.no_grad(), counter:
        network(torch.zeros(1, *shape, device=next(network.parameters()).device))
    return counter.flops


def masked_flops(dense: Mapping[str, int], mask: Mapping[str, Tensor]) -> int:
    """FLOPs for one image if pruned weights cost nothing: each layer's count times its density. Not timed."""
    return round(sum(flops * int(mask[name].count_nonzero()) / mask[name].numel() for name, flops in dense.items()))
