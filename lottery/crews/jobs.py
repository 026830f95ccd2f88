"""What is said between whoever carries out a study and whoever trains a chunk of it: jobs, and the events they end in.

They are pickled where a worker process trains.
"""

from dataclasses import dataclass

from torch import Tensor

from lottery.networks.cohort import Network, State
from lottery.store.files import Record
from lottery.studies.plan import Member


@dataclass(frozen=True)
class Checkpoint:
    """A chunk on its way: the trainer's state, and the seconds of training behind it."""

    tensors: dict[str, Tensor]
    seconds: float

    @property
    def step(self) -> int:
        """Steps behind it, in the schedule's count."""
        return int(self.tensors["step"])


@dataclass(frozen=True)
class Job:
    """A chunk to train.

    Attributes:
        level: number of the level.
        members: whom to train; they start and stop at the same steps.
        networks: what they start from.
        execution: stacked or looped.
        snapshots: steps at which their states are asked for.
        evaluated: whether they are evaluated on their way and at its end.
        checkpoint: where to go on from, if not from the start.
    """

    level: int
    members: list[Member]
    networks: list[Network]
    execution: str
    snapshots: list[int]
    evaluated: bool = True
    checkpoint: Checkpoint | None = None


@dataclass(frozen=True)
class Advanced:
    """A sign of life: so many more steps are done."""

    steps: int


@dataclass(frozen=True)
class Evaluated:
    """Lines for `metrics.jsonl`."""

    records: list[Record]


@dataclass(frozen=True)
class Passed:
    """A step whose states were asked for."""

    step: int
    states: list[State]


@dataclass(frozen=True)
class Saved:
    """On its way, and how far it is."""

    checkpoint: Checkpoint


@dataclass(frozen=True)
class Stopped:
    """Asked to stop, and how far it got."""

    checkpoint: Checkpoint


@dataclass(frozen=True)
class Trained:
    """Done: the trained networks, the seconds of training that they took together, who diverged at which step, and what
    else is to be said of each.
    """

    networks: list[Network]
    seconds: float
    diverged: list[int | None]
    details: list[Record]


@dataclass(frozen=True)
class OutOfMemory:
    """It could not be trained: there is no room for all of its members, or not even for one."""

    reason: str


Event = Advanced | Evaluated | Passed | Saved | Stopped | Trained | OutOfMemory
LAST = (Stopped, Trained, OutOfMemory)
"""Kinds of the event that a chunk ends with."""
