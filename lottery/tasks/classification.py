"""This task is to name the class of an image."""

from typing import Literal

from torch import Tensor
from torch.nn import functional as F

from lottery.tasks import Metric, Task


def classification() -> Task:
    """Learn the right one of several classes, by cross entropy; networks are told apart by accuracy."""
    return Classification()


class Classification(Task):
    """Outputs are logits `[n, classes]`, targets classes `[n]`, int64."""

    metrics = (Metric(name="accuracy", unit="%", scale=100, digits=2, higher_is_better=True),)

    def loss(
        self, outputs: Tensor, targets: Tensor, *, label_smoothing: float = 0.0, reduction: Literal["mean", "none"]
    ) -> Tensor:
        """Return the cross entropy."""
        return F.cross_entropy(outputs, targets, reduction=reduction, label_smoothing=label_smoothing)

    def right(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """Return whether the largest logit is the class's."""
        return outputs.argmax(-1) == targets
