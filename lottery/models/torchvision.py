"""Networks of torchvision are had by their names."""

from contextlib import nullcontext

import torch
from torch import Tensor, nn

from lottery import registry
from lottery.cost.flops import layer_flops
from lottery.networks.parameters import prunable


class _Headed(nn.Module):
    """A headed network has its last layer taken off, and called `output`."""

    def __init__(self, body: nn.Module, output: nn.Linear) -> None:
        super().__init__()
        self.body = body
        self.output = output

    def forward(self, x: Tensor) -> Tensor:
        """Return logits [B, classes] for images [B, C, H, W]."""
        logits: Tensor = self.output(self.body(x))
        return logits


def torchvision(shape: tuple[int, int, int], classes: int, *, model: str) -> nn.Module:
    """Make a classification network of torchvision, by its name there, such as `resnet18`; it isn't pretrained.

    Layers have torchvision's names after `body.`, but for the last one. All that is random in a forward pass, dropout
    and stochastic depth, is off, and so are auxiliary outputs. Tables of relative positions, of networks that have
    them, start at zero. Images need not have three channels: the first convolution then has as many.

    Args:
        shape: some networks need 224x224, or other sizes.
        model: torchvision's name of the network.

    Raises:
        ValueError: there is no such network, it doesn't end in a linear layer, or images of that size don't go through
            it.
    """
    from torchvision import models, ops  # a second or two

    names = models.list_models(module=models)
    if model not in names:
        raise ValueError(f"torchvision has no model {model!r}{registry.suggestion(model, names)}")
    plain = {"aux_logits": False, "init_weights": False} if model in ("googlenet", "inception_v3") else {}
    # RegNet works its widths out with tensors, which must have numbers even where the network needs none.
    with torch.device("cpu") if model.startswith("regnet") else nullcontext():
        body: nn.Module = models.get_model(model, num_classes=classes, **plain)
    body.to(torch.get_default_device())
    for part in body.modules():
        if isinstance(part, nn.Dropout | ops.StochasticDepth):
            part.p = 0.0
    for name, parameter in body.named_parameters():
        if name.endswith("relative_position_bias_table"):
            nn.init.zeros_(parameter)
    first, *_, last = (name.removesuffix(".weight") for name in prunable(body))
    stem, head = body.get_submodule(first), body.get_submodule(last)
    if not isinstance(stem, nn.Conv2d) or not isinstance(head, nn.Linear):
        raise ValueError(f"torchvision's {model} does not end in a linear layer")
    if stem.in_channels != shape[0]:
        stem.in_channels = shape[0]
        stem.weight = nn.Parameter(stem.weight.new_zeros(stem.out_channels, shape[0], *stem.kernel_size))
    body.set_submodule(last, nn.Identity())
    network = _Headed(body, head)
    try:
        layer_flops(network, shape)
    except (RuntimeError, AssertionError) as error:
        raise ValueError(f"images do not go through torchvision's {model}: {error}") from error
    return network
