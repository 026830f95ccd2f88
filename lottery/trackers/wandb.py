"""Weights & Biases."""

import hashlib
import os
from collections.abc import Sequence
from typing import Annotated, Any, Literal

from pydantic import Field

from lottery.networks.key import Key
from lottery.store.reader import Reader
from lottery.trackers import Measurement, Tracker, hyperparameters, title

_QUIET = dict.fromkeys(("silent", "disable_git", "disable_code", "x_disable_stats", "x_disable_meta"), True)
"""Nothing that nobody asked for, such as the machine's state, every few seconds."""


def wandb(
    run: Reader,
    *,
    project: Annotated[str, Field(pattern=r"^[A-Za-z0-9._-]{1,128}$")] = "lottery",
    mode: Literal["offline", "online"] = "offline",
) -> Tracker:
    """Open a run for each network, grouped by study, in the folder `wandb` beside run directories, for `wandb sync`.

    Args:
        run: to be tracked.
        project: its name in W&B.
        mode: offline opens no connection; online sends everything at once, to the account that is logged in.
    """
    os.environ.setdefault("WANDB_ERROR_REPORTING", "false")
    import wandb

    return _Wandb(run, wandb, project, mode)


class _Wandb:
    """Runs of their own, because W&B draws the mean and the spread of those that share level and arm.

    A network's id is a function of run and network, so a resumed study goes on in the same ones. Offline, after a kill,
    its points since the last checkpoint stand in two folders, with the same steps and values.
    """

    def __init__(self, run: Reader, library: Any, project: str, mode: str) -> None:
        self._library, self._project, self._mode = library, project, mode
        # Not in the run directory: W&B makes links, which have no place there.
        self._config, self._id, self._folder = run.config, run.record["id"], run.path.parent
        self._known = {path.name.rpartition("-")[2] for path in self._folder.glob("wandb/*run-*")}
        self._runs: dict[Key, Any] = {}

    def has(self, key: Key) -> bool:
        return self._name(key) in self._known

    def evaluated(self, measurements: Sequence[Measurement]) -> None:
        for key, step, values in measurements:
            self._run(key).log(values, step=step)

    def trained(self, key: Key, step: int, results: dict[str, float]) -> None:  # noqa: ARG002
        run = self._run(key)
        run.summary.update(results)
        run.finish(exit_code=0)
        del self._runs[key]

    def close(self, status: str) -> None:
        for run in self._runs.values():
            run.finish(exit_code=0 if status == "finished" else 1)

    def _name(self, key: Key) -> str:
        return hashlib.sha256(f"{self._id}/{title(key)}".encode()).hexdigest()[:32]

    def _run(self, key: Key) -> Any:
        if key not in self._runs:
            self._runs[key] = self._library.init(
                dir=self._folder,
                project=self._project,
                group=self._id,
                job_type=key.arm,
                name=title(key),
                id=self._name(key),
                resume="allow",
                reinit="create_new",
                mode=self._mode,
                config=hyperparameters(self._config, key),
                settings=self._library.Settings(console="off", **_QUIET),
            )
        return self._runs[key]
