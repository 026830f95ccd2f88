"""The probe `weights` says how large weights are, and how far training took them from where it started."""

import math
from collections.abc import Sequence

from lottery.exhibits import Exhibit, Findings, Line
from lottery.networks.subject import Subject
from lottery.probes._ends import ends_table, over_time
from lottery.probes._over_steps import charts, courses


def weights(subject: Subject) -> Findings:
    """Measure norms, the share of kept weights that have the sign of their start, and the distance to that.

    All is of the weights that masks cover; pruned ones are zero, and so were those that were pruned at the start.

    Returns:
        `norm`: L2, and `layers`, each one's.
        `same_sign`: share of the kept weights whose sign is that of their start, of those that had one; null for none.
        `distance`: L2, from the start.
        `cosine`: of the angle between weights and start; null where either is zero.
    """
    start, now, mask = subject.trained_from(), subject.weights, subject.mask
    norms = {name: weight.norm().item() for name, weight in now.items()}
    norm, begun = math.hypot(*norms.values()), math.hypot(*(start[name].norm().item() for name in now))
    product = sum((weight * start[name]).sum().item() for name, weight in now.items())
    signed = sum(int((kept & (start[name] != 0)).sum()) for name, kept in mask.items())
    same = sum(int((kept & (now[name] * start[name] > 0)).sum()) for name, kept in mask.items())
    return {
        "norm": norm,
        "layers": {name.removesuffix(".weight"): value for name, value in norms.items()},
        "same_sign": same / signed if signed else None,
        "distance": math.hypot(*((weight - start[name]).norm().item() for name, weight in now.items())),
        "cosine": max(-1.0, min(1.0, product / (norm * begun))) if norm * begun else None,
    }


def _shown(lines: Sequence[Line]) -> Exhibit:
    """Show how many signs stay, and how far weights go."""
    signs = courses(lines, lambda values: None if values["same_sign"] is None else 100 * values["same_sign"])
    distances = courses(lines, lambda values: values["distance"])
    norms = courses(lines, lambda values: values["norm"])
    return Exhibit(
        "Weights",
        [
            *over_time(signs, "the share of kept weights that have the sign they started with", " %"),
            *over_time(norms, "the L2 norm of the weights"),
        ],
        [
            *charts(signs, "signs", "signs that stay", "kept weights of the same sign, %", limits=(0, 100)),
            *charts(distances, "distance", "distance from the start", "L2 distance", limits=(0, None)),
        ],
        ends_table(norms, "L2 norm"),
        "Signs and distances are against the weights that a network's own training started from.",
    )


SHOWN = _shown
