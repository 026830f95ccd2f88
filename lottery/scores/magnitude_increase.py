"""This score prunes what has shrunk."""

import torch
from torch import Tensor

from lottery.config.values import Positive
from lottery.networks.subject import Subject

TRAITS = {"trained"}


def magnitude_increase(subject: Subject, generator: torch.Generator, *, alpha: Positive = 1.0) -> dict[str, Tensor]:  # noqa: ARG001
    """Rate by |final| - alpha |initial|: keeps what training has made larger (Zhou et al. 2019).

    Args:
        alpha: factor on the initial weight's absolute value.
    """
    initial = subject.trained_from()
    return {name: final.abs() - alpha * initial[name].abs() for name, final in subject.weights.items()}
