"""This module counts the memory that training takes."""

import copy
from typing import Any

import torch
from torch import Tensor, nn

_COPIES = 5
"""Of each parameter: itself, its gradient, its mask, and up to two slots of the optimizer."""
_LATENT_COPIES = 2
"""More, where latents are trained: they themselves, and the weights as they were drawn."""
_MOVING_COPIES = 2
"""More, where masks move: the moving sum of dense gradients, and the masks of the start and of all that was active."""


def activation_elements(template: nn.Module, example: Tensor) -> int:
    """Return how many numbers a network's layers put out for one example, `[1, ...]`: what backward keeps, about."""
    elements = 0

    def count(layer: nn.Module, inputs: tuple[Tensor, ...], output: Any) -> None:  # noqa: ARG001
        nonlocal elements
        outputs = output if isinstance(output, tuple) else (output,)  # recurrent layers put out more than one
        elements += sum(part.numel() for part in outputs if isinstance(part, Tensor))

    network = copy.deepcopy(template).eval()
    for layer in network.modules():
        if not list(layer.children()):
            layer.register_forward_hook(count)
    with torch.no_grad():
        network(example)
    return elements


def member_bytes(
    template: nn.Module, example: Tensor, batch_size: int, *, latent: bool, moving: bool, past: int = 0
) -> int:
    """Return the bytes that one member takes while it trains: parameters with all that belongs to them, activations.

    Args:
        example: what it is given, `[1, ...]`.
        batch_size: examples of a step.
        latent: whether latents are trained.
        moving: whether masks move.
        past: copies of its weights that penalties take.
    """
    copies = past + _COPIES + latent * _LATENT_COPIES + moving * _MOVING_COPIES
    parameters = sum(parameter.numel() for parameter in template.parameters())
    elements = activation_elements(template, example) + example.numel()
    return 4 * (copies * parameters + 2 * batch_size * elements)
