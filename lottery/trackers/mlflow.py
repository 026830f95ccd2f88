"""MLflow."""

import os
import re
import time
from collections.abc import Sequence
from typing import Any

from lottery.networks.key import Key
from lottery.store.reader import Reader
from lottery.trackers import Measurement, Tracker, hyperparameters, title

_ENVIRONMENT = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_LOGGING_LEVEL": "WARNING",
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "2",  # training waits meanwhile
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "10",
}
"""What holds where the user's environment says nothing else."""

_SECONDS_BETWEEN_WRITES = 10.0
"""A write takes a database some 20 ms, whether of one number or of a thousand."""
_MOST_METRICS = 1000
"""That MLflow takes at once; and parameters:"""
_MOST_PARAMETERS = 100

_STATUS = {"finished": "FINISHED", "interrupted": "KILLED", "failed": "FAILED"}
_STUDY = "study"


def mlflow(run: Reader, *, experiment: str = "lottery") -> Tracker:
    """Open a run for the study and below it one for each network, in a database beside the run directories.

    Where MLFLOW_TRACKING_URI is set, there: that is a matter of the machine, not of the study, and no config that
    somebody sent says where to.

    Args:
        run: to be tracked.
        experiment: its name in MLflow; made if need be.
    """
    for key, value in _ENVIRONMENT.items():
        os.environ.setdefault(key, value)
    from mlflow import MlflowClient

    store = os.environ.get("MLFLOW_TRACKING_URI") or f"sqlite:///{run.path.resolve().parent / 'mlflow.db'}"
    return _MLflow(run, MlflowClient(store), experiment)


class _MLflow:
    """Child runs, because runs are what MLflow's tables filter, sort and compare; curves have the same names in all.

    Runs are found again by their tags, so a resumed study goes on in the same ones.
    """

    def __init__(self, run: Reader, client: Any, experiment: str) -> None:
        self._client, self._config, self._id = client, run.config, run.record["id"]
        known = client.get_experiment_by_name(experiment)
        self._experiment = known.experiment_id if known else client.create_experiment(experiment)
        found = client.search_runs([self._experiment], f"tags.`lottery.run` = '{self._id}'", max_results=50_000)
        self._runs = {one.data.tags["lottery.network"]: one.info.run_id for one in found}
        self._done = {one.data.tags["lottery.network"] for one in found if one.info.status == "FINISHED"}
        self._last: dict[Key, int] = {}
        self._waiting: dict[Key, list[Any]] = {}
        self._written = time.monotonic()
        if _STUDY in self._runs:
            client.update_run(self._runs[_STUDY], status="RUNNING")
        else:
            self._create(_STUDY, run.path.name, {}, hyperparameters(self._config))

    def has(self, key: Key) -> bool:
        return title(key) in self._done

    def evaluated(self, measurements: Sequence[Measurement]) -> None:
        for key, step, values in measurements:
            if not self.has(key) and step > self._last_step(key):
                self._add(key, step, values)
        if time.monotonic() > self._written + _SECONDS_BETWEEN_WRITES:
            self._write()

    def trained(self, key: Key, step: int, results: dict[str, float]) -> None:
        if not self.has(key):
            self._last_step(key)
            self._add(key, step, results)
            self._write()
            self._client.set_terminated(self._runs[title(key)], "FINISHED")
            self._done.add(title(key))

    def close(self, status: str) -> None:
        self._write()
        for name in (*(title(key) for key in self._last if not self.has(key)), _STUDY):
            self._client.set_terminated(self._runs[name], _STATUS.get(status, "FAILED"))

    def _last_step(self, key: Key) -> int:
        """Return the step up to which a network's curves are there; its run is made, or taken up again."""
        if key not in self._last:
            name = title(key)
            if name in self._runs:
                self._client.update_run(self._runs[name], status="RUNNING")
                history = self._client.get_metric_history(self._runs[name], "lr")
                self._last[key] = max((metric.step for metric in history), default=-1)
            else:
                parent = {"mlflow.parentRunId": self._runs[_STUDY]}
                self._create(name, name, parent, hyperparameters(self._config, key))
                self._last[key] = -1
        return self._last[key]

    def _create(self, name: str, shown: str, tags: dict[str, str], parameters: dict[str, Any]) -> None:
        from mlflow.entities import Param

        tags |= {"lottery.run": self._id, "lottery.network": name}
        run_id = self._client.create_run(self._experiment, tags=tags, run_name=shown).info.run_id
        # Name patterns of layers are keys, too, and MLflow takes no `*`.
        entries = [Param(re.sub(r"[^\w./ -]", "_", name), str(value)) for name, value in parameters.items()]
        for first in range(0, len(entries), _MOST_PARAMETERS):
            self._client.log_batch(run_id, params=entries[first : first + _MOST_PARAMETERS])
        self._runs[name] = run_id

    def _add(self, key: Key, step: int, values: dict[str, float]) -> None:
        from mlflow.entities import Metric

        now = round(time.time() * 1000)
        self._waiting.setdefault(key, []).extend(Metric(name, value, now, step) for name, value in values.items())

    def _write(self) -> None:
        for key, metrics in self._waiting.items():
            for first in range(0, len(metrics), _MOST_METRICS):
                self._client.log_batch(self._runs[title(key)], metrics=metrics[first : first + _MOST_METRICS])
        self._waiting, self._written = {}, time.monotonic()
