"""The finished networks of a run, opened read only, as analyses are given them."""

from collections.abc import Callable, Collection
from dataclasses import replace
from functools import cached_property
from typing import Self

from lottery import escape, words
from lottery.arms import EARLY, is_main
from lottery.config.schema import Config
from lottery.errors import LotteryError
from lottery.networks.key import Key
from lottery.networks.network import Network, State
from lottery.networks.subject import Subject
from lottery.registry import names, suggestion
from lottery.store.finding import find_parent
from lottery.store.reader import Reader
from lottery.store.records import Summary
from lottery.streams import message
from lottery.studies.kinds import study_of
from lottery.studies.setting import Setting
from lottery.studies.study import Study
from lottery.studies.subjects import subject_of


class Lacking(LotteryError):
    """Something that an analysis asks for was never made; the message says what makes it."""


class Trained:
    """The networks of a run that were trained to their end, without those that diverged.

    Tensors are read when they are asked for; data are loaded, and the network built, when something needs them.

    Attributes:
        run: where they stand.
        lines: name -> what is kept of each besides its tensors: density, steps, how it did.
        keys: their names, in the order of replicate, level, arm, order.
    """

    run: Reader
    lines: dict[Key, Summary]
    keys: list[Key]

    def __init__(self, run: Reader, make: Callable[[Reader], Setting]) -> None:
        """Open the networks of a run.

        Args:
            run: which may still be under way.
            make: makes the config of a run real, where data or the network are asked for.
        """
        self.run, self._make, self._noted = run, make, set[str]()
        own = {Key.of(line): line for line in run.levels() if line["diverged"] is None and line["arm"] != EARLY}
        self.lines = dict(sorted(own.items()))
        self.keys = list(self.lines)

    @cached_property
    def config(self) -> Config:
        """The run's config, read once."""
        return self.run.config

    @cached_property
    def setting(self) -> Setting:
        """The run's config made real: its data, its architecture, its task."""
        return self._make(self.run)

    @cached_property
    def study(self) -> Study:
        """The run's study, planned anew."""
        return study_of(self.run, self.setting)

    @property
    def parent(self) -> Self:
        """The networks of the run that this one retrains; raises LotteryError where it isn't there any more."""
        if isinstance(self._parent, LotteryError):
            raise self._parent
        return self._parent

    @cached_property
    def _parent(self) -> Self | LotteryError:
        try:
            return type(self)(find_parent(self.run), self._make)
        except LotteryError as error:
            return LotteryError(f"{error}; the pruning solution of {self.run.path} stands in its parent")

    def note(self, text: str) -> None:
        """Tell whoever looks on what is left out, and why; the same once."""
        if text not in self._noted:
            self._noted.add(text)
            message(text)

    def among(self, levels: Collection[int] = (), arms: Collection[str] = ()) -> list[Key]:
        """Return the networks of some levels and arms, of all where none are named; in the order of `keys`.

        Raises:
            Lacking: one that is named isn't there.
        """
        there = sorted({key.level for key in self.keys})
        for level in levels:
            if level not in there:
                raise Lacking(f"{self.run.path} has no level {level}, but {words.of_levels(there)}{self._more(level)}")
        own = list(dict.fromkeys(key.arm for key in self.keys))
        for arm in arms:
            if arm not in own:
                raise Lacking(
                    f"{self.run.path} has no {escape.shown(arm)}{suggestion(arm, own)}, but {', '.join(own)}"
                    + (f"; `pruning.arms: [{arm}]` trains it, in a run of its own" if arm in names("arms") else "")
                )
        return [key for key in self.keys if (not levels or key.level in levels) and (not arms or key.arm in arms)]

    def _more(self, level: int) -> str:
        """Return how a run gets a level that it doesn't have, if it can be extended by it."""
        rounds = level - self.config.pruning.iterations
        if self.run.record["study"] != "prune" or not 1 <= rounds <= 1000:  # more than may be asked for
            return ""
        return f"; {go_on(self.run, f'prune RUN --iterations {rounds}')} adds it"

    def main(self, replicate: int, level: int) -> Key | None:
        """Return the network, in its usual order, that a level is about; None where it isn't there."""
        own = (key for key in self.keys if key[:2] == (replicate, level) and is_main(key.arm) and not key.order)
        return next(own, None)

    def copies(self, key: Key) -> list[Key]:
        """Return the trainings that differ from a network's in the order of batches alone, and itself.

        They have its replicate, level and arm, and started at the same step.
        """
        start = self.lines[key]["start_step"]
        return [one for one in self.keys if one[:3] == key[:3] and self.lines[one]["start_step"] == start]

    def end(self, key: Key) -> Network:
        """Return a network as it was trained to, on the CPU; its weights are zero where it is pruned."""
        return Network(self.run.read_weights(key), self.run.read_mask(key))

    def start(self, key: Key) -> Network:
        """Return what a network's training started from, on the CPU, under the mask that it had there."""
        member = next(member for level in self.study.levels for member in level.members if member.key == key)
        return _masked(self.study.network(self.run, member))

    def initial(self, replicate: int) -> State:
        """Return a replicate's dense network at initialization, on the CPU."""
        dense = Key(replicate, 0, "dense")
        return self.run.read_state(dense, 0) if self.run.has_state(dense, 0) else self.setting.initial(replicate)

    def has_solution(self, key: Key) -> bool:
        """Return whether a network's level has a pruning solution, in this run or the one that it retrains."""
        if self.run.record.get("parent") is not None:
            return self.parent.has_solution(self._in_parent(key))
        sparse = self.config.sparse
        made = bool(key.level) and (sparse is None or "dense_start" in sparse.topology.traits)
        return made and self.main(key.replicate, key.level) is not None

    def solution(self, key: Key) -> Network:
        """Return the pruning solution of a network's level: the weights that its ticket's mask was chosen from, masked.

        Those are what the round before was trained to; where masks moved while training went from dense to sparse, the
        end of that training itself (Evci et al. 2022). Of a run that retrains another's, they stand in that one.

        Raises:
            Lacking: the level's masks were not made by pruning what was trained.
            LotteryError: the parent isn't there.
        """
        if self.run.record.get("parent") is not None:
            return self.parent.solution(self._in_parent(key))
        main = self.main(key.replicate, key.level)
        sparse = self.config.sparse
        if main is None or not self.has_solution(key):
            raise Lacking(
                f"{self.run.path}: {key} has no pruning solution: no trained network was pruned to its mask; take a "
                "run of `lottery prune`, or of `topology: gradual`, or one rewound from such a run"
            )
        if sparse:
            return self.end(main)
        return _masked(Network(self.source(key).state, self.run.read_mask(main)))

    def pruned(self, levels: Collection[int] = (), arms: Collection[str] = ()) -> list[Key]:
        """Return the networks of some levels and arms, in their usual order, that have a `source`.

        Raises:
            Lacking: a level or arm that is named isn't there, or none of these networks has a source.
        """
        found = [key for key in self.among(levels, arms) if not key.order and self._has_source(key)]
        if not found:
            raise Lacking(f"{self.run.path}: no mask of these networks was pruned from a trained one{self._have()}")
        return found

    def _have(self) -> str:
        """Return where there are masks that were pruned from a trained network, or what makes some."""
        if have := sorted({key.level for key in self.keys if self._has_source(key)}):
            return f", but those of {words.of_levels(have)} were"
        if self.config.sparse is not None:
            return "; take a run of `lottery prune CONFIG`, or what `lottery rewind` makes of one"
        if self.run.record.get("parent") is not None:
            return f"; {go_on(self.parent.run, 'rewind RUN --level 1')} makes some"
        return f"; {go_on(self.run, 'prune RUN --iterations 1')} makes some"

    def _has_source(self, key: Key) -> bool:
        if self.run.record.get("parent") is not None:
            return self.parent._has_source(self._in_parent(key))
        return self.has_solution(key) and self.config.sparse is None

    def source(self, key: Key) -> Network:
        """Return the trained network that a level's mask was chosen from, with all weights that its own mask keeps.

        Raises:
            Lacking: there is none, as where masks move while training goes on.
            LotteryError: the parent isn't there.
        """
        if self.run.record.get("parent") is not None:
            return self.parent.source(self._in_parent(key))
        main = self.main(key.replicate, key.level)
        before = self.study.source(main) if main is not None and self._has_source(key) else None
        if before is None:
            raise Lacking(f"{self.run.path}: {key} has a mask that no trained network was pruned to{self._have()}")
        return Network(self.run.read_weights(before), self.run.read_mask(before))

    def _in_parent(self, key: Key) -> Key:
        level = self.run.record["rewind"]["level"] if "rewind" in self.run.record else key.level
        return key._replace(level=level, order=0)

    def subject(self, key: Key, network: Network, images: int | None = None) -> Subject:
        """Return a network as whoever looks at it is given it, on the run's device.

        Args:
            key: whose initialization and training images go with it.
            network: to look at: a trained one, or any of its names and shapes.
            images: how many training images `subject.images()` returns, always the same; None: all of the replicate's.
        """
        first = {name: value for name, value in self.initial(key.replicate).items() if name in network.mask}
        subject = subject_of(self.setting, network, key.replicate, initial=first)
        sample = subject.sample
        assert sample is not None

        def limited(count: int | None, per_class: int | None) -> tuple:  # type: ignore[type-arg]
            return sample(images if count is None and per_class is None else count, per_class)

        return replace(subject, sample=limited)


def go_on(run: Reader, command: str) -> str:
    """Return a command on a run as a user types it: of `rewind RUN --level 1`, `lottery rewind runs/... --level 1`."""
    return f"lottery {command.replace('RUN', escape.shell(run.path))}"


def _masked(network: Network) -> Network:
    masked = {name: network.state[name] * mask for name, mask in network.mask.items()}
    return Network(network.state | masked, network.mask)
