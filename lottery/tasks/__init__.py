"""A task, made by `task()`, says what networks learn: by which loss, told apart by which metrics.

A task looks at outputs and targets without a member axis: `[n, ...]`, the first dimension being that of examples.
"""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import ClassVar, Literal

import torch
from torch import Tensor


@dataclass(frozen=True)
class Metric:
    """A metric says how good a network is, and how a person reads it: `scale` times the value, so many digits, a unit.

    Attributes:
        name: in records, such as `accuracy`.
        unit: that is written behind it.
        scale: what a value in records is multiplied by to be read in that unit.
        digits: behind the decimal point.
        higher_is_better: whether more of it is better.
    """

    name: str
    unit: str
    scale: float
    digits: int
    higher_is_better: bool


class Task(ABC):
    """A task judges outputs by their targets."""

    metrics: ClassVar[tuple[Metric, ...]]
    """The first is the one that networks are compared by; it is the share of right answers, which are counted: rounded
    to float32 it would no longer say whether two networks differ by exactly so many examples."""

    @abstractmethod
    def loss(
        self, outputs: Tensor, targets: Tensor, *, label_smoothing: float = 0.0, reduction: Literal["mean", "none"]
    ) -> Tensor:
        """Return the loss in nats: the mean over all examples, or that of each.

        Args:
            outputs: `[n, ...]`.
            targets: `[n, ...]`.
            label_smoothing: probability spread evenly over all answers (Szegedy et al. 2016).
            reduction: whether they are averaged.
        """

    @abstractmethod
    def right(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """Return whether each answer is right, bool of the shape that losses without reduction have."""

    def example(self, shape: tuple[int, ...], count: int = 1) -> Tensor:
        """Return so many inputs of nothing, `[count, *shape]`, of the type that networks of this task are given."""
        return torch.zeros(count, *shape)
