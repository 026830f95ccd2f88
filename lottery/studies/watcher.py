"""Whoever looks on while a study runs."""

from collections.abc import Sequence
from typing import Protocol

from lottery.store.records import Evaluation
from lottery.studies.plan import Level
from lottery.training.recipe import Member


class Watcher(Protocol):
    """A watcher is told what a study is at, and says nothing back."""

    def planned(self, levels: Sequence[Level], done: int, how: str) -> None:
        """The study will train these levels, in this way; so many of their steps (summed over members) are done."""

    def training(self, members: Sequence[Member], done: int) -> None:
        """These members of a level are trained now; so many of their steps (summed) a checkpoint had already."""

    def advanced(self, level: int, steps: int) -> None:
        """So many more of the level's steps (summed over members) are done."""

    def evaluated(self, lines: Sequence[Evaluation]) -> None:
        """The latest evaluation of some members is there."""

    def trained(self, members: Sequence[Member]) -> None:
        """These members of a level are done."""

    def noted(self, text: str) -> None:
        """There is something that whoever looks on should know."""
