"""The application knows which commands there are, and the code that each ends with.

Progress and messages go to stderr, results to stdout. Exit codes: 2 for what the user can fix, 1 for a failed run,
130 for an interrupted one.
"""

import gc
import sys
from collections.abc import Callable, Sequence
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from lottery import __version__, escape, streams
from lottery.cli import analyzing, cached, checking, completion, reference, reports, starting, training
from lottery.errors import Interrupted, LotteryError, RunFailed
from lottery.streams import message

COMMANDS: dict[str, dict[str, Callable[..., None]]] = {
    "Begin": {
        "init": starting.init,
        "configs": starting.list_configs,
        "methods": reference.methods,
        "config": reference.show_config,
        "check": checking.check,
    },
    "Train": {
        "train": training.train,
        "prune": training.prune,
        "rewind": training.rewind,
        "fork": training.fork,
        "resume": training.resume,
    },
    "Read": {"analyze": analyzing.analyze, "report": reports.report, "runs": reports.list_runs, "cache": cached.cache},
}
"""Sections of `lottery --help`: what to start from, what to do, what came of it."""


class Sections(TyperGroup):
    """The group of all commands lists them by section, and says what an interrupted one left behind."""

    def invoke(self, ctx: Any) -> Any:
        """Call a command; raise Interrupted where Ctrl-C ended it, of which typer would say nothing."""
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt:
            trains = ctx.invoked_subcommand in COMMANDS["Train"]
            raise Interrupted("interrupted before anything was trained" if trains else "interrupted") from None

    def format_commands(self, ctx: Any, formatter: Any) -> None:  # noqa: ARG002 - of a click that typer may hide
        """Write a list for each section."""
        wide = max(map(len, self.commands))
        for section, names in COMMANDS.items():
            with formatter.section(section):
                helps = [self.commands[name].get_short_help_str(formatter.width - wide - 6) for name in names]
                formatter.write_dl([(name.ljust(wide), text) for name, text in zip(names, helps, strict=True)])


app = typer.Typer(
    cls=Sections,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)
for commands in COMMANDS.values():
    for name, command in commands.items():
        app.command(name)(command)


def _version(asked: bool) -> None:
    if asked:
        print(f"lottery {__version__}")
        raise typer.Exit


@app.callback()
def common(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    """Lottery-ticket and sparse-training studies: train, prune, rewind, report."""


def main() -> None:
    """Run the `lottery` command and exit."""
    # torch and matplotlib make some hundred thousand objects that stay: looking through them for garbage while they are
    # imported, and once more at exit, takes half a second.
    gc.set_threshold(100_000, 50, 100)
    streams.protect()
    try:
        _check_arguments(sys.argv[1:])
        try:
            with completion.in_silence(), completion.as_bash_splits():
                app(prog_name="lottery")
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
