"""Batch normalisation's running statistics are those of the training that made them: here they are made anew."""

import copy
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from lottery.networks import parameters
from lottery.networks.network import Network
from lottery.studies.setting import Setting


def has_statistics(template: nn.Module) -> bool:
    """Return whether a network has batch normalisation with running statistics."""
    return bool(_layers(template))


@torch.no_grad()
def recomputed(setting: Setting, network: Network, batches: Sequence[Tensor]) -> Network:
    """Return a network whose running statistics are means over batches of images `[B, C, H, W]`; the rest is the same.

    Where weights are interpolated, interpolated statistics are those of no network (Jordan et al. 2023). Each layer
    normalises a batch by the batch while they are gathered, as in training; nothing else is as in training, so that
    dropout drops nothing.
    """
    module = copy.deepcopy(setting.template).to(setting.device)
    module.load_state_dict(network.state, strict=False)  # what isn't a tensor has no place in a state
    module.eval()
    for layer in _layers(module):
        layer.reset_running_stats()
        layer.momentum = None  # of torch: the mean over all batches
        layer.train()
    for images in batches:
        module(images)
    return Network({name: value.cpu() for name, value in parameters.tensors(module).items()}, network.mask)


def _layers(module: nn.Module) -> list[nn.modules.batchnorm._BatchNorm]:
    layers = (layer for layer in module.modules() if isinstance(layer, nn.modules.batchnorm._BatchNorm))
    return [layer for layer in layers if layer.track_running_stats]
