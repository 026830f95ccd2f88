"""Loss and right answers of each member of a cohort."""

from collections.abc import Iterable

import torch
from torch import Tensor
from torch.nn import functional as F

from lottery.networks.cohort import Cohort

_PIXELS = 1 << 19
"""Pixels of one evaluation batch of one member: large products, activations of some hundred MiB at most."""


def batch_size(shape: tuple[int, int, int]) -> int:
    """Images of the given channels, height and width that are evaluated at once."""
    return max(1, _PIXELS // (shape[0] * shape[1] * shape[2]))


@torch.no_grad()
def evaluate(cohort: Cohort, batches: Iterable[tuple[Tensor, Tensor]]) -> tuple[list[float], list[int], int]:
    """Mean cross entropy (nats) and number of right answers of each member over `batches`, and the number of images.

    Label smoothing takes no part. Right answers are counted: an accuracy rounded to float32 no longer says whether two
    of them differ by exactly so many images.

    Args:
        cohort: R networks; their batch normalisation uses its running statistics.
        batches: images `[R, B, C, H, W]` and labels `[R, B]`, or both without R where all members share them.
    """
    cohort.train(False)
    loss = torch.zeros(cohort.size, device=cohort.device)
    correct = torch.zeros(cohort.size, dtype=torch.int64, device=cohort.device)
    images_seen = 0
    for images, labels in batches:
        logits = cohort.logits(images)
        targets = labels.expand(cohort.size, -1)
        losses = F.cross_entropy(logits.flatten(0, 1), targets.flatten(), reduction="none")
        loss += losses.view(targets.shape).sum(1)
        correct += (logits.argmax(-1) == targets).sum(1)
        images_seen += targets.shape[1]
    return (loss / images_seen).tolist(), correct.tolist(), images_seen
