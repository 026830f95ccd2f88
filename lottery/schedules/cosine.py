"""The learning rate falls along half a cosine."""

import math

from lottery.config.values import NonNegative


def cosine(step: int, length: int, epoch: int, *, final: NonNegative = 0.0) -> float:  # noqa: ARG001
    """Fall from 1 at step 0 to `final` at the end of training (Loshchilov & Hutter 2017, without restarts).

    Args:
        final: factor that is reached after the last step.
    """
    return final + (1 - final) * (1 + math.cos(math.pi * step / length)) / 2
