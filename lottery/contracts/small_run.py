"""A run of small networks, trained in a temporary folder, is given to what looks at trained networks."""

import tempfile
from collections.abc import Sequence
from functools import cache
from pathlib import Path

from lottery.config.schema import Config
from lottery.explaining.trained import Trained
from lottery.store.records import Evaluation
from lottery.store.run import Run
from lottery.studies.execute import execute
from lottery.studies.pace import Work
from lottery.studies.plan import Level
from lottery.studies.prepare import prepare
from lottery.studies.prune import Prune
from lottery.studies.setting import Setting
from lottery.training.recipe import Member

_CONFIG = {
    "name": "contract",
    "data": {"name": "digits", "validation": 100},
    "model": {"name": "fcn", "widths": [12, 8]},
    "train": {"length": "20it", "batch_size": 32, "optimizer": {"name": "adam", "lr": 0.01}, "evaluate_every": "20it"},
    "pruning": {"iterations": 2, "fraction": 0.5, "arms": ["reinit"]},
    "replicates": 2,
    "orders": 2,
    "device": "cpu",
    "workers": 1,
}


def trained() -> Trained:
    """Return its networks: a dense one, two levels of tickets and a control, each in two orders and replicates."""
    _, path, setting = _made()
    return Trained(Run(path), lambda _: setting)


@cache
def _made() -> tuple[tempfile.TemporaryDirectory[str], Path, Setting]:
    """Return the folder, which is removed when the process ends, with the run in it, trained once."""
    folder = tempfile.TemporaryDirectory(prefix="lottery-contract-")
    config = Config.model_validate(_CONFIG)
    setting = prepare(config)
    run = Run.create(Path(folder.name), config, {"study": Prune.name})
    execute(run, Prune(setting), _Nobody(), lambda: False)
    return folder, run.path, setting


class _Nobody:
    """Nobody looks on."""

    def planned(self, levels: Sequence[Level], work: Work, how: str) -> None:
        """See `Watcher`."""

    def training(self, members: Sequence[Member], done: int) -> None:
        """See `Watcher`."""

    def advanced(self, members: Sequence[Member], steps: int) -> None:
        """See `Watcher`."""

    def evaluated(self, lines: Sequence[Evaluation]) -> None:
        """See `Watcher`."""

    def trained(self, members: Sequence[Member]) -> None:
        """See `Watcher`."""

    def noted(self, text: str) -> None:
        """See `Watcher`."""
