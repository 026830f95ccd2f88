"""Which figures are drawn of which runs, and where they go."""

from collections.abc import Sequence
from pathlib import Path

from lottery.report.canvas import places
from lottery.report.comparison import repetitions
from lottery.report.figures import against_density, learning_curves
from lottery.report.quantities import metrics_of
from lottery.report.series import shown
from lottery.report.study_figures import studies_by_density
from lottery.store.reader import Reader

MOST_BY_THEMSELVES = 3
"""Runs of which each gets its own figures; of more, only what compares them is drawn."""


def draw(runs: Sequence[Reader], everything: bool = False) -> list[Path]:
    """Draw figures into the runs' `report/` folders; what compares several, into the first one's.

    With `everything`, of the tickets too, and as SVG beside PNG.
    """
    paths: list[Path] = []
    trained = [run for run in runs if shown(run.levels())]
    by_themselves = trained if len(runs) <= MOST_BY_THEMSELVES else []
    for run in by_themselves:
        metric, lines = metrics_of(run)[0], shown(run.levels())
        paths += against_density(lines, metric, places(run, f"{metric.name}_by_density", everything))
        paths += learning_curves(run, places(run, "learning_curves", everything))
    if len(trained) > 1:
        # Repetitions of one study are one line, of all their replicates.
        paths += studies_by_density(repetitions(trained), places(trained[0], "comparison", everything))
    if everything:
        from lottery.report.mask_figures import draw_tickets

        paths += draw_tickets(by_themselves)
    return paths
