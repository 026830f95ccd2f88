"""How much of a movement lies in some directions, such as those in which the loss is curved most."""

import math

import numpy as np
from numpy.typing import NDArray

from lottery.curvature.hessian import Vector


def shares(vectors: NDArray[np.float64], moved: Vector, free: NDArray[np.bool_]) -> tuple[Vector, Vector]:
    """Return the share of a movement's squared length in the span of the first 1, 2, ..., k directions, `[k]` each.

    First that of the movement itself, then what a random one has on average.

    Args:
        vectors: orthonormal directions, `[n, k]`.
        moved: the movement, `[n]`, which isn't zero everywhere; else its share is no number.
        free: which coordinates it may have moved along, `[n]`; it is zero along all others.
    """
    length = float(moved @ moved)
    own = np.cumsum((moved @ vectors) ** 2) / length if length else np.full(vectors.shape[1], math.nan)
    return own, np.cumsum((vectors[free] ** 2).sum(0)) / max(1, int(free.sum()))
