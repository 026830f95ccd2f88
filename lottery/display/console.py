"""Consoles, for tables and for the live display, show what strangers wrote and don't obey it."""

import io
import os
from collections.abc import Iterable

from rich.console import Console, ConsoleOptions, RenderableType
from rich.segment import Segment

from lottery import escape

_WIDEST = 10_000
"""Most columns of a terminal."""


class SafeConsole(Console):
    """A safe console writes text, wherever it comes from, without characters that a terminal would obey."""

    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterable[Segment]:
        """See `rich.console.Console`."""
        for segment in super().render(renderable, options):
            yield segment if segment.control else Segment(escape.terminal(segment.text), segment.style)


def results_console() -> Console:
    """Return standard output's console: as wide as the terminal, or as `COLUMNS` says, or else enough for any table."""
    environment = _environment()
    console = SafeConsole(highlight=False, _environ=environment)
    if console.is_terminal or "COLUMNS" in environment:
        return console
    return SafeConsole(highlight=False, width=200, _environ=environment)


def progress_console(quiet: bool = False) -> Console:
    """Return standard error's console; a quiet one shows nothing."""
    if quiet:
        return SafeConsole(file=io.StringIO(), force_jupyter=False, _environ=_environment())
    return SafeConsole(stderr=True, _environ=_environment())


def _environment() -> dict[str, str]:
    """Return the environment, without a `COLUMNS` that no terminal has."""
    told = os.environ.get("COLUMNS", "")
    known = told.isdecimal() and len(told) <= len(str(_WIDEST)) and 0 < int(told) <= _WIDEST
    return {key: value for key, value in os.environ.items() if known or key != "COLUMNS"}
