"""This module evaluates a cohort: the loss and the right answers of each member."""

from collections.abc import Iterable

import torch
from torch import Tensor

from lottery.networks.cohort import Cohort
from lottery.tasks import Task
from lottery.training.objective import Objective

_PIXELS = 1 << 19
"""Pixels of one evaluation batch of one member: large products, activations of some hundred MiB at most."""


def batch_size(shape: tuple[int, int, int]) -> int:
    """Return how many images of the given channels, height and width are evaluated at once."""
    return max(1, _PIXELS // (shape[0] * shape[1] * shape[2]))


@torch.no_grad()
def evaluate(
    cohort: Cohort, task: Task, batches: Iterable[tuple[Tensor, Tensor]], *, shared: bool
) -> tuple[list[float], list[int], int]:
    """Return each member's mean loss and number of right answers over `batches`, and the number of answers.

    Label smoothing takes no part. Right answers are counted: see `Task.metrics`.

    Args:
        cohort: R networks; their batch normalisation uses its running statistics.
        batches: inputs `[R, B, ...]` and targets `[R, B, ...]`, or both without R where all members share them.
        shared: whether they do.
    """
    cohort.train(False)
    judge = Objective(task)
    loss = torch.zeros(cohort.size, device=cohort.device)
    right = torch.zeros(cohort.size, dtype=torch.int64, device=cohort.device)
    answers = 0
    for inputs, targets in batches:
        outputs = cohort.outputs(inputs, shared=shared).flatten(0, 1)
        wanted = (targets.expand(cohort.size, *targets.shape) if shared else targets).flatten(0, 1)
        losses = judge(outputs, wanted, reduction="none").view(cohort.size, -1)
        loss += losses.sum(1)
        right += task.right(outputs, wanted).view(cohort.size, -1).sum(1)
        answers += losses.shape[1]
    return (loss / answers).tolist(), right.tolist(), answers
