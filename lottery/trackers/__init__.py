"""Trackers: `tracker(run, *, options)` opens one, for a run that has something left to train.

A tracker is a mirror for whoever looks on: what a run found stands in its directory, and no result is read from a
tracker. Its library is imported inside the function, so that it need not be installed. What it raises is caught by
`lottery.studies.mirror`, which warns and goes on without it.
"""

import json
from collections.abc import Iterable, Sequence
from itertools import groupby
from typing import Any, NamedTuple, Protocol

from lottery.config.schema import Config
from lottery.store.files import Record


class NetworkName(NamedTuple):
    """One network of a study."""

    level: int
    arm: str
    replicate: int

    @classmethod
    def of(cls, record: Record) -> "NetworkName":
        """Whose evaluation, or whose summary, a record is."""
        return cls(record["level"], record["arm"], record["replicate"])

    def __str__(self) -> str:
        return f"level-{self.level:02d}/{self.arm}/replicate-{self.replicate}"


class Point(NamedTuple):
    """What was measured of one network at one step: `test/accuracy`, `validation/loss`, `lr`, ... -> value."""

    network: NetworkName
    step: int
    values: dict[str, float]


class Tracker(Protocol):
    """Where a study is mirrored. A network's points come in the order of their steps, each step once."""

    def has(self, network: NetworkName) -> bool:
        """Whether it needs nothing of what the run directory already says of a network."""

    def evaluated(self, points: Sequence[Point]) -> None:
        """Some networks were evaluated."""

    def trained(self, network: NetworkName, step: int, results: dict[str, float]) -> None:
        """A network is done, with training ending at `step`."""

    def close(self, status: str) -> None:
        """The study stands still: finished, interrupted or failed."""


def points(records: Iterable[Record]) -> list[Point]:
    """Evaluations, those of one network at one step together; what is not a finite number is left out."""

    def place(record: Record) -> tuple[NetworkName, int]:
        return NetworkName.of(record), record["step"]

    found = []
    for (network, step), lines in groupby(sorted(records, key=place), place):
        values: dict[str, Any] = {}
        for line in lines:
            values |= {f"{line['split']}/{key}": line[key] for key in ("loss", "accuracy")} | {"lr": line["lr"]}
        found.append(Point(network, step, _numbers(values)))
    return found


def results(summary: Record) -> dict[str, float]:
    """What came of a trained network, as `final/test_accuracy`, ...: all numbers of its summary."""
    place = (*NetworkName._fields, "start_step")
    return _numbers({f"final/{key}": value for key, value in summary.items() if key not in place})


def hyperparameters(config: Config, network: NetworkName | None = None) -> dict[str, str | int | float | bool]:
    """A config with dotted keys, `train.optimizer.lr`; lists are JSON, what is not set is left out; and which network.

    Args:
        config: of the study.
        network: one of its networks.
    """
    found: dict[str, str | int | float | bool] = {}

    def flatten(key: str, value: Any) -> None:
        if isinstance(value, dict):
            for name, part in value.items():
                flatten(f"{key}.{name}" if key else name, part)
        elif value is not None:
            found[key] = json.dumps(value) if isinstance(value, list) else value

    flatten("", config.model_dump(mode="json", exclude={"trackers"}))
    return found | (network._asdict() if network else {})


def _numbers(values: dict[str, Any]) -> dict[str, float]:
    return {key: value for key, value in values.items() if isinstance(value, int | float)}
