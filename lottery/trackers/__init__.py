"""Trackers: `tracker(run, *, options)` opens one, for a run that has something left to train.

A tracker is a mirror for whoever looks on: what a run found stands in its directory, and no result is read from a
tracker. Its library is imported inside the function, so that it need not be installed. What it raises is caught by
`lottery.studies.mirror`, which warns and goes on without it.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from itertools import groupby
from typing import NamedTuple, Protocol

from lottery.config.schema import Config
from lottery.networks.key import Key
from lottery.store.flat import dotted, flat_summary
from lottery.store.records import Evaluation, Summary


class Measurement(NamedTuple):
    """What was measured of one network at one step: `test/accuracy`, `validation/loss`, `lr`, ... -> value."""

    key: Key
    step: int
    values: dict[str, float]


class Tracker(Protocol):
    """Where a study is mirrored. A network's measurements come in the order of their steps, each step once."""

    def has(self, key: Key) -> bool:
        """Return whether a network needs nothing of what the run directory already says of it."""

    def evaluated(self, measurements: Sequence[Measurement]) -> None:
        """Take what some networks measured at their evaluations."""

    def trained(self, key: Key, step: int, results: dict[str, float]) -> None:
        """Take what came of a network, whose training has ended at `step`."""

    def close(self, status: str) -> None:
        """Let go: the study stands still, being finished, interrupted or failed."""


def title(key: Key) -> str:
    """Return a network's name in trackers: `level-01/ticket/replicate-0`; another batch order's has one more part."""
    usual = f"level-{key.level:02d}/{key.arm}/replicate-{key.replicate}"
    return f"{usual}/order-{key.order}" if key.order else usual


def measurements(lines: Iterable[Evaluation]) -> list[Measurement]:
    """Return evaluations, those of one network at one step together; what is not a finite number is left out."""

    def place(line: Evaluation) -> tuple[Key, int]:
        return Key.of(line), line["step"]

    found = []
    for (key, step), own in groupby(sorted(lines, key=place), place):
        values: dict[str, float] = {}
        for line in own:
            measured = {"loss": line["loss"]} | {name: one["value"] for name, one in line["metrics"].items()}
            values |= _numbers({f"{line['split']}/{name}": value for name, value in measured.items()})
            values["lr"] = line["lr"]
        found.append(Measurement(key, step, values))
    return found


def results(summary: Summary) -> dict[str, float]:
    """Return what came of a trained network, as `final/test_accuracy`, ...: all numbers of its summary."""
    place = (*Key._fields, "start_step")
    return _numbers({f"final/{name}": value for name, value in flat_summary(summary).items() if name not in place})


def hyperparameters(config: Config, key: Key | None = None) -> dict[str, str | int | float | bool]:
    """Return a config with dotted keys, `train.optimizer.lr`; lists are JSON, what is not set is left out.

    Args:
        config: of the study.
        key: of one of its networks, which is then named too.
    """
    values = dotted(config.model_dump(mode="json", exclude={"trackers"}))
    found = {
        name: value if isinstance(value, str | int | float) else json.dumps(value)
        for name, value in values.items()
        if value is not None
    }
    return found | (key._asdict() if key else {})


def _numbers(values: Mapping[str, object]) -> dict[str, float]:
    return {key: value for key, value in values.items() if isinstance(value, int | float)}
