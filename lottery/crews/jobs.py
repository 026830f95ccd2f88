"""What is said between whoever carries out a study and whoever trains a chunk: jobs, and the events they end in."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from torch import Tensor

from lottery.networks.network import Network, State
from lottery.store.findings import Probing
from lottery.store.records import Evaluation, Execution
from lottery.training.counts import Cost
from lottery.training.recipe import Member


@dataclass(frozen=True)
class Checkpoint:
    """A checkpoint holds a chunk on its way: the trainer's state, and the seconds of training behind it."""

    tensors: dict[str, Tensor]
    seconds: float

    @property
    def step(self) -> int:
        """Return the steps behind it, in the schedule's count."""
        return int(self.tensors["step"])


@dataclass(frozen=True)
class Job:
    """A job is a chunk to train.

    Attributes:
        members: whom to train, of one level and one recipe.
        networks: what they start from.
        kept_steps: steps at which their states are asked for.
        checkpoint: where to go on from, if not from the start.
        optima: of each replicate, what rounds before were trained to, for penalties that ask: see `lottery.penalties`.
    """

    members: list[Member]
    networks: list[Network]
    execution: Execution
    kept_steps: list[int]
    checkpoint: Checkpoint | None = None
    optima: Mapping[int, Mapping[str, Tensor]] = field(default_factory=dict)

    @property
    def level(self) -> int:
        """Return the level of its members."""
        return self.members[0].key.level

    @property
    def name(self) -> str:
        """Return a name that no other chunk of the study has."""
        replicate, level, arm, order = self.members[0].key
        return f"level-{level:02d}-{arm}-{replicate}" + (f"-order-{order}" if order else "")


@dataclass(frozen=True)
class Advanced:
    """A sign of life: so many more steps are done."""

    steps: int


@dataclass(frozen=True)
class Evaluated:
    """The members were evaluated: lines for `metrics.jsonl`."""

    lines: list[Evaluation]


@dataclass(frozen=True)
class Probed:
    """The members were probed: lines for `probes.jsonl`."""

    lines: list[Probing]


@dataclass(frozen=True)
class Passed:
    """The members came to a step at which their states are asked for."""

    step: int
    states: list[State]


@dataclass(frozen=True)
class Saved:
    """The chunk goes on, and this is how far it is."""

    checkpoint: Checkpoint


@dataclass(frozen=True)
class Stopped:
    """The chunk was asked to stop, and this is how far it got."""

    checkpoint: Checkpoint


@dataclass(frozen=True)
class Trained:
    """The chunk is done.

    Attributes:
        networks: as they were trained to.
        seconds: of training, that they took together.
        diverged: each network's step at which its loss was first no finite number, or None.
        costs: what each one's training took.
    """

    networks: list[Network]
    seconds: float
    diverged: list[int | None]
    costs: list[Cost]


@dataclass(frozen=True)
class Timed:
    """The chunk was only timed: seconds of its start, a step, an evaluation, what moving masks adds to a step, probes.

    Those of a probe are of asking it once of each of the chunk's networks.
    """

    start: float
    step: float
    evaluation: float
    move: float = 0.0
    probes: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class OutOfMemory:
    """The chunk could not be trained: there is no room for all of its members, or not even for one."""

    reason: str


Event = Advanced | Evaluated | Probed | Passed | Saved | Stopped | Trained | Timed | OutOfMemory
LAST = (Stopped, Trained, Timed, OutOfMemory)
"""Kinds of the event that a chunk ends with."""

Stop = Callable[[], bool]
"""Whether to stop; asked between two steps."""

Trains = Callable[[Job, Stop], Iterator[Event]]
"""How a chunk is trained: to its end, or until asked to stop; the last event says which."""

NextJob = Callable[[], Job | None]
"""A chunk that can be trained now; None where there is none. Asked again whenever another chunk is done."""


class Crew(Protocol):
    """A crew trains chunks; only its parent writes."""

    def train(self, next_job: NextJob, stop: Stop) -> Iterator[tuple[Job, Event]]:
        """Train chunks until there are no more, or as far as `stop` allows; their events, each chunk's in order."""
