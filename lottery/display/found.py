"""What runs found is shown: tables, and figures drawn into their report/ folders."""

from collections.abc import Sequence

from lottery.display.console import results_console
from lottery.reporting.figures import draw
from lottery.reporting.tables import comparison_tables, run_tables
from lottery.store.reader import Reader
from lottery.streams import message


def show(runs: Sequence[Reader], everything: bool = False) -> None:
    """Print tables and draw figures; with `everything`, of the tickets too, and as SVG."""
    console = results_console()
    for run in runs:
        console.print(run_tables(run))
    if len(runs) > 1:
        console.print(comparison_tables(runs))
    try:
        for path in draw(runs, everything):
            console.print(f"figure: {path}", soft_wrap=True)
    except OSError as error:
        message(f"no figures: {error.filename or runs[0].path} can't be written ({error.strerror})")
