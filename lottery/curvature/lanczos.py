"""Lanczos' recurrence, and what can be told of a symmetric matrix from its products with a few vectors."""

from collections.abc import Callable
from inspect import signature

import numpy as np
import torch
from scipy.linalg import eigh_tridiagonal
from scipy.sparse.linalg import ArpackNoConvergence, LinearOperator, eigsh

from lottery import devices, words
from lottery.curvature.hessian import Vector
from lottery.errors import LotteryError

Product = Callable[[Vector], Vector]
"""v `[n]` -> the matrix times v, `[n]`."""
_TOLERANCE = 1e-4
"""Of the residual of an eigenvector, by the matrix's spread; the eigenvalue's own error is about its square."""
_RESTARTS = 1000


def signs(size: int, generator: torch.Generator) -> Vector:
    """Return a Rademacher vector `[size]`: each entry is 1 or -1, at random."""
    drawn: Vector = torch.randint(2, (size,), generator=generator).double().mul_(2).sub_(1).numpy()
    return drawn


def check_basis(size: int, steps: int) -> None:
    """Raise LotteryError where the basis of so many steps over so many parameters doesn't fit memory."""
    needed, free = 8 * min(steps, size) * size, devices.free_memory(torch.device("cpu"))
    if needed > free:
        raise LotteryError(
            f"{min(steps, size)} steps of Lanczos over {size:,} parameters take {words.of_bytes(needed)}, "
            f"and {words.of_bytes(free)} are free: set `steps` to at most {free // (8 * size)}"
        )


def tridiagonal(product: Product, start: Vector, steps: int) -> tuple[Vector, Vector]:
    """Return diagonal `[k]` and off-diagonal `[k-1]` of the matrix in the basis of its first k <= `steps` powers.

    Lanczos (1950), each vector made orthogonal to all before once more, so that no eigenvalue comes up again as a
    ghost. k is below `steps` where the powers of the start span no more.

    Raises:
        LotteryError: the basis doesn't fit memory.
    """
    steps = min(steps, len(start))
    check_basis(len(start), steps)
    basis = np.empty((steps, len(start)))
    diagonal, beside = np.empty(steps), np.empty(steps)
    basis[0] = start / np.linalg.norm(start)
    for step in range(steps):
        further = product(basis[step])
        diagonal[step] = further @ basis[step]
        further = further - diagonal[step] * basis[step]
        if step:
            further -= beside[step - 1] * basis[step - 1]
        known = basis[: step + 1]
        further -= (known @ further) @ known
        beside[step] = np.linalg.norm(further)
        largest = max(np.abs(diagonal[: step + 1]).max(), beside[:step].max(initial=0))
        if step + 1 == steps or beside[step] <= np.finfo(float).eps * largest:
            break
        basis[step + 1] = further / beside[step]
    return diagonal[: step + 1], beside[:step]


def quadrature(product: Product, start: Vector, steps: int) -> tuple[Vector, Vector]:
    """Return values and their shares (which add up to 1): the density of eigenvalues as the start vector sees it.

    Its moments up to the (2k-1)th, k being the number of values, are those of the eigenvalues, each weighted by the
    start vector's part in its eigenvector (Golub & Meurant 2010); over random starts, that is the density of
    eigenvalues (Ghorbani et al. 2019).
    """
    values, vectors = eigh_tridiagonal(*tridiagonal(product, start, steps))
    return values, vectors[0] ** 2


def trace(product: Product, size: int, probes: int, generator: torch.Generator) -> tuple[float, float | None]:
    """Return an estimate of the trace and its standard error, None of a single probe (Hutchinson 1990)."""
    found = []
    for _ in range(probes):
        probe = signs(size, generator)
        found.append(float(probe @ product(probe)))
    error = float(np.std(found, ddof=1) / np.sqrt(probes)) if probes > 1 else None
    return float(np.mean(found)), error


def ends(product: Product, size: int, generator: torch.Generator) -> tuple[float, float]:
    """Return the smallest and the largest eigenvalue of a symmetric matrix of `size` >= 3.

    The one of largest magnitude comes first; it is taken off the diagonal, which makes the other end the largest. So
    both are found to a residual of 1e-4 of the spread, even where the smallest is next to nothing.

    Raises:
        LotteryError: it doesn't converge.
    """
    start = signs(size, generator)
    if not product(start).any():
        return 0.0, 0.0
    first = float(largest(product, size, 1, start)[0][0])

    def shifted(vector: Vector) -> Vector:
        return product(vector) - first * vector

    if np.abs(shifted(start)).max() <= 1e-12 * abs(first):
        return first, first
    other = float(largest(shifted, size, 1, start)[0][0]) + first
    return min(first, other), max(first, other)


def largest(product: Product, size: int, count: int, start: Vector) -> tuple[Vector, Vector]:
    """Return the `count` < `size` eigenvalues of largest magnitude, `[count]`, and their eigenvectors, `[size, count]`.

    The largest comes first. By ARPACK's Lanczos with full reorthogonalisation; the same for the same start.

    Raises:
        LotteryError: they don't converge.
    """
    operator = LinearOperator((size, size), matvec=product, dtype=np.float64)
    try:
        values, vectors = eigsh(
            operator, k=count, which="LM", v0=start, tol=_TOLERANCE, maxiter=_RESTARTS, **_repeatable()
        )
    except ArpackNoConvergence:
        raise LotteryError(
            f"the {count} largest eigenvalues don't converge in {_RESTARTS} restarts of Lanczos: "
            "take more images, or set precision to float64"
        ) from None
    order = np.argsort(-np.abs(values))
    return values[order], vectors[:, order]


def _repeatable() -> dict[str, np.random.Generator]:
    """Return what SciPy is given, where it can be, for the vectors that it draws once the powers of the start end."""
    return {"rng": np.random.default_rng(0)} if "rng" in signature(eigsh).parameters else {}
