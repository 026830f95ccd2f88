"""A study is carried out while somebody looks on, who may stop it."""

import signal
from collections.abc import Mapping, Sequence
from pathlib import Path

from lottery import plugins
from lottery.display.console import progress_console
from lottery.display.progress import Display
from lottery.errors import Interrupted
from lottery.signals import asked_to_stop
from lottery.store.run import Run
from lottery.streams import message
from lottery.studies.execute import execute
from lottery.studies.mirror import tracked
from lottery.studies.undertaking import Undertaking


def carry_out(
    work: Undertaking, runs_dir: Path, about: Mapping[str, object], stop_on: Sequence[signal.Signals] = ()
) -> Run:
    """Carry out a study, and return its run; a new one, in `runs_dir`, says `about` of itself.

    Args:
        stop_on: further signals that mean: save and stop.

    Raises:
        Interrupted: it was stopped; the message says how to go on.
    """
    with work.begun(runs_dir, about) as run:
        if work.run is None:
            message(f"run: {run.path}")
        console, metric = progress_console(), work.study.setting.task.metrics[0]
        try:
            with (
                asked_to_stop(console.print, stop_on) as stop,
                Display(console, metric) as shown,
                tracked(run, shown) as watcher,
            ):
                execute(run, work.study, watcher, stop)
        except (Interrupted, KeyboardInterrupt):
            again = " ".join(["lottery resume", str(run.path), *plugins.flags(run.record)])
            raise Interrupted(f"interrupted; go on with: {again}") from None
    return run
