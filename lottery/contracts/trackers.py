"""What a tracker must fulfil."""

import hashlib
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import torch

from lottery.config.schema import Config
from lottery.contracts.contract import Candidate, require
from lottery.contracts.guards import untouched
from lottery.networks.key import Key
from lottery.networks.network import Network
from lottery.store.records import Evaluation, Measured, Measures, Summary
from lottery.store.run import Run
from lottery.trackers import Tracker, measurements, results

_KEYS = (Key(0, 0, "dense"), Key(0, 1, "ticket"))
_METHODS = ("has", "evaluated", "trained", "close")


def is_a_tracker(given: Candidate) -> None:
    """A tracker has the methods has, evaluated, trained and close."""
    with _run() as run:
        tracker = given(run)
        lacking = [name for name in _METHODS if not callable(getattr(tracker, name, None))]
        require(
            not lacking, f"it returns a {type(tracker).__name__} without {', '.join(lacking)}; see lottery.trackers"
        )
        tracker.close("interrupted")


def follows_a_study(given: Candidate) -> None:
    """A tracker takes what is measured while a study trains, is closed, and opened again when it is resumed."""
    with _run() as run:
        for key in _KEYS:
            tracker: Tracker = given(run)
            for other in _KEYS:
                known = tracker.has(other)
                require(isinstance(known, bool), f"has returns a {type(known).__name__}; return whether it has it")
            tracker.evaluated([])  # as where there is nothing to catch up with
            _train(run, tracker, key)
            tracker.close("finished" if key == _KEYS[-1] else "interrupted")


def leaves_the_run_alone(given: Candidate) -> None:
    """A tracker changes none of the run's own files, nor the global random state."""
    with _run() as run:
        before = _digests(run.path)
        with untouched():
            tracker: Tracker = given(run)
            tracker.evaluated(measurements([_evaluation(_KEYS[0], 10)]))
            tracker.trained(_KEYS[0], 20, results(_summary(_KEYS[0])))
            tracker.close("finished")
        after = _digests(run.path)
        changed = [name for name, digest in before.items() if after.get(name) != digest]
        require(not changed, f"{', '.join(changed)} is changed; keep files of its own in a folder of its own")


@contextmanager
def _run() -> Iterator[Run]:
    """Provide a run that nothing is trained of."""
    with TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # as while a study trains: a library's are for those who program with it
        yield Run.create(
            Path(folder),
            Config.model_validate({"name": "contract", "data": "digits", "model": "fcn"}),
            {"study": "prune"},
        )


def _train(run: Run, tracker: Tracker, key: Key) -> None:
    """Write what a study writes of one network, and tell a tracker of it."""
    for step in (10, 20):
        run.append_metrics([_evaluation(key, step)])
        tracker.evaluated(measurements([_evaluation(key, step)]))
    network = Network({"weight": torch.zeros(1)}, {"weight": torch.ones(1, dtype=torch.bool)})
    run.write_network(network, _summary(key))
    run.append_levels([_summary(key)])
    tracker.trained(key, 20, results(_summary(key)))


def _digests(folder: Path) -> dict[str, str]:
    files = [path for path in folder.rglob("*") if path.is_file()]
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def _measures() -> Measures:
    return {"accuracy": {"value": 0.5, "right": 50, "of": 100}}


def _evaluation(key: Key, step: int) -> Evaluation:
    return {
        "replicate": key.replicate, "level": key.level, "arm": key.arm, "order": key.order, "step": step,
        "epoch": step / 10, "split": "test", "loss": 0.7, "metrics": _measures(), "lr": 0.1, "seconds": 1.0,
    }  # fmt: skip


def _summary(key: Key) -> Summary:
    measured: Measured = {"loss": 0.7, "metrics": _measures()}
    return {
        "replicate": key.replicate, "level": key.level, "arm": key.arm, "order": key.order, "density": 0.5,
        "nonzero": 5, "total": 10, "parameters": 12, "flops": 10, "dense_flops": 20, "start_step": 0, "stop_step": 20,
        "test": measured, "validation": measured, "early_stop": {"step": 10, "test": measured}, "evaluate_every": 10,
        "train_seconds": 1.5, "train_flops": 1000, "diverged": None, "collapsed": [],
    }  # fmt: skip


CHECKS = (is_a_tracker, follows_a_study, leaves_the_run_alone)
