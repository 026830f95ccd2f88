"""Standard output and standard error can't stop a study: either may be full or closed, or have lost its reader.

What goes to standard error is for whoever looks on; what can't be written there is left out. Results that standard
output can't take fail in one line.
"""

import io
import os
import sys
from collections.abc import Callable
from contextlib import suppress
from typing import Any, TextIO

from lottery import escape
from lottery.errors import RunFailed

_LONGEST = 2000
"""Characters of a line that anybody reads."""


def message(text: str) -> None:
    """Tell whoever looks on, on standard error; what can't be told and the rest of a long line are left unsaid."""
    lines = [line if len(line) <= _LONGEST else f"{line[:_LONGEST]} ..." for line in text.split("\n")]
    if sys.stderr is not None:  # else `print` would take standard output
        with suppress(OSError, ValueError):
            print(escape.terminal("\n".join(lines)), file=sys.stderr, flush=True)


def protect() -> None:
    """Replace standard output and standard error by streams that can't stop a study, for the rest of this process.

    Numbers 0 to 2 that are closed lead nowhere from now on: otherwise the next files to be opened would get them, and
    be written to by every library that means standard error.
    """
    if sys.platform == "win32":  # consoles have a way of their own there
        return
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            nowhere = os.open(os.devnull, os.O_RDWR)
            if nowhere != number:
                os.dup2(nowhere, number)
                os.close(nowhere)
    sys.stdout = _protected(sys.stdout, 1, _Results)
    sys.stderr = _protected(sys.stderr, 2, _Progress)


class _Progress(io.FileIO):
    """Progress leaves out what can't be written."""

    def write(self, data: Any) -> int:
        with suppress(OSError):
            _write_all(super().write, data)
        return len(data)


class _Results(io.FileIO):
    """Results fail once where something can't be written, and leave out what comes after."""

    _failed = False

    def write(self, data: Any) -> int:
        if not self._failed:
            self._failed = True
            try:
                _write_all(super().write, data)
            except BrokenPipeError:  # the reader has seen enough
                raise
            except OSError as error:
                raise RunFailed(
                    f"standard output can't be written: {(error.strerror or str(error)).lower()}.\n"
                    "Make room, or lead it elsewhere; `lottery report` prints again what a run found."
                ) from error
            self._failed = False
        return len(data)


def _write_all(write: Callable[[memoryview], int | None], data: Any) -> None:
    left = memoryview(data)
    while left:
        written = write(left)
        if written is None:
            raise BlockingIOError(None, "its reader does not keep up")
        left = left[written:]


def _protected(stream: TextIO | Any, number: int, kind: type[io.FileIO]) -> TextIO | Any:
    """Return `stream` as one of this kind; as it is, where it isn't the process's own any more."""
    if stream is not None:
        try:
            if stream.fileno() != number:
                return stream
        except (OSError, ValueError, AttributeError):
            return stream
    file: Any = kind(number, "wb", closefd=False)
    # Without a buffer between: a signal's message may come in the middle of another, and a buffer refuses that.
    return io.TextIOWrapper(
        file,
        encoding=getattr(stream, "encoding", "utf-8"),
        errors="backslashreplace",
        line_buffering=number == 2 or file.isatty(),
    )
