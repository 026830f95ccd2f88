"""The application knows which commands there are, and the code that each ends with.

Progress and messages go to stderr, results to stdout. Exit codes: 2 for what the user can fix, 1 for a failed run,
130 for an interrupted one.
"""

import gc
import sys
from collections.abc import Sequence

import typer

from lottery import escape, streams
from lottery.cli import reference, reports, training
from lottery.errors import Interrupted, LotteryError, RunFailed
from lottery.streams import message

app = typer.Typer(
    help="Lottery-ticket and sparse-training studies: train, prune, rewind, report.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)
for command in (training.train, training.prune, training.rewind, training.resume, reports.report):
    app.command()(command)
app.command("runs")(reports.list_runs)
app.command()(reference.methods)
app.command("config")(reference.show_config)


def main() -> None:
    """Run the `lottery` command and exit."""
    # torch and matplotlib make some hundred thousand objects that stay: looking through them for garbage while they are
    # imported, and once more at exit, takes half a second.
    gc.set_threshold(100_000, 50, 100)
    streams.protect()
    try:
        _check_arguments(sys.argv[1:])
        try:
            app()
        finally:
            sys.stdout.flush()  # what it can't take is told here, and not when Python ends
    except LotteryError as error:
        message(f"error: {error}")
        sys.exit(2)
    except RunFailed as error:
        message(f"failed: {error}")
        sys.exit(1)
    except (Interrupted, KeyboardInterrupt) as error:
        message(str(error) or "interrupted")
        sys.exit(130)
    except BrokenPipeError:  # the reader of a pipe has gone, as `head` does
        sys.exit(1)
    except MemoryError:
        message("failed: out of memory; nothing finished is lost")
        sys.exit(1)
    except OSError as error:
        if error.filename is None:
            raise
        message(f"error: {_shortened(str(error.filename))}: {(error.strerror or str(error)).lower()}")
        sys.exit(2)


def _check_arguments(arguments: Sequence[str]) -> None:
    """Raise LotteryError for one that couldn't be kept in a run's record: with control characters, or not in UTF-8."""
    for argument in arguments:
        if escape.has_controls(argument):
            shown = escape.visible(argument)
            raise LotteryError(f"{_shortened(shown)}: write it in one line, without control characters, in UTF-8")


def _shortened(text: str) -> str:
    return text if len(text) <= 100 else f"{text[:60]}...{text[-30:]}"
