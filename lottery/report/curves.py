"""Learning curves: accuracy against the training step, over replicates."""

from collections.abc import Sequence

from lottery.store.run import Run

Curve = dict[int, list[float]]
"""Step -> test accuracy of each replicate, by ascending step."""


def curves(group: Sequence[Run]) -> dict[tuple[int, str], Curve]:
    """Level and arm -> test accuracies at each step, of the trained replicates of repetitions of one study.

    As in the tables, networks that diverged are left out: had they part in a mean, it would jump where they end.

    Raises:
        LotteryError: evaluations of a trained network have been lost.
    """
    found: dict[tuple[int, str], Curve] = {}
    for run in group:
        whole = {
            (line["replicate"], line["level"], line["arm"]) for line in run.levels() if line.get("diverged") is None
        }
        for record in run.whole_metrics():
            level, arm = record["level"], record["arm"]
            own = (record["replicate"], level, arm) in whole
            if own and record["split"] == "test" and record["accuracy"] is not None:
                found.setdefault((level, arm), {}).setdefault(record["step"], []).append(record["accuracy"])
    return {key: dict(sorted(curve.items())) for key, curve in sorted(found.items())}
