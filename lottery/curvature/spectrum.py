"""What is told of a Hessian's eigenvalues: the two ends, how many are negative, their sum, their density."""

from dataclasses import dataclass

import numpy as np
import torch
from scipy.linalg import eigh

from lottery.curvature import lanczos
from lottery.curvature.hessian import Hessian, Vector, check_matrix
from lottery.curvature.lanczos import check_basis
from lottery.exhibits import Finding, Findings
from lottery.seeds import derived

MEANING = (
    "The Hessian is that of the mean loss on a fixed sample of training images, without weight decay, with respect to "
    "the weights that the mask keeps and all that no mask covers; batch normalisation takes its running statistics "
    "(Evci et al. 2022). All eigenvalues are found where there are few parameters; elsewhere the ends by Lanczos, the "
    "density by stochastic Lanczos quadrature (Ghorbani et al. 2019). Negative curvature is what negative eigenvalues "
    "have of the sum of all magnitudes."
)
"""What reports say of its eigenvalues, whoever found them."""
_NOTHING = 3e-3
"""Eigenvalues within this share of the largest magnitude count as zero: most of a large network's are there, and
quadrature of 80 steps doesn't tell their signs."""
_POINTS = 201


@dataclass(frozen=True)
class Spectrum:
    """A spectrum says what is known of the eigenvalues of a Hessian, and how it was found.

    Attributes:
        method: `exact` (all eigenvalues of the matrix), `lanczos` (from products with vectors), or `none` where second
            derivatives are no finite numbers: nor is anything else then.
        size: how many there are.
        smallest: the most negative one.
        largest: the one at the other end.
        trace: their sum.
        trace_error: its standard error; 0 where it is exact, None of a single probe.
        values: at which eigenvalues the density is known: all of them, or quadrature's nodes.
        shares: how much of all eigenvalues each of those stands for; they add up to 1.
    """

    method: str
    size: int
    smallest: float
    largest: float
    trace: float
    trace_error: float | None
    values: Vector
    shares: Vector

    def negative(self) -> float:
        """Return the share, by number, of eigenvalues below -0.3 % of the largest magnitude; nearer ones count as 0."""
        bound = _NOTHING * max(abs(self.smallest), abs(self.largest))
        return float(self.shares[self.values < -bound].sum()) if np.isfinite(bound) else bound

    def negative_curvature(self) -> float:
        """Return what negative eigenvalues have of the sum of all magnitudes: 0 where the loss is convex.

        Those next to nothing have next to no part in it, so that quadrature tells it well, unlike how many there are.
        """
        magnitudes = self.shares * np.abs(self.values)
        total = float(magnitudes.sum())
        return float(magnitudes[self.values < 0].sum()) / total if total else 0.0

    def findings(self, *, density: bool) -> Findings:
        """Return it as findings: numbers by name, and where asked for the density at 201 eigenvalues."""
        found: dict[str, Finding] = {
            "parameters": self.size,
            "method": self.method,
            "largest": self.largest,
            "smallest": self.smallest,
            "negative": self.negative(),
            "negative_curvature": self.negative_curvature(),
            "trace": self.trace,
            "trace_error": self.trace_error,
        }
        if density:
            eigenvalues, values = self.density(_POINTS)
            found["spectrum"] = {"eigenvalues": eigenvalues.tolist(), "density": values.tolist()}
        return found

    def density(self, points: int) -> tuple[Vector, Vector]:
        """Return that many eigenvalues, evenly spaced, and the density there, which has area 1.

        Each known value is a Gaussian of a hundredth of the spread (Ghorbani et al. 2019).
        """
        spread = self.largest - self.smallest
        width = spread / 100 or 1.0
        grid = np.linspace(self.smallest - 4 * width, self.largest + 4 * width, points)
        bells = np.exp(-(((grid[:, None] - self.values) / width) ** 2) / 2) / (width * np.sqrt(2 * np.pi))
        return grid, bells @ self.shares


def spectrum(
    hessian: Hessian,
    generator: torch.Generator,
    *,
    exact: int = 1000,
    steps: int = 80,
    draws: int = 1,
    probes: int = 10,
) -> Spectrum:
    """Return the spectrum of a Hessian, by all its eigenvalues where there are at most `exact`, else by Lanczos.

    Args:
        hessian: of one network at one place.
        generator: gives the vectors that Lanczos and Hutchinson start from.
        exact: up to how many parameters the matrix is computed and solved.
        steps: of each stochastic Lanczos quadrature (Ghorbani et al. 2019 take 80).
        draws: random vectors that the density is averaged over.
        probes: random vectors that the trace is averaged over (Hutchinson 1990).

    Raises:
        LotteryError: the matrix, or Lanczos' basis, doesn't fit memory; eigenvalues don't converge.
    """
    size = hessian.size
    if not np.isfinite(hessian.product(lanczos.signs(size, derived(generator, "finite")))).all():
        nothing = float("nan")  # the loss overflows; whoever trains goes on until it diverges
        return Spectrum("none", size, nothing, nothing, nothing, nothing, np.array([nothing]), np.ones(1))
    if _small(size, exact):
        values = eigh(hessian.matrix(), eigvals_only=True, overwrite_a=True)
        shares = np.full(size, 1 / size)
        return Spectrum("exact", size, float(values[0]), float(values[-1]), float(values.sum()), 0.0, values, shares)
    smallest, largest = lanczos.ends(hessian.product, size, derived(generator, "ends"))
    total, error = lanczos.trace(hessian.product, size, probes, derived(generator, "trace"))
    stream = derived(generator, "density")
    parts = [lanczos.quadrature(hessian.product, lanczos.signs(size, stream), steps) for _ in range(draws)]
    values, shares = (np.concatenate(column) for column in zip(*parts, strict=True))
    return Spectrum("lanczos", size, smallest, largest, total, error, values, shares / draws)


def check_memory(size: int, *, exact: int, steps: int) -> None:
    """Raise LotteryError where `spectrum` lacks the memory for a Hessian of so many parameters."""
    if _small(size, exact):
        check_matrix(size)
    else:
        check_basis(size, steps)


def _small(size: int, exact: int) -> bool:
    return size <= max(exact, 2)  # ARPACK wants three dimensions at least
