"""What runs found is shown: tables, and figures drawn into their report/ folders."""

from collections.abc import Sequence
from pathlib import Path

from lottery.display.console import results_console
from lottery.reporting.figures import draw
from lottery.reporting.html import page
from lottery.reporting.tables import comparison_tables, run_tables
from lottery.store import files
from lottery.store.folders import own_folder
from lottery.store.reader import Reader
from lottery.streams import message


def show(runs: Sequence[Reader], everything: bool = False) -> list[Path]:
    """Print tables and draw figures, whose paths are returned; with `everything`, of the tickets too, and as SVG."""
    console = results_console()
    for run in runs:
        console.print(run_tables(run))
    if len(runs) > 1:
        console.print(comparison_tables(runs))
    drawn = []
    try:
        for path in draw(runs, everything):
            console.print(f"figure: {path}", soft_wrap=True)
            drawn.append(path)
    except OSError as error:
        message(f"no figures: {error.filename or runs[0].path} can't be written ({error.strerror})")
    return drawn


def write_page(runs: Sequence[Reader]) -> Path:
    """Write the page of some runs into the first one's report/ folder, and return its path."""
    path = own_folder(runs[0].path, "report") / "report.html"
    files.write_text(path, page(runs))
    return path
