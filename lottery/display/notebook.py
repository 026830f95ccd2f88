"""In a notebook, progress is one output, which is replaced as it changes, and figures are shown."""

import time
from collections.abc import Callable, Iterable
from pathlib import Path

from rich.console import RenderableType
from rich.table import Table

_SECONDS_BETWEEN_UPDATES = 0.5


class Output:
    """An output of a notebook shows lines that stay, and below them what changes."""

    def __init__(self) -> None:
        from IPython.display import display

        self._lines: list[RenderableType] = []
        self._handle = display(_below_one_another(), display_id=True)
        self._shown = 0.0

    def add(self, line: RenderableType) -> None:
        """Add a line that stays."""
        self._lines.append(line)

    def show(self, draw: Callable[[], RenderableType]) -> None:
        """Show what `draw` returns below the lines, unless something was shown just before."""
        now = time.perf_counter()
        if now - self._shown > _SECONDS_BETWEEN_UPDATES:
            self._shown = now
            self._handle.update(_below_one_another(*self._lines, draw()))

    def close(self) -> None:
        """Leave the lines alone."""
        self._handle.update(_below_one_another(*self._lines))


def show_figures(paths: Iterable[Path]) -> None:
    """Show those of some files that are images a notebook takes: PNG."""
    from IPython.display import Image, display

    for path in paths:
        if path.suffix == ".png":
            display(Image(filename=str(path), retina=True))


def _below_one_another(*parts: RenderableType) -> Table:
    """Return parts as something that a notebook shows."""
    rows = Table.grid()
    for part in parts:
        rows.add_row(part)
    return rows
