"""The live display of a running study, on stderr: redrawn in a terminal, plain lines elsewhere."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import mean
from types import TracebackType
from typing import Self

from rich.console import Console, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from lottery.store.files import Record
from lottery.studies.plan import ARMS, Level, Member

_SECONDS_BETWEEN_LINES = 10.0


class Display:
    """Shows what a study is at: the levels under way, and the whole."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._levels: dict[int, _Level] = {}
        self._total = self._done = self._first = 0
        self._how = ""
        self._started = self._last_line = time.perf_counter()
        self._live = Live(console=console, get_renderable=self._render, refresh_per_second=4, transient=True)

    def __enter__(self) -> Self:
        if self._console.is_terminal:
            self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._live.stop()

    def planned(self, levels: Sequence[Level], done: int, how: str) -> None:
        """Called once, with all levels, the steps (summed over members) that are done already, and how it is done."""
        self._levels = {level.number: _Level(level, {}, len(level.members)) for level in levels}
        self._total = sum(level.steps for level in levels)
        self._done = self._first = done
        self._started = time.perf_counter()
        self._how = how
        self._console.print(Text(how), soft_wrap=True)

    def training(self, level: int, members: Sequence[Member], done: int) -> None:
        """Called when members of a level begin; so many of their steps (summed) a checkpoint had already."""
        self._levels[level].begin(members, done)
        # What a checkpoint already held counts as done, not as speed.
        self._first += done
        self._done += done

    def advanced(self, level: int, steps: int) -> None:
        """Called several times a second, with the steps (summed over members) that are new."""
        self._done += steps
        self._levels[level].done += steps

    def evaluated(self, records: Sequence[Record]) -> None:
        """Called after each evaluation of some members."""
        for record in records:
            if record["split"] == "test":
                accuracies = self._levels[record["level"]].accuracies
                accuracies[record["arm"], record["replicate"]] = record["accuracy"]
        now = time.perf_counter()
        if not self._console.is_terminal and now - self._last_line > _SECONDS_BETWEEN_LINES:
            self._line(self._levels[records[0]["level"]])

    def trained(self, level: int, members: Sequence[Member]) -> None:
        """Called when members are done; a level's last ones give it a line."""
        found = self._levels[level]
        found.left -= len(members)
        if found.under_way and not found.left:
            self._line(found)

    def noted(self, text: str) -> None:
        """Called with what whoever looks on should know."""
        self._console.print(Text(text), soft_wrap=True)

    def _line(self, level: "_Level") -> None:
        self._last_line = time.perf_counter()
        parts = f"{level.title} of {max(self._levels)}: {level.progress}, test accuracy {level.mean}; {self._left()}"
        self._console.print(Text(parts), soft_wrap=True)

    def _left(self) -> str:
        """Speed and time left, from the mean over this process's life."""
        elapsed = time.perf_counter() - self._started
        worked = self._done - self._first
        if worked <= 0:
            return "time left unknown"
        left = (self._total - self._done) * elapsed / worked
        return f"{worked / elapsed:,.0f} member steps/s, {_clock(left)} left"

    def _render(self) -> RenderableType:
        rows = Table.grid(padding=(0, 1))
        for level in self._levels.values():
            if level.under_way and level.left:
                bar = ProgressBar(total=level.steps, completed=level.done, width=30)
                rows.add_row(level.title, bar, f"{level.progress}, test accuracy {level.mean}")
        bar = ProgressBar(total=self._total, completed=self._done, width=30)
        rows.add_row(Text("study", style="bold"), bar, self._left())
        return rows


@dataclass
class _Level:
    """A level's accuracies by (arm, replicate), members left, members begun, and of these the steps and those done."""

    level: Level
    accuracies: dict[tuple[str, int], float]
    left: int
    steps: int = 0
    done: int = 0
    under_way: int = 0

    def begin(self, members: Sequence[Member], done: int) -> None:
        """So many more members, with so many of their steps (summed) done."""
        self.under_way += len(members)
        self.steps += sum(member.stop - member.start for member in members)
        self.done += done

    @property
    def title(self) -> str:
        return f"level {self.level.number} ({self.level.density:.1%} of weights)"

    @property
    def progress(self) -> str:
        trained = len(self.level.members) - self.left
        return f"{trained} of {len(self.level.members)} networks trained"

    @property
    def mean(self) -> str:
        """Mean test accuracy of each arm, each member's latest."""
        arms: dict[str, list[float]] = {}
        for (arm, _), accuracy in sorted(self.accuracies.items(), key=lambda item: ARMS.index(item[0][0])):
            arms.setdefault(arm, []).append(accuracy)
        return ", ".join(f"{arm} {mean(values):.2%}" for arm, values in arms.items()) or "-"


def _clock(seconds: float) -> str:
    minutes, seconds = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{seconds:02d}" if hours else f"{minutes}:{seconds:02d}"
