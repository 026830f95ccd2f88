"""TensorBoard."""

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from lottery.networks.key import Key
from lottery.store.folders import own_folder
from lottery.store.reader import Reader
from lottery.trackers import Measurement, Tracker, hyperparameters, title


def tensorboard(run: Reader) -> Tracker:
    """Write event files in the run directory, a folder for each network, for `tensorboard --logdir runs`."""
    return _TensorBoard(run)


class _TensorBoard:
    """Curves of networks lie over one another: all have the same tags, each its own folder. HPARAMS compares results.

    Files are opened anew for each evaluation: no thread and no open file for each of maybe thousands of networks, and
    a killed process loses nothing of what it wrote.
    """

    def __init__(self, run: Reader) -> None:
        from tensorboard.compat.proto import event_pb2, summary_pb2
        from tensorboard.plugins.hparams import summary_v2
        from tensorboard.summary.writer.record_writer import RecordWriter

        self._event, self._summary, self._hparams, self._writer = event_pb2, summary_pb2, summary_v2, RecordWriter
        self._config, self._id, self._folder = run.config, run.record["id"], own_folder(run.path, "tensorboard")
        self._trained = {Key.of(line) for line in run.levels()}
        self._paths: dict[Key, Path] = {}

    def has(self, key: Key) -> bool:
        return key in self._trained and (self._folder / title(key)).is_dir()

    def evaluated(self, measurements: Sequence[Measurement]) -> None:
        for key, step, values in measurements:
            self._write(key, step, [self._scalars(values)])

    def trained(self, key: Key, step: int, results: dict[str, float]) -> None:
        start = self._hparams.hparams_pb(hyperparameters(self._config, key), trial_id=f"{self._id}/{title(key)}")
        self._write(key, step, [self._scalars(results), start])

    def close(self, status: str) -> None:
        """Do nothing: no file is open."""

    def _scalars(self, values: dict[str, float]) -> Any:
        value = self._summary.Summary.Value
        return self._summary.Summary(value=[value(tag=tag, simple_value=number) for tag, number in values.items()])

    def _write(self, key: Key, step: int, summaries: Sequence[Any]) -> None:
        event, now = self._event.Event, time.time()
        events = [event(wall_time=now, step=step, summary=summary) for summary in summaries]
        if key not in self._paths:
            folder = self._folder / title(key)
            folder.mkdir(parents=True, exist_ok=True)
            # Readers go through files in the order of their names, as of times.
            self._paths[key] = folder / f"events.out.tfevents.{time.time_ns()}.lottery"
            # What an earlier process wrote from this step on, before it was killed, doesn't count.
            again = self._event.SessionLog(status=self._event.SessionLog.START)
            version = event(wall_time=now, file_version="brain.Event:2")
            events = [version, event(wall_time=now, step=step, session_log=again), *events]
        with self._paths[key].open("ab") as file:
            writer = self._writer(file)
            for one in events:
                writer.write(one.SerializeToString())
