"""What runs found is shown: tables, and figures drawn into their report/ folders."""

import textwrap
from collections.abc import Sequence
from pathlib import Path

from rich.console import Group

from lottery.display.console import results_console
from lottery.display.notebook import show_figures
from lottery.reporting.exhibit_tables import exhibit_tables
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
    if len(runs) > 1:
        console.print(comparison_tables(runs))
    for run in runs:
        console.print(Group(run_tables(run), exhibit_tables(run)))
    try:
        drawn = draw(runs, everything)
    except OSError as error:
        message(f"no figures: {error.filename or runs[0].path} can't be written ({error.strerror})")
        return []
    for line in figure_lines(drawn, console.width):
        console.print(line, soft_wrap=True)
    if console.is_jupyter:
        show_figures(drawn)
    return drawn


def figure_lines(paths: Sequence[Path], width: int) -> list[str]:
    """Return which files are in which folder: `figures in runs/NAME/report: comparison.{png,svg}, ...`.

    What is wider than `width` goes on in further lines, none of which breaks a path or a name.
    """
    folders: dict[Path, dict[str, list[str]]] = {}
    for path in paths:
        folders.setdefault(path.parent, {}).setdefault(path.stem, []).append(path.suffix[1:])
    lines = list[str]()
    for folder, own in folders.items():
        heading, files = f"figures in {folder}:", ", ".join(_file(stem, found) for stem, found in own.items())
        whole = f"{heading} {files}"
        lines += [whole] if len(whole) <= width else [heading, *_wrapped(files, width)]
    return lines


def _wrapped(names: str, width: int) -> list[str]:
    return textwrap.wrap(
        names, width, initial_indent="  ", subsequent_indent="  ", break_long_words=False, break_on_hyphens=False
    )


def _file(stem: str, suffixes: Sequence[str]) -> str:
    """Return the names of a figure's files as a shell would write them."""
    return f"{stem}.{suffixes[0]}" if len(suffixes) == 1 else f"{stem}.{{{','.join(suffixes)}}}"


def write_page(runs: Sequence[Reader]) -> Path:
    """Write the page of some runs into the first one's report/ folder, and return its path."""
    path = own_folder(runs[0].path, "report") / "report.html"
    files.write_text(path, page(runs))
    return path
