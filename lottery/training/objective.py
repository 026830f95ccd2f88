"""An objective is what training minimises."""

from dataclasses import dataclass
from typing import Literal

from torch import Tensor

from lottery.tasks import Task


@dataclass(frozen=True)
class Objective:
    """An objective is a task's loss with label smoothing; without, it is the loss that networks are evaluated by."""

    task: Task
    label_smoothing: float = 0.0

    def __call__(self, outputs: Tensor, targets: Tensor, *, reduction: Literal["mean", "none"] = "mean") -> Tensor:
        """Return the mean loss of one network's outputs, `[n, ...]`, or that of each example."""
        return self.task.loss(outputs, targets, label_smoothing=self.label_smoothing, reduction=reduction)
