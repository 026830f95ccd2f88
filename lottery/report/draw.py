"""Which figures are drawn of which runs, and where they go."""

from collections.abc import Sequence
from pathlib import Path

from lottery.report.comparison import repetitions
from lottery.report.figures import accuracy_by_density, learning_curves, places
from lottery.report.method_figures import methods_by_density
from lottery.store.run import Run

MOST_BY_THEMSELVES = 3
"""Runs of which each gets its own figures; of more, only what compares them is drawn."""


def draw(runs: Sequence[Run], everything: bool = False) -> list[Path]:
    """Draw figures into the runs' `report/` folders; what compares several, into the first one's.

    With `everything`, of the tickets too, and as SVG beside PNG.
    """
    paths: list[Path] = []
    trained = [run for run in runs if run.levels()]
    by_themselves = trained if len(runs) <= MOST_BY_THEMSELVES else []
    for run in by_themselves:
        paths += accuracy_by_density(run.levels(), places(run, "accuracy_by_density", everything))
        paths += learning_curves(run, places(run, "learning_curves", everything))
    if len(trained) > 1:
        # Repetitions of one study are one line, of all their replicates.
        paths += methods_by_density(repetitions(trained), places(trained[0], "comparison", everything))
    if everything:
        from lottery.report.mask_figures import draw_tickets

        paths += draw_tickets(by_themselves)
    return paths
