"""What every kind of study says of itself; how it is carried out stands in `members` and `execute`."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import ClassVar, Self

import torch

from lottery.config.schema import Config
from lottery.errors import LotteryError
from lottery.networks.key import Key
from lottery.networks.network import Network, State
from lottery.store.reader import Reader
from lottery.store.run import Run
from lottery.studies.plan import Level
from lottery.studies.setting import Setting
from lottery.training.recipe import Member


class Study(ABC):
    """A study knows which networks it trains, what each starts from, and what may be asked of them.

    Attributes:
        name: in records and tables.
        questions: names of the verdicts that its networks allow.
        setting: of its config.
        levels: its plan, made once.
    """

    name: ClassVar[str]
    questions: ClassVar[Sequence[str]] = ()

    def __init__(self, setting: Setting, levels: Sequence[Level]) -> None:
        self.setting, self.levels = setting, list(levels)
        for level in (level for level in self.levels if level.number and asks_for_optima(level.members)):
            if self.rounds_before(setting.config, level.number) is None:
                raise LotteryError(
                    f"train.penalties: what rounds before level {level.number} were trained to stands in another run, "
                    "which rewind and fork don't read for that; take level 0, or make a run: lottery prune CONFIG"
                )

    @classmethod
    @abstractmethod
    def of_run(cls, run: Reader, setting: Setting) -> Self:
        """Return the study of a run, planned; raise LotteryError where the run asks for what can't be."""

    @abstractmethod
    def network(self, run: Reader, member: Member) -> Network:
        """Return what a member starts from, also when all is trained; what its source was trained to is in the run."""

    def source(self, key: Key) -> Key | None:  # noqa: ARG002
        """Return the network that has to be trained before another one; None where there is none."""
        return None

    def optima(self, run: Run, members: Sequence[Member]) -> dict[int, State]:
        """Return, for each replicate of members of one level, what the rounds before were trained to, stacked.

        Nothing where no round is before, or no penalty of theirs asks for it.
        """
        level, setting = members[0].key.level, self.setting
        rounds = self.rounds_before(setting.config, level) or ()
        if not rounds or not asks_for_optima(members):
            return {}
        found: dict[int, State] = {}
        for replicate in sorted({member.key.replicate for member in members}):
            states = [run.read_weights(setting.main(replicate, one), setting.like.state) for one in rounds]
            found[replicate] = {name: torch.stack([state[name] for state in states]) for name in setting.shapes}
        return found

    def kept_steps(self, key: Key) -> list[int]:  # noqa: ARG002
        """Return the steps at which a network's state is kept on its way."""
        return []

    @staticmethod
    def pruned_from(config: Config, key: Key) -> Key | None:  # noqa: ARG004
        """Return the network whose trained weights a network's mask was chosen from; None where there is none."""
        return None

    def keeps_initial(self, key: Key) -> bool:  # noqa: ARG002
        """Return whether its replicate's dense initialization is kept in the run when a network's training begins."""
        return False

    def read(self, parent: Reader) -> None:  # noqa: B027
        """Take what networks start from out of a parent run, which is only read; `lay_down` keeps it in the run."""

    def lay_down(self, run: Run) -> None:  # noqa: B027
        """Keep in a run what its networks start from, where that can't be had from the rest of it."""

    @staticmethod
    def rounds_before(config: Config, level: int) -> Sequence[int] | None:  # noqa: ARG004
        """Return the levels whose training made the masks of a level; None where another run's did."""
        return ()


def asks_for_optima(members: Sequence[Member]) -> bool:
    """Return whether a penalty of members of one recipe compares with what rounds before were trained to."""
    return any("optima" in penalty.traits for penalty in members[0].recipe.penalties)
