"""A network's behaviour is found by running it once on images of nothing: its layers don't tell all of it."""

import copy
import re
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn

from lottery.networks import parameters
from lottery.networks.cohort import Cohort
from lottery.networks.network import Network
from lottery.seeds import seeded, stream

_IMAGES = 2
"""Batch normalisation wants more than one where nothing is left of height and width."""


@dataclass(frozen=True)
class Behaviour:
    """A behaviour is what training has to know of a network beside its tensors.

    Attributes:
        noisy: it draws random numbers while it trains, as dropout does.
        channels_last: it can do with images whose channels are last in memory.
    """

    noisy: bool
    channels_last: bool


def behaviour(template: nn.Module, shape: tuple[int, int, int], classes: int) -> Behaviour:
    """Return how a network behaves in training.

    Args:
        template: the network, which stays as it is.
        shape: channels, height and width of an image.
        classes: number of outputs that it has to have.

    Raises:
        ValueError: images of that shape don't go through it, it doesn't return one number for each class, or it
            replaces a buffer in place of changing it, which would be lost.
    """
    network = copy.deepcopy(template).train()
    images = torch.zeros(_IMAGES, *shape)
    buffers = {name: buffer.data_ptr() for name, buffer in network.named_buffers()}
    with seeded(stream(0)), torch.no_grad():
        before = torch.get_rng_state()
        outputs = _outputs(network, images)
        noisy = not torch.equal(before, torch.get_rng_state())
    if not isinstance(outputs, Tensor) or outputs.shape != (_IMAGES, classes):
        found = tuple(outputs.shape) if isinstance(outputs, Tensor) else type(outputs).__name__
        raise ValueError(f"its output for {_IMAGES} images is {found}, and has to be {(_IMAGES, classes)}")
    for name, buffer in network.named_buffers():
        if buffer.data_ptr() != buffers.get(name):
            raise ValueError(f"its forward pass replaces the buffer {name}; change it in place instead: copy_(...)")
    try:
        with seeded(stream(0)), torch.no_grad():
            network(images.contiguous(memory_format=torch.channels_last))
    except RuntimeError:
        return Behaviour(noisy, channels_last=False)
    return Behaviour(noisy, channels_last=True)


def _outputs(network: nn.Module, images: Tensor) -> object:
    try:
        return network(images)
    except (RuntimeError, ValueError, TypeError, IndexError, AssertionError) as error:
        raise ValueError(f"images don't go through it: {str(error).partition(chr(10))[0]}") from error


def unstackable(template: nn.Module, shape: tuple[int, int, int], mask: Mapping[str, Tensor]) -> str | None:
    """Return why networks can't be computed in one batched product; None where they can, and fast.

    Args:
        shape: channels, height and width of an image.
        mask: name -> weights that are kept, of one of them.
    """
    networks = [Network(parameters.tensors(template), dict(mask))] * 2
    images = torch.zeros(2, _IMAGES, *shape)
    with seeded(stream(0)), warnings.catch_warnings():
        warnings.simplefilter("error")  # operations that vmap can't batch are done one by one, and slowly
        try:
            cohort = Cohort(template, networks, execution="stacked", device=torch.device("cpu"))
            cohort.gradients(images, images, _mean)
            cohort.train(False)
            with torch.no_grad():
                cohort.outputs(images)
        except (RuntimeError, ValueError, TypeError, NotImplementedError, UserWarning) as error:
            operation = re.search(r"aten::\w+", str(error))
            return f"vmap has no batched {operation[0]}" if operation else str(error).partition("\n")[0]
    return None


def _mean(outputs: Tensor, targets: Tensor, *, reduction: Literal["mean", "none"] = "mean") -> Tensor:  # noqa: ARG001
    """Return a loss that any outputs have."""
    losses = outputs.flatten(1).mean(1)
    return losses if reduction == "none" else losses.mean()
