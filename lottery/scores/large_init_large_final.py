"""This score prunes what began small or ended small."""

import torch
from torch import Tensor

from lottery.config.values import Positive
from lottery.networks.subject import Subject

TRAITS = {"trained"}


def large_init_large_final(subject: Subject, generator: torch.Generator, *, alpha: Positive = 1.0) -> dict[str, Tensor]:  # noqa: ARG001
    """Rate by min(alpha |final|, |initial|): keeps what began and ended large (Zhou et al. 2019).

    The authors cut both magnitudes of a layer at the same percentile; alpha is then the ratio of |initial| to |final|
    there, another one in each layer. With an alpha of 1, of the weights that they keep 98 to 99.9 % are kept at a
    density of 0.8 after 400 steps, and 80 to 90 % at 0.2 after 5000, in layers like the hidden ones of LeNet-300-100 on
    MNIST.

    Args:
        alpha: factor on the final weight's absolute value.
    """
    initial = subject.trained_from()
    return {name: torch.minimum(alpha * final.abs(), initial[name].abs()) for name, final in subject.weights.items()}
