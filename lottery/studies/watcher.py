"""Whoever looks on while a study runs."""

from collections.abc import Sequence
from typing import Protocol

from lottery.store.records import Evaluation
from lottery.studies.pace import Work
from lottery.studies.plan import Level
from lottery.training.recipe import Member


class Watcher(Protocol):
    """A watcher is told what a study is at, and says nothing back."""

    def planned(self, levels: Sequence[Level], work: Work, how: str) -> None:
        """Hear which levels the study has, what of them is left to train, and how that is done."""

    def training(self, members: Sequence[Member], done: int) -> None:
        """Hear that members of a level are trained now; so many steps of each one a checkpoint had already."""

    def advanced(self, members: Sequence[Member], steps: int) -> None:
        """Hear that so many more steps of each of these members are done."""

    def evaluated(self, lines: Sequence[Evaluation]) -> None:
        """Hear the latest evaluation of some members."""

    def trained(self, members: Sequence[Member]) -> None:
        """Hear that members of a level are done."""

    def noted(self, text: str) -> None:
        """Hear something that whoever looks on should know."""
