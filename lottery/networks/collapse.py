"""A layer collapses where its mask leaves no path through it."""

import copy
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.overrides import TorchFunctionMode

from lottery.networks.layers import layers, outputs_of
from lottery.networks.operations import Operations

_FOLLOWED = {
    *("convolution", "mm", "addmm", "bmm", "native_batch_norm", "_native_batch_norm_legit_no_training"),
    *("relu", "relu_", "max_pool2d_with_indices", "avg_pool2d", "_adaptive_avg_pool2d", "add", "add_", "sum", "mean"),
    *("t", "transpose", "permute", "view", "_unsafe_view", "unsqueeze", "squeeze", "expand", "select", "slice"),
    *("split", "cat", "stack", "constant_pad_nd", "channel_shuffle", "native_channel_shuffle"),
    *("alias", "clone", "detach", "empty"),
}
"""Operations that hand on what is positive as something positive, and that let a gradient through wherever they do:
what a network of nothing else computes of positive numbers shows which of its weights lie on a path."""


class _Operations(Operations):
    """The mode collects the names of the operations that are carried out."""

    def __init__(self) -> None:
        super().__init__()
        self.names: set[str] = set()

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        self.names.add(func.overloadpacket.__name__)
        return func(*args, **(kwargs or {}))


class _Averaged(TorchFunctionMode):
    """The mode pools by the mean in place of the maximum, through which no gradient comes to what isn't the largest."""

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if getattr(func, "__name__", "") == "max_pool2d":
            names = ("input", "kernel_size", "stride", "padding", "dilation", "ceil_mode", "return_indices")
            asked = dict(zip(names, args, strict=False)) | (kwargs or {})
            if asked.pop("dilation", 1) in (1, (1, 1)) and not asked.pop("return_indices", False):
                return F.avg_pool2d(**asked)
        return func(*args, **(kwargs or {}))


def collapsed(template: nn.Module, shape: tuple[int, int, int], mask: Mapping[str, Tensor]) -> list[str]:
    """Return the layers through which no path of kept weights leads from input to output (Tanaka et al. 2020).

    Every kept weight is set to a positive number, biases to 0, normalisation to the identity, and the image to ones:
    then nothing cancels, and the gradient of the output with respect to a layer is 0 just where no path goes through.
    That holds for networks of convolutions, linear layers, rectifiers, pooling, batch normalisation and sums. Of others
    (attention, recurrence, gates) only the layers are named that keep no weight at all.

    Args:
        shape: channels, height and width of an image.
        mask: name -> weights that are kept.
    """
    if all(bool(kept.all()) for kept in mask.values()):
        return []
    network = _skeleton(template, mask)
    weights = [network.get_parameter(name) for name in mask]
    image = torch.ones(1, *shape, dtype=torch.float64)
    with _Averaged(), _Operations() as operations:
        output = network(image).sum()
    if not operations.names <= _FOLLOWED:
        return [name.removesuffix(".weight") for name, kept in mask.items() if not bool(kept.any())]
    gradients = torch.autograd.grad(output, weights, allow_unused=True)
    return [
        name.removesuffix(".weight")
        for name, weight, gradient in zip(mask, weights, gradients, strict=True)
        # Of a layer that isn't used, but perhaps while training, nothing is known.
        if not (weight if gradient is None else weight * gradient).any()
    ]


def on_paths(
    template: nn.Module, shape: tuple[int, int, int], mask: Mapping[str, Tensor]
) -> dict[str, tuple[Tensor, Tensor]] | None:
    """Return, of each linear and convolution layer, to which units a path leads, and from which one leads on.

    Of networks of which `collapsed` can't tell either, nothing is returned.

    Args:
        shape: channels, height and width of an image.
        mask: name -> weights that are kept.

    Returns:
        layer -> bool `[units]`, whether a path of kept weights leads there from the input; the same to the output.
    """
    network, image = _skeleton(template, mask).cpu(), torch.ones(1, *shape, dtype=torch.float64)
    own = layers(network, mask)
    with _Averaged(), _Operations() as operations, torch.no_grad(), outputs_of(own) as reached:
        network(image)
    if not operations.names <= _FOLLOWED:
        return None
    # Above zero whether a path leads there or not, so that no rectifier stops what leads on.
    with _Averaged(), outputs_of(own, lifted=1.0) as found:
        output = network(image).sum()
    calls = [(name, place) for name, outputs in found.items() for place in range(len(outputs))]
    gradients = torch.autograd.grad(output, [found[name][place] for name, place in calls], allow_unused=True)
    ways: dict[str, tuple[Tensor, Tensor]] = {}
    for (name, place), gradient in zip(calls, gradients, strict=True):
        there = reached[name][place]
        on = torch.zeros_like(there) if gradient is None else gradient
        each = [(one != 0).transpose(0, 1).reshape(one.shape[1], -1).any(1) for one in (there, on)]
        before = ways.get(name, each)
        ways[name] = before[0] | each[0], before[1] | each[1]
    return ways


def _skeleton(template: nn.Module, mask: Mapping[str, Tensor]) -> nn.Module:
    """Return a copy of a network whose kept weights are positive, and in which nothing else changes the sign."""
    network = copy.deepcopy(template).double().eval()
    with torch.no_grad():
        for name, parameter in network.named_parameters():
            if name in mask:
                # The mean of a unit's inputs: products over many layers stay far from overflow and underflow.
                kept = mask[name].double().view(len(parameter), -1)
                parameter.copy_((kept / kept.sum(1, keepdim=True).clamp(min=1)).view(parameter.shape))
            else:
                parameter.fill_(0.0 if name.endswith("bias") else 1.0)
        for name, buffer in network.named_buffers():
            if buffer.is_floating_point():  # positions and other whole numbers say where things are
                buffer.fill_(1 if name.endswith("running_var") else 0)
    return network
