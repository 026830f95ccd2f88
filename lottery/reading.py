"""What runs found, from Python: what the commands `analyze` and `report` do.

A run is a path, a name, `latest`, or `Results`.
"""

from collections.abc import Mapping
from os import PathLike
from pathlib import Path

from lottery.calls import Call, Data, Model, Plugins, one_at_a_time
from lottery.display.explained import explain
from lottery.errors import LotteryError
from lottery.explaining.asked import asked
from lottery.explaining.trained import Trained
from lottery.results import Results, RunLike, find
from lottery.store.flat import Flat, flat_analysed
from lottery.store.reader import Reader
from lottery.studies import same_code
from lottery.studies.setting import Setting


@one_at_a_time
def analyze(
    run: RunLike,
    name: str,
    *,
    model: Model | None = None,
    data: Data | None = None,
    settings: Mapping[str, object] | None = None,
    device: str | None = None,
    runs_dir: str | PathLike[str] = "runs",
    plugins: Plugins = (),
    accept_changes: bool = False,
    progress: bool = True,
    **options: object,
) -> list[Flat]:
    """Find out what became of a run's networks, and return a record for each piece: `pandas.DataFrame(...)`.

    What was found before isn't looked for again; all is kept in the run, and shown by `report`.

    Args:
        run: whose networks are looked at; a study's name means the newest of its runs.
        name: of an analysis, such as `distance`; `lottery methods analyses` lists them.
        settings: `data.root`, where data have moved, and nothing else.
        options: of the analysis.

    The others are those of `train` and `prune`.

    Raises:
        LotteryError: there is no such analysis or option, or something that it needs isn't there.
        Interrupted: Ctrl-C stopped it; what was found is kept.
    """
    call = Call.of(model, data, device, plugins, progress, None, accept_changes=accept_changes)
    found, make, wanted = find(run, runs_dir, newest=True), call.remake(settings), asked(name, options)

    def setting(of: Reader) -> Setting:
        if accept_changes:
            same_code.require(of.record, accept_changes=True)
        else:
            same_code.note_changes(of.record)
        return make(of.config, of)

    lines = explain(Trained(found, setting), wanted, quiet=not progress)
    return [flat_analysed(line) for line in lines]


def report(*runs: RunLike, html: bool = False, runs_dir: str | PathLike[str] = "runs") -> list[Path]:
    """Print the tables of some runs and draw their figures, as `lottery report` does, and return the figures' paths.

    In a notebook the figures are shown, too.

    Args:
        runs: one or several, which are then compared.
        html: whether to write the page report/report.html, too; its path is the last then.

    Raises:
        LotteryError: a run isn't there, or damaged.
    """
    from lottery.display.found import show, write_page
    from lottery.reporting.snapshot import Snapshot

    if not runs:
        raise LotteryError("name a run, or several: lottery.report('latest')")
    found = [Snapshot(find(run, runs_dir, newest=True).path) for run in runs]
    for run in found:
        run.whole_metrics(), run.whole_probes()  # what is lost is said before anything is shown
    paths = show(found, everything=True)
    return [*paths, write_page(found)] if html else paths


def open_run(run: RunLike, runs_dir: str | PathLike[str] = "runs") -> Results:
    """Return what a run found: `lottery.open_run("latest").levels`.

    Args:
        run: a study's name means the newest of its runs.
        runs_dir: where run directories are.

    Raises:
        LotteryError: there is no such run, or it is damaged.
    """
    return Results(find(run, runs_dir, newest=True).path)
