"""What is left of a study is told in seconds, from the pace that its chunks were measured at."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from lottery.networks.key import Key
from lottery.studies.turns import Piece, completions
from lottery.training.recipe import Member

_ENOUGH_SECONDS = 3.0
"""Of training that have to be measured before anything is said."""
_LATEST_SECONDS = 120.0
"""Of the latest chunks of a kind, by which its pace is told: one chunk's differs from the next, and machines get slower
and faster."""
_TRUST = 0.2
"""Of a chunk's steps, how many measured ones count as much as what is known of other kinds."""

_SCALING = 2 / 3
"""The power of its members by which a chunk's cost grows, before another size is measured: 15 stacked networks of
64-300-100-10 took 2.1 times as long as 5, 27 of 64-32-10 took 2.0 times as long as 9. Looped chunks have one member."""

Kind = tuple[bool, int]


@dataclass(frozen=True)
class Work:
    """Work is what of a study is left to train.

    Attributes:
        chunks: of members, in the order in which they are begun.
        hands: how many chunks are trained side by side at most.
        sources: network -> the one that has to be trained before it.
        every: steps between evaluations.
    """

    chunks: Sequence[Sequence[Member]]
    hands: int = 1
    sources: Mapping[Key, Key] = field(default_factory=dict)
    every: int = 1

    @property
    def members(self) -> list[Member]:
        """Return all members that are left to train."""
        return [member for chunk in self.chunks for member in chunk]


@dataclass
class _Chunk:
    """A chunk has seconds at which it was begun, first and last gave a sign; and steps done at these two."""

    members: list[Member]
    began: float = 0.0
    first: float | None = None
    latest: float = 0.0
    done: int = 0
    done_at_first: int = 0
    ended: bool = False

    @property
    def kind(self) -> Kind:
        """Return what chunks of equal pace have in common: whether they are dense, and how many go together."""
        return self.members[0].key.level == 0, len(self.members)

    @property
    def steps(self) -> int:
        return self.members[0].recipe.steps

    @property
    def head(self) -> float:
        """Return the seconds until the first sign: preparation, and the evaluation before the first step."""
        return 0.0 if self.first is None else self.first - self.began

    @property
    def measured(self) -> tuple[float, int]:
        """Return the seconds since the first sign, and the steps made in them."""
        return (0.0, 0) if self.first is None else (self.latest - self.first, self.done - self.done_at_first)


@dataclass(frozen=True)
class _Cost:
    """A chunk costs seconds before its first step, and seconds a step, evaluations included."""

    head: float
    step: float

    def scaled(self, factor: float) -> "_Cost":
        return _Cost(self.head * factor, self.step * factor)


class Pace:
    """A pace is measured chunk by chunk, and tells how long the rest takes.

    Chunks of one kind are taken to cost what the latest ones did. The rest is then handed out as the study does it,
    chunk by chunk to whoever is free, none before what it starts from is trained; so an end that leaves hands idle is
    counted as it is. What was done before this process counts as done, not as pace.
    """

    def __init__(self, work: Work, now: float) -> None:
        self._work = work
        self._waiting = [_Chunk(list(members)) for members in work.chunks]
        self._begun: list[_Chunk] = []
        self._turn = now  # when a chunk was last begun or done with: what comes next is prepared from then on

    def began(self, members: Sequence[Member], done: int, now: float) -> None:
        """Hear that a chunk is begun, of which so many steps are done; one that is begun anew lost what it did."""
        own = _keys(members)
        self._begun = [chunk for chunk in self._begun if chunk.ended or not _keys(chunk.members) & own]
        for chunk in self._waiting:
            chunk.members = [member for member in chunk.members if member.key not in own]
        self._waiting = [chunk for chunk in self._waiting if chunk.members]
        self._begun.append(_Chunk(list(members), began=self._turn, done=done))
        self._turn = now

    def advanced(self, members: Sequence[Member], steps: int, now: float) -> None:
        """Hear that a chunk made so many more steps."""
        chunk = self._under_way(members)
        chunk.done += steps
        chunk.latest = now
        if chunk.first is None:
            chunk.first, chunk.done_at_first = now, chunk.done

    def ended(self, members: Sequence[Member], now: float) -> None:
        """Hear that a chunk is trained."""
        chunk = self._under_way(members)
        chunk.latest = self._turn = now
        chunk.done, chunk.ended = chunk.steps, True

    def seconds_left(self) -> float | None:
        """Return the seconds until all is trained, as far as it is known; None where too little was measured."""
        costs = self._costs()
        if not costs or sum(chunk.head + chunk.measured[0] for chunk in self._begun) < _ENOUGH_SECONDS:
            return None
        running = [
            _piece(chunk, (_cost(chunk.kind, costs).head if chunk.first is None else 0.0), costs)
            for chunk in self._begun
            if not chunk.ended
        ]
        waiting = [_piece(chunk, _cost(chunk.kind, costs).head, costs) for chunk in self._waiting]
        ends = completions(running, waiting, self._work.hands, self._work.sources)
        return max((end for end, _ in ends), default=0.0)

    def _costs(self) -> dict[Kind, _Cost]:
        """Return what chunks of each kind that was measured cost."""
        latest: dict[Kind, list[_Chunk]] = defaultdict(list)
        seconds: dict[Kind, float] = defaultdict(float)
        for chunk in reversed(self._begun):
            if chunk.measured[1] and seconds[chunk.kind] < _LATEST_SECONDS * self._work.hands:
                latest[chunk.kind].append(chunk)
                seconds[chunk.kind] += chunk.measured[0]
        own = {kind: self._mean(chunks) for kind, chunks in latest.items()}
        costs = dict(own)
        for kind, chunks in latest.items():
            others = {other: cost for other, cost in own.items() if other != kind}
            if others:
                steps = sum(chunk.measured[1] for chunk in chunks)
                share = steps / (steps + _TRUST * chunks[0].steps)
                step = share * own[kind].step + (1 - share) * _cost(kind, others).step
                costs[kind] = _Cost(own[kind].head, step)
        return costs

    def _mean(self, chunks: Sequence[_Chunk]) -> _Cost:
        """Return the mean cost of chunks of one kind."""
        head = sum(chunk.head for chunk in chunks) / len(chunks)
        seconds, steps = (sum(part) for part in zip(*(chunk.measured for chunk in chunks), strict=True))
        every = self._work.every
        # The next evaluation counts by the share of its steps that are done; it takes as long as the beginning did.
        due = sum(chunk.head * ((chunk.measured[1] - 1) % every + 1) / every for chunk in chunks if not chunk.ended)
        return _Cost(head, (seconds + due) / steps)

    def _under_way(self, members: Sequence[Member]) -> _Chunk:
        key = members[0].key
        return next(chunk for chunk in reversed(self._begun) if key in _keys(chunk.members))


def _cost(kind: Kind, costs: Mapping[Kind, _Cost]) -> _Cost:
    """Return what a chunk of a kind costs: as measured, or from the kind that is most like it, by its members."""
    if kind in costs:
        return costs[kind]
    dense, size = kind
    nearest = min(costs, key=lambda other: (other[0] != dense, abs(other[1] - size)))
    return costs[nearest].scaled((size / nearest[1]) ** _SCALING)


def _piece(chunk: _Chunk, head: float, costs: Mapping[Kind, _Cost]) -> Piece:
    rest = head + (chunk.steps - chunk.done) * _cost(chunk.kind, costs).step
    return Piece(rest, frozenset(_keys(chunk.members)))


def _keys(members: Iterable[Member]) -> set[Key]:
    return {member.key for member in members}
