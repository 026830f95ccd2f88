"""The command `analyze` finds out what became of the networks of runs."""

import sys
from collections.abc import Sequence
from contextlib import redirect_stdout
from pathlib import Path
from typing import Annotated, Any

import typer

from lottery import escape
from lottery.cli import completion, options
from lottery.cli.opening import announce, find_run, remake
from lottery.errors import LotteryError


def analyze(
    names: Annotated[
        list[str],
        typer.Argument(
            metavar="RUN... NAME",
            help="Run directories, their names, or `latest`; then an analysis (`lottery methods analyses`).",
            autocompletion=completion.runs_and_analysis,
        ),
    ],
    set_: Annotated[
        list[str],
        typer.Option(
            "--set",
            metavar="OPTION=VALUE",
            help="An option of the analysis (repeatable); data.root=FOLDER says where the runs' data are now.",
            autocompletion=completion.of_analysis,
        ),
    ] = [],  # noqa: B006
    device: options.Device = None,
    runs_dir: options.RunsDir = Path("runs"),
    plugin: options.Plugins = [],  # noqa: ARG001, B006
    accept_changes: options.AcceptChanges = False,
) -> None:
    """Find out what became of the networks of runs, and print it. What was found before isn't looked for again."""
    *runs, name = names
    if not runs:
        from lottery.registry import names as names_of

        if name in names_of("analyses"):
            raise LotteryError(f"name a run and an analysis: lottery analyze latest {name}")
        raise LotteryError(
            f"name an analysis behind the run: lottery analyze {escape.shell(name)} NAME; there are "
            f"{', '.join(names_of('analyses'))}: lottery methods analyses"
        )
    announce(runs[0])
    from lottery.display.explained import explain, show
    from lottery.explaining.asked import asked
    from lottery.explaining.trained import Trained
    from lottery.store.reader import Reader
    from lottery.studies import same_code
    from lottery.studies.setting import Setting

    moved = [one for one in set_ if one.startswith("data.root=")]
    analysis = asked(name, _options([one for one in set_ if one not in moved]))
    make = remake(moved, device)

    def setting(run: Reader) -> Setting:
        if accept_changes:
            same_code.require(run.record, accept_changes=True)
        else:
            same_code.note_changes(run.record)
        return make(run.config, run)

    for run in [find_run(run, runs_dir, newest=True) for run in runs]:
        with redirect_stdout(sys.stderr):  # what a plugin prints is no result
            found = explain(Trained(run, setting), analysis)
        show(run, analysis, found)


def _options(overrides: Sequence[str]) -> dict[str, Any]:
    """Return the options that the command line says; raise LotteryError where they are no `OPTION=VALUE` in YAML."""
    import yaml

    from lottery.config import bounded_yaml

    found: dict[str, Any] = {}
    for override in overrides:
        option, equals, text = override.partition("=")
        if not equals or not option:
            raise LotteryError(f"--set {override}: write OPTION=VALUE, such as --set levels=[1,2]")
        try:
            found[option] = bounded_yaml.parse(text)
        except yaml.YAMLError:
            raise LotteryError(f"--set {override}: the value is not valid YAML") from None
    return found
