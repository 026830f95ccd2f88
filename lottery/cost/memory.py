"""Memory that training takes, by count."""

import copy
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

if TYPE_CHECKING:
    from lottery.studies.setting import Setting

_COPIES = 5
"""Of each parameter: itself, its gradient, its mask, and up to two slots of the optimizer."""
_LATENT_COPIES = 2
"""More, where latents are trained: they themselves, and the weights as they were drawn."""
_MOVING_COPIES = 2
"""More, where masks move: the moving sum of dense gradients, and the masks of the start and of all that was active."""


def activation_elements(template: nn.Module, shape: tuple[int, int, int]) -> int:
    """Numbers that the layers of a network put out for one image: what backward keeps, about.

    Args:
        template: the network.
        shape: channels, height and width of an image.
    """
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
        network(torch.zeros(1, *shape))
    return elements


def member_bytes(setting: "Setting") -> int:
    """Bytes that one member takes while it trains: parameters with all that belongs to them, activations, gradients."""
    parameters = sum(parameter.numel() for parameter in setting.template.parameters())
    channels, height, width = setting.data.shape
    elements = activation_elements(setting.template, setting.data.shape) + channels * height * width
    sparse, copies = setting.config.sparse, _COPIES
    if sparse is not None:
        copies += _LATENT_COPIES if sparse.latent is not None else 0
        copies += _MOVING_COPIES if "static" not in sparse.topology.entry.traits else 0
    return 4 * (copies * parameters + 2 * setting.config.train.batch_size * elements)
