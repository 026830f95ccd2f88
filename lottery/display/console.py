"""Consoles, for tables and for the live display, show what strangers wrote and don't obey it."""

import io
import os
from collections.abc import Iterable

from rich.console import Console, ConsoleOptions, RenderableType
from rich.segment import Segment

from lottery import escape


class SafeConsole(Console):
    """A safe console writes text, wherever it comes from, without characters that a terminal would obey."""

    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterable[Segment]:
        """See `rich.console.Console`."""
        for segment in super().render(renderable, options):
            yield segment if segment.control else Segment(escape.terminal(segment.text), segment.style)


def results_console() -> Console:
    """Return standard output's console: as wide as the terminal, or as `COLUMNS` says, or else enough for any table."""
    console = SafeConsole(highlight=False)
    told = os.environ.get("COLUMNS", "").isdigit()
    return console if console.is_terminal or told else SafeConsole(highlight=False, width=200)


def progress_console(quiet: bool = False) -> Console:
    """Return standard error's console; a quiet one shows nothing."""
    return SafeConsole(file=io.StringIO(), force_jupyter=False) if quiet else SafeConsole(stderr=True)
