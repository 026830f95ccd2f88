"""The commands `report` and `runs` show what is there."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from lottery import escape
from lottery.cli import completion
from lottery.cli.opening import find_run
from lottery.cli.options import RunsDir
from lottery.errors import LotteryError
from lottery.streams import message

if TYPE_CHECKING:
    from lottery.store.reader import Reader


def report(
    runs: Annotated[
        list[str],
        typer.Argument(
            metavar="RUN...", help="Run directories, their names, or `latest`.", autocompletion=completion.runs
        ),
    ],
    runs_dir: RunsDir = Path("runs"),
    csv: Annotated[bool, typer.Option("--csv", help="Print one table of all runs as CSV.")] = False,
    json: Annotated[bool, typer.Option("--json", help="The same as JSON.")] = False,
    markdown: Annotated[bool, typer.Option("--markdown", help="The same as Markdown.")] = False,
    latex: Annotated[bool, typer.Option("--latex", help="The same as LaTeX (booktabs).")] = False,
    watch: Annotated[
        bool, typer.Option("--watch", help="Show the tables while the runs train, anew every 5 s.")
    ] = False,
    html: Annotated[bool, typer.Option("--html", help="Write report/report.html too, which works offline.")] = False,
    verdicts: Annotated[bool, typer.Option("--verdicts", help="Print definitions, numbers and verdicts.")] = False,
) -> None:
    """Print what runs have found, and draw it into their folders. Asked for a format, print that alone."""
    asked = [name for name, given in (("csv", csv), ("json", json), ("markdown", markdown), ("latex", latex)) if given]
    if len(asked) + verdicts > 1:
        raise LotteryError(f"one at a time: {', '.join(f'--{name}' for name in [*asked, *['verdicts'] * verdicts])}")
    if watch:
        _watch([find_run(run, runs_dir, newest=True) for run in runs])
    found = _readable(runs, runs_dir)
    if asked:
        from lottery.reporting.formats import FORMATS

        print(FORMATS[asked[0]](found), end="")
    elif verdicts:
        from lottery.reporting.jackpot import jackpot_lines
        from lottery.reporting.tables import verdict_lines

        for run in found:
            print(escape.visible(run.record["id"]) + ":", *map(escape.visible, verdict_lines(run)), sep="\n")
        print(*map(escape.visible, jackpot_lines(found)), sep="\n")
    else:
        from lottery.display.found import show

        show(found, everything=True)
    if html:
        from lottery.display.found import write_page

        path = write_page(found)
        tell = message if asked or verdicts else print
        tell(f"page: {escape.visible(str(path))}")


def list_runs(runs_dir: RunsDir = Path("runs")) -> None:
    """List the runs that are there."""
    from lottery.config import shipped
    from lottery.reporting.listing import listing
    from lottery.store import places

    if not runs_dir.is_dir():
        raise LotteryError(f"{runs_dir} is not there; name another folder with --runs-dir, or {shipped.BEGIN}")
    paths = places.runs(runs_dir)
    if paths:
        print(*listing(paths), sep="\n")
    else:
        message(f"no runs in {runs_dir} yet; {shipped.BEGIN}")


def _readable(names: Sequence[str], runs_dir: Path) -> "list[Reader]":
    """Return the runs that can be read, and name the others on stderr. Raises LotteryError where there is none."""
    from lottery.reporting.snapshot import Snapshot

    found: list[Reader] = []
    for name in names:
        try:
            run = Snapshot(find_run(name, runs_dir, newest=True).path)
            _ = run.config, run.whole_metrics(), run.whole_probes()
            found.append(run)
        except LotteryError as error:
            if len(names) == 1:
                raise
            message(f"left out: {str(error).splitlines()[0]}")
    if not found:
        raise LotteryError("none of these runs can be read")
    return found


def _watch(runs: Sequence["Reader"], seconds: float = 5.0) -> None:
    """Show tables of runs until none of them is being worked on."""
    import time

    from rich.console import Group
    from rich.live import Live

    from lottery.display.console import progress_console
    from lottery.reporting.tables import run_tables
    from lottery.store.locks import is_locked

    with Live(console=progress_console(), transient=True, auto_refresh=False) as live:
        while any(is_locked(run.path) for run in runs):
            live.update(Group(*(run_tables(run) for run in runs)), refresh=True)
            time.sleep(seconds)
