"""Curves along a path as findings: with their barriers, and with what they are of."""

from collections.abc import Sequence
from typing import Any

from lottery.explaining.barriers import barrier
from lottery.explaining.survey import Curves, Survey
from lottery.networks.network import Network


def found(
    survey: Survey, one: Network, other: Network, shares: Sequence[float], replicates: Sequence[int]
) -> dict[str, Any]:
    """Return the curves of `Survey.along` as findings, with their barriers between 0 and 1, and what they are of.

    Where networks have running statistics, those are recomputed, and `as_they_are` holds the same without that.
    """
    as_they_are, anew = survey.along(one, other, shares, replicates)
    trained_on = len(survey.training_images(replicates))
    return {
        "alpha": list(shares),
        **_with_barriers(shares, anew or as_they_are),
        **({"as_they_are": _with_barriers(shares, as_they_are)} if anew else {}),
        "error": survey.error,
        "unit": survey.setting.task.metrics[0].unit,
        "test_images": len(survey.setting.data.test_labels),
        "train_images": trained_on,
        "recomputed_over": min(survey.recompute_over, trained_on) if anew else 0,
    }


def _with_barriers(shares: Sequence[float], curves: Curves) -> dict[str, list[float] | float]:
    inside = [place for place, share in enumerate(shares) if 0 <= share <= 1]
    barriers = {f"{name}_barrier": barrier([values[place] for place in inside]) for name, values in curves.items()}
    return {**curves, **barriers}
