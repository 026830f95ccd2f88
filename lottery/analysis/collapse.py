"""Layer collapse: masks that leave no path through a layer."""

import copy
from collections.abc import Mapping

import torch
from torch import Tensor, nn

from lottery.cohort import prunable


def collapsed(template: nn.Module, shape: tuple[int, int, int], mask: Mapping[str, Tensor]) -> list[str]:
    """Names of the layers through which no path of kept weights leads from input to output (Tanaka et al. 2020).

    Every kept weight is set to a positive number, biases to 0, normalisation to the identity, and the image to ones:
    then nothing cancels, and the gradient of the output with respect to a layer is 0 just where no path goes through.

    Args:
        template: the network.
        shape: channels, height and width of an image.
        mask: name -> weights that are kept.
    """
    if all(bool(kept.all()) for kept in mask.values()):
        return []
    network = copy.deepcopy(template).double().eval()
    shapes = prunable(template)
    with torch.no_grad():
        for name, parameter in network.named_parameters():
            if name in shapes:
                # Divided by the number of inputs, products over many layers stay far from overflow.
                parameter.copy_(mask[name].double() / shapes[name][1:].numel())
            else:
                parameter.fill_(0.0 if name.endswith("bias") else 1.0)
        for name, buffer in network.named_buffers():
            buffer.fill_(1 if name.endswith("running_var") else 0)
    weights = [network.get_parameter(name) for name in shapes]
    output = network(torch.ones(1, *shape, dtype=torch.float64)).sum()
    gradients = torch.autograd.grad(output, weights, allow_unused=True)
    return [
        name.removesuffix(".weight")
        for name, weight, gradient in zip(shapes, weights, gradients, strict=True)
        if gradient is None or not (weight * gradient).any()
    ]
