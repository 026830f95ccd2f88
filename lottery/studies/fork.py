"""Train networks of a finished run anew, and copies that leave them on their way: how early is the outcome settled?"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Self

from lottery.config.schema import MOST_ORDERS, Config
from lottery.config.values import Duration
from lottery.errors import LotteryError
from lottery.networks.key import Key
from lottery.networks.network import Network
from lottery.registry import suggestion
from lottery.store.reader import Reader
from lottery.store.run import Run
from lottery.studies.plan import Level
from lottery.studies.prune import Prune
from lottery.studies.same_data import refuse_other_data
from lottery.studies.setting import Setting
from lottery.studies.starts import check_trained, parent_of
from lottery.studies.study import Study
from lottery.studies.train import Train
from lottery.training.recipe import Member


@dataclass(frozen=True)
class Forked:
    """What is forked, and where.

    Attributes:
        levels: of the parent run.
        arms: at each level those of them that it has.
        at: steps of the schedule at which copies leave a network.
        copies: at each of these steps.
    """

    levels: Sequence[int]
    arms: Sequence[str]
    at: Sequence[int]
    copies: int

    def __post_init__(self) -> None:
        for what, values in (("level", self.levels), ("arm", self.arms), ("at", self.at)):
            if not values or len(set(values)) < len(values):
                raise LotteryError(f"{what}: name each once, and at least one")
        if not 1 <= self.copies <= (MOST_ORDERS - 1) // len(self.at):
            raise LotteryError(
                f"orders: {self.copies} at each of {len(self.at)} steps are none, or more than anybody asks for"
            )

    def record(self) -> dict[str, object]:
        """Return what a run says of it."""
        return {key: list(value) if isinstance(value, tuple) else value for key, value in asdict(self).items()}


@dataclass(frozen=True)
class Wanted:
    """What is to be forked, as users say it.

    Attributes:
        arms: None: the main one of each level.
        at: `0it`, `3ep`, ...
    """

    levels: Sequence[int]
    arms: Sequence[str] | None
    at: Sequence[str]

    def forked(self, setting: Setting, copies: int) -> Forked:
        """Return the same in steps; raise LotteryError where it can't be had."""
        try:
            steps = tuple(Duration.parse(text).steps(setting.epoch) for text in self.at)
        except ValueError as error:
            raise LotteryError(f"at: {error}") from None
        main = dict.fromkeys(setting.main(0, level).arm for level in self.levels)
        return Forked(tuple(self.levels), tuple(main if self.arms is None else self.arms), steps, copies)


class Fork(Study):
    """Networks of a parent run, and copies of them from some steps on, which differ in the order of batches alone.

    That is instability analysis (Frankle et al. 2020). Order 0 is the network trained anew from its start. Copy c of
    the step at position i is order 1 + i * copies + c: it has the weights that order 0 had there, slots of zero, and an
    order of batches of its own. Copies of one step are equal but for that.
    """

    name = "fork"
    questions = Train.questions

    def __init__(self, setting: Setting, forked: Forked) -> None:
        """Plan the networks and their copies.

        Raises:
            LotteryError: the config has no such level or arm, or a step lies outside a network's training.
        """
        self._base: Study = _base(setting, forked)
        there = {level.number: level for level in self._base.levels}
        levels = []
        for number in sorted(forked.levels):
            if number not in there:
                raise LotteryError(f"level: there is no level {number}; there are {', '.join(map(str, there))}")
            own = [member for member in there[number].members if member.key.arm in forked.arms]
            if not own:
                arms = list(dict.fromkeys(member.key.arm for member in there[number].members))
                asked = f"{' or '.join(forked.arms)}{suggestion(forked.arms[0], arms)}"
                raise LotteryError(f"arm: level {number} has no {asked}; it has {', '.join(arms)}")
            for member in own:
                _check_steps(setting, member, forked.at)
            copies = [
                Member(member.key._replace(order=1 + place * forked.copies + copy), replace(member.recipe, start=step))
                for place, step in enumerate(forked.at)
                for copy in range(forked.copies)
                for member in own
            ]
            levels.append(replace(there[number], members=(*own, *copies)))
        if unknown := set(forked.arms) - {member.key.arm for level in levels for member in level.members}:
            raise LotteryError(f"arm: these levels have no {', '.join(sorted(unknown))}")
        super().__init__(setting, levels)
        self._steps = {member.key: member.recipe.start for level in levels for member in level.members}
        self._at = sorted(forked.at)
        self._starts: dict[Key, Network] = {}
        """What networks start from, where the parent alone knows, until it is kept in a run."""

    @classmethod
    def of_parent(cls, parent: Reader, setting: Setting, forked: Forked) -> Self:
        """Return the study that forks networks of a parent run, which are all there.

        Raises:
            LotteryError: the parent lacks one, or was made of other data, or a step lies outside training.
        """
        refuse_other_data(parent, setting.config.data, setting.about_data)
        study = cls(setting, forked)
        for level in study.levels:
            for arm in dict.fromkeys(member.key.arm for member in level.members):
                check_trained(parent, [key for key in study._originals(level) if key.arm == arm])
        return study

    @classmethod
    def of_run(cls, run: Reader, setting: Setting) -> Self:
        """Return the study of a run that was made by `lottery fork`; where it lacks something, its parent is read.

        Raises:
            LotteryError: `run.json` asks for what can't be; or the parent isn't there any more, or can't be read.
        """
        forked = Forked(**run.record["fork"])
        try:
            study = cls(setting, forked)
        except LotteryError as error:
            raise LotteryError(
                f"{run.path / 'run.json'}: fork: {error}; make the run anew with `lottery fork`"
            ) from None
        if all(map(run.has_mask, study._laid_down())):
            return study
        with parent_of(run) as parent:
            study = cls.of_parent(parent, setting, forked)
            study.read(parent)
        return study

    @staticmethod
    def _originals(level: Level) -> list[Key]:
        return [member.key for member in level.members if not member.key.order]

    def _laid_down(self) -> list[Key]:
        """Return the networks whose start stands in the run: those whose mask was chosen from trained weights."""
        return [key for level in self.levels for key in self._originals(level) if self._base.source(key) is not None]

    def read(self, parent: Reader) -> None:
        """See `Study`."""
        wanted = set(self._laid_down())
        members = [member for level in self.levels for member in level.members if member.key in wanted]
        self._starts = {member.key: self._base.network(parent, member) for member in members}

    def lay_down(self, run: Run) -> None:
        """See `Study`; from then on the parent isn't needed. Of each network the mask comes last."""
        for key, start in self._starts.items():
            if not run.has_mask(key):
                run.write_state(key, self._steps[key], start.state)
                run.write_mask(key, start.mask)
        self._starts.clear()

    def network(self, run: Reader, member: Member) -> Network:
        """See `Study`."""
        original, like, step = member.key._replace(order=0), self.setting.like, member.recipe.start
        if self.source(member.key) is None and self._base.source(original) is None:
            return self._base.network(run, replace(member, key=original))
        return Network(run.read_state(original, step, like.state), run.read_mask(original, like.mask))

    def source(self, key: Key) -> Key | None:
        """See `Study`."""
        original = key._replace(order=0)
        return original if self._steps[key] > self._steps[original] else None

    def kept_steps(self, key: Key) -> list[int]:
        """See `Study`."""
        return [] if key.order else [step for step in self._at if step > self._steps[key]]

    @staticmethod
    def rounds_before(config: Config, level: int) -> Sequence[int] | None:
        """See `Study`."""
        return () if level == 0 or config.sparse is not None else None


def _base(setting: Setting, forked: Forked) -> Study:
    """Return the study that says which networks there are, and what they start from."""
    return Prune(setting) if setting.config.sparse is None and any(forked.levels) else Train(setting)


def _check_steps(setting: Setting, member: Member, at: Sequence[int]) -> None:
    """Raise LotteryError where a network can't be forked at one of these steps."""
    level, arm, recipe = member.key.level, member.key.arm, member.recipe
    for step in at:
        if not recipe.start <= step < recipe.stop:
            raise LotteryError(
                f"at: {step}it is outside the training of level {level}'s {arm}, {recipe.start}it to {recipe.stop}it"
            )
    sparse = setting.config.sparse
    moves = level and sparse is not None and (sparse.latent is not None or setting.course(level) is not None)
    if moves and any(step > recipe.start for step in at):
        raise LotteryError(
            f"at: the masks of level {level} move while it trains, so copies leave at its start: --at {recipe.start}it"
        )
