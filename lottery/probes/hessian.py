"""The probe `hessian` finds the ends of the spectrum of the loss's Hessian, its trace, how much of it is negative."""

from collections.abc import Sequence
from typing import Literal

from lottery.config.values import Count, Few
from lottery.curvature.hessian import Hessian, coordinates
from lottery.curvature.spectrum import MEANING, check_memory, spectrum
from lottery.exhibits import Exhibit, Findings, Line
from lottery.networks.subject import Subject
from lottery.probes._ends import begun, ended, ends_table, said
from lottery.probes._over_steps import charts, courses
from lottery.seeds import stream


def hessian(
    subject: Subject,
    *,
    pruned: bool = False,
    precision: Literal["float32", "float64"] = "float32",
    exact: Count = 1000,
    steps: Few = 80,
    draws: Few = 1,
    probes: Few = 10,
    density: bool = False,
) -> Findings:
    """Find eigenvalues of the Hessian of the mean loss on the sample, without weight decay (Evci et al. 2022).

    It is that with respect to the weights which the mask keeps, and biases and all else that is trained. Batch
    normalisation takes its running statistics. Every eigenvalue is found where there are few parameters; elsewhere
    Lanczos' method finds the two ends to 1e-4 of the spread, stochastic Lanczos quadrature the density (Ghorbani et al.
    2019), Hutchinson's probes the trace. For LeNet-300-100 and 256 images that takes five seconds on one CPU core, and
    ten for 1,000 images: ask for it some ten times over a training, not every 200 steps.

    Args:
        pruned: whether pruned weights, which stand at 0, count as parameters too.
        precision: of the passes through the network; what is made of their results is in float64.
        exact: up to how many parameters every eigenvalue is found.
        steps: of Lanczos' quadrature.
        draws: random vectors that the density is averaged over.
        probes: random vectors that the trace is averaged over.
        density: whether the density at 201 eigenvalues is written down, too.

    Returns:
        `largest` and `smallest`, the latter the most negative eigenvalue; `negative`: the share of all eigenvalues that
        lie below -0.3 % of the largest magnitude; `negative_curvature`: what negative ones have of the sum of all
        magnitudes, which Lanczos tells better; `trace` and `trace_error`, its standard error; `parameters`: how many
        there are; `method`: exact, lanczos, or none where the loss overflows; where asked for `spectrum`: `eigenvalues`
        and their `density`, of area 1.
    """
    check_memory(int(coordinates(subject, pruned=pruned).sum()), exact=exact, steps=steps)
    images, labels = subject.images()
    matrix = Hessian(subject, images, labels, pruned=pruned, precision=precision)
    # The same vectors at every step: what changes from one to the next is the network.
    found = spectrum(matrix, stream(0, "hessian"), exact=exact, steps=steps, draws=draws, probes=probes)
    return found.findings(density=density)


def _shown(lines: Sequence[Line]) -> Exhibit:
    """Show the ends of the spectrum, and how much of it is negative, over steps."""
    largest = courses(lines, lambda values: values["largest"])
    negative = courses(lines, lambda values: _percent(values["negative_curvature"]))
    smallest = courses(lines, lambda values: values["smallest"])
    last = max((level for level, _ in largest), default=0)
    answers = [
        f"The loss of {arm}{f' of level {level}' * (level > 0)} has a largest curvature of "
        f"{said(begun(course).values())} where training starts and of {said(ended(course).values())} where it ends; "
        f"{said(begun(negative[level, arm]).values())} % of its curvature is negative at the start, "
        f"{said(ended(negative[level, arm]).values())} % at the end."
        for (level, arm), course in largest.items()
        if level in (0, last)
    ]
    return Exhibit(
        "Hessian",
        answers[:5] or ["No network of the usual order of batches was looked at."],
        [
            *charts(largest, "largest-eigenvalue", "largest eigenvalue", "largest eigenvalue"),
            *charts(smallest, "smallest-eigenvalue", "most negative eigenvalue", "most negative eigenvalue"),
            *charts(negative, "negative-curvature", "negative curvature", "negative curvature, %", limits=(0, 100)),
        ],
        ends_table(largest, "largest eigenvalue"),
        MEANING,
    )


def _percent(share: float | None) -> float | None:
    return None if share is None else 100 * share


SHOWN = _shown
