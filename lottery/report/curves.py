"""Learning curves: a metric against the training step, over replicates."""

from collections.abc import Sequence

from lottery.networks.key import Key
from lottery.report.series import shown
from lottery.store.reader import Reader
from lottery.tasks import Metric

Curve = dict[int, list[float]]
"""Step -> a metric on the test data, of each replicate, by ascending step."""


def curves(group: Sequence[Reader], metric: Metric) -> dict[tuple[int, str], Curve]:
    """Return level and arm -> a metric at each step, of the trained replicates of repetitions of one study.

    As in the tables, networks that diverged are left out: had they part in a mean, it would jump where they end.

    Raises:
        LotteryError: evaluations of a trained network have been lost.
    """
    found: dict[tuple[int, str], Curve] = {}
    for run in group:
        whole = {Key.of(line) for line in shown(run.levels()) if line["diverged"] is None}
        for line in run.whole_metrics():
            measure = line["metrics"].get(metric.name) if line["split"] == "test" else None
            if measure is not None and measure["value"] is not None and Key.of(line) in whole:
                curve = found.setdefault((line["level"], line["arm"]), {})
                curve.setdefault(line["step"], []).append(measure["value"])
    return {key: dict(sorted(curve.items())) for key, curve in sorted(found.items())}
