"""A study is carried out while somebody looks on, who may stop it."""

from collections.abc import Mapping
from pathlib import Path

from lottery.display.console import progress_console
from lottery.display.explained import explain_all
from lottery.display.onlooker import Onlooker
from lottery.display.progress import Display
from lottery.errors import Interrupted
from lottery.signals import asked_to_stop
from lottery.store.run import Run
from lottery.streams import message
from lottery.studies.execute import execute
from lottery.studies.mirror import tracked
from lottery.studies.undertaking import Undertaking


def carry_out(work: Undertaking, runs_dir: Path, about: Mapping[str, object], onlooker: Onlooker) -> Run:
    """Carry out a study and its analyses, and return its run; a new one, in `runs_dir`, says `about` of itself.

    Raises:
        Interrupted: it was stopped; the message says how to go on.
    """
    with work.begun(runs_dir, about) as run:
        console, metric = progress_console(onlooker.quiet), work.study.setting.task.metrics[0]
        if work.run is None and not onlooker.quiet:
            message(f"run: {run.path}")
        try:
            with (
                asked_to_stop(console.print, onlooker.stop_on) as told,
                Display(console, metric) as shown,
                tracked(run, shown) as watcher,
            ):
                execute(run, work.study, watcher, lambda: told() or onlooker.stop())
        except (Interrupted, KeyboardInterrupt):
            raise Interrupted(f"interrupted; go on with: {onlooker.go_on(run)}") from None
        explain_all(run, work.study.setting, quiet=onlooker.quiet, stop_on=onlooker.stop_on)
    return run
