"""Who looks on while a study is carried out."""

import signal
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from lottery import escape
from lottery.store.run import Run
from lottery.studies import same_code


@dataclass(frozen=True)
class Onlooker:
    """An onlooker is told how a study goes on, and may stop it.

    Attributes:
        go_on: from a run to what they write to go on with it.
        stop_on: signals that mean, beside Ctrl-C and the like: save and stop.
        stop: asked between two steps; True means the same.
        quiet: whether they don't want to see anything.
    """

    go_on: Callable[[Run], str] = lambda run: " ".join(
        ["lottery resume", escape.shell(run.path), *same_code.flags(run.record)]
    )
    stop_on: Sequence[signal.Signals] = ()
    stop: Callable[[], bool] = lambda: False
    quiet: bool = False
