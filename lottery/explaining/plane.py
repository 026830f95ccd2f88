"""Many points far apart in many dimensions, laid out in a plane."""

from collections.abc import Callable, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

_BYTES = 1 << 29
"""Of the points that are in memory at once."""
_WEIGHTS = 1 << 14
"""Of each, that are in double precision at once."""


def distances(points: Sequence[Callable[[], Tensor]]) -> NDArray[np.float64]:
    """Return the L2 distances `[n, n]` between points of one length, each of which is asked for when it is wanted.

    They are right to 1e-7 of how far the points lie from the first one. Where points are too large to be in memory
    together, blocks of them are, and each is asked for again and again.
    """
    first = points[0]()
    width = max(1, _BYTES // 2 // max(1, first.nbytes))
    found = np.zeros((len(points), len(points)))
    for top in range(0, len(points), width):
        rows = torch.stack([point() - first for point in points[top : top + width]])
        for left in range(top, len(points), width):
            block = rows if left == top else torch.stack([point() - first for point in points[left : left + width]])
            found[top : top + width, left : left + width] = apart = _apart(rows, block)
            found[left : left + width, top : top + width] = apart.T
    np.fill_diagonal(found, 0)
    return found


def _apart(rows: Tensor, columns: Tensor) -> NDArray[np.float64]:
    """Return distances by products, in double precision a few weights at a time: ten times as fast as differences."""
    squares = torch.zeros(len(rows), len(columns), dtype=torch.float64)
    for left, right in zip(rows.split(_WEIGHTS, dim=1), columns.split(_WEIGHTS, dim=1), strict=True):
        a, b = left.double(), right.double()
        squares += (a**2).sum(1)[:, None] + (b**2).sum(1) - 2 * a @ b.T
    return squares.clamp(min=0).sqrt().numpy()


def plane(apart: NDArray[np.float64]) -> tuple[NDArray[np.float64], float]:
    """Return positions `[n, 2]` whose distances are as near as can be to those asked for, and the stress that is left.

    Metric multidimensional scaling by stress majorization (SMACOF, de Leeuw 1977), which leads downhill from where
    classical scaling (Torgerson 1952) puts the points: nothing is drawn, and the order of points decides nothing. The
    first point is put at the origin, the second on the x axis to its right, the one farthest from that axis above it.

    Args:
        apart: distances `[n, n]`.

    Returns:
        positions, and Kruskal's stress-1: root of the squared errors' sum over that of the squared distances.
    """
    from sklearn.manifold import smacof  # a second of imports

    size = len(apart)
    squares = -(apart**2) / 2
    centred = squares - squares.mean(0) - squares.mean(1)[:, None] + squares.mean()
    values, vectors = np.linalg.eigh(centred)
    start = np.zeros((size, 2))
    start[:, : min(2, size)] = vectors[:, ::-1][:, :2] * np.sqrt(values[::-1][:2].clip(0))
    if not apart.any():
        return start * 0, 0.0
    places, _ = smacof(apart, init=start, n_init=1, max_iter=1000, eps=1e-9, normalized_stress=False)
    errors = np.linalg.norm(places[:, None] - places[None], axis=-1) - apart
    return _turned(places), float(np.sqrt((errors**2).sum() / (apart**2).sum()))


def _turned(places: NDArray[np.float64]) -> NDArray[np.float64]:
    places = places - places[0]
    along = places[1] if len(places) > 1 and places[1].any() else np.array([1.0, 0.0])
    x, y = along / np.linalg.norm(along)
    turned: NDArray[np.float64] = places @ np.array([[x, -y], [y, x]])
    farthest = turned[np.abs(turned[:, 1]).argmax(), 1]
    return turned * [1, -1 if farthest < 0 else 1]
