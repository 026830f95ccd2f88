"""A subject is one network as scores, and whoever else only looks, are given it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn
from torch.func import functional_call
from torch.nn.attention import SDPBackend, sdpa_kernel

from lottery.errors import LotteryError
from lottery.networks.network import Loss

Sample = Callable[[int | None, int | None], tuple[Tensor, Tensor]]
"""(number, number of each class) -> that many training images `[n, C, H, W]`, normalised, and their labels `[n]`."""


@dataclass(frozen=True)
class Subject:
    """A subject is one network as a score may look at it, without a member axis. Nothing in it may be changed.

    Attributes:
        weights: name -> weight to be scored, zero where it is pruned already; on the device.
        mask: name -> weights that are left, bool.
        initial: name -> weight at initialization; None where nothing has been trained yet.
        state: every tensor of the network, `weights` included.
        template: its architecture; None for tensors without one.
        shape: channels, height and width of an image.
    """

    weights: Mapping[str, Tensor]
    mask: Mapping[str, Tensor]
    initial: Mapping[str, Tensor] | None = None
    state: Mapping[str, Tensor] = field(default_factory=dict)
    template: nn.Module | None = None
    shape: tuple[int, int, int] = (0, 0, 0)
    sample: Sample | None = None
    criterion: Loss | None = None

    def outputs(
        self, weights: Mapping[str, Tensor], images: Tensor, *, state: Mapping[str, Tensor] | None = None, train: bool
    ) -> Tensor:
        """Return the outputs `[n, ...]` of the network with these weights in place of its own.

        Autograd sees through it.

        Args:
            weights: name -> weight, of those in `self.weights`.
            images: `[n, C, H, W]`.
            state: every other tensor, where they aren't the network's own.
            train: whether batch normalisation takes the statistics of these images, or its running ones.

        Raises:
            LotteryError: there is no architecture.
        """
        if self.template is None:
            raise LotteryError("this score needs the network, and was given weights alone")
        # Copies: in training mode batch normalisation would move the running statistics.
        others = {name: tensor.detach().clone() for name, tensor in (state or self.state).items()}
        modes = [(module, module.training) for module in self.template.modules()]
        self.template.train(train)
        try:
            with sdpa_kernel(SDPBackend.MATH):  # fused attention has no second derivative
                outputs: Tensor = functional_call(self.template, others | dict(weights), (images,))
        finally:
            for module, mode in modes:
                module.training = mode
        return outputs

    def images(self, count: int | None = None, per_class: int | None = None) -> tuple[Tensor, Tensor]:
        """Return so many training images `[n, C, H, W]`, or so many of each class, and their labels; always the same.

        Raises:
            LotteryError: there are no data, or not so many.
        """
        if self.sample is None:
            raise LotteryError("this score needs data, and was given none")
        return self.sample(count, per_class)

    def loss(self, outputs: Tensor, labels: Tensor) -> Tensor:
        """Return the mean loss of outputs `[n, ...]`; raises LotteryError where there is nothing to judge them by."""
        if self.criterion is None:
            raise LotteryError("this score needs a loss, and was given none")
        return self.criterion(outputs, labels)

    def trained_from(self) -> Mapping[str, Tensor]:
        """Return name -> weight at initialization; raises LotteryError where the network has not been trained."""
        if self.initial is None:
            raise LotteryError("this score compares with initialization, and nothing has been trained yet")
        return self.initial


def leaves(weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return copies that autograd can differentiate by."""
    return {name: weight.detach().clone().requires_grad_() for name, weight in weights.items()}


def on_cpu(scores: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return scores as they are ranked: detached, on the CPU."""
    return {name: torch.as_tensor(score).detach().cpu() for name, score in scores.items()}
