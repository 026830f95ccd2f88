"""The live display of a running study, on stderr: redrawn in a terminal, plain lines elsewhere."""

import time
from statistics import mean
from types import TracebackType
from typing import Self

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from lottery.files import Record
from lottery.studies.plan import ARMS, Level, Member

_SECONDS_BETWEEN_LINES = 10.0


class Display:
    """Shows what a study is at."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._total = self._done = self._levels = 0
        self._level: Level | None = None
        self._members: list[Member] = []
        self._level_done = 0
        self._how = ""
        self._latest: dict[tuple[str, int], float] = {}
        self._started = self._last_line = time.perf_counter()
        self._first = 0
        self._live = Live(console=console, get_renderable=self._render, refresh_per_second=4, transient=True)

    def __enter__(self) -> Self:
        if self._console.is_terminal:
            self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._live.stop()

    def planned(self, levels: list[Level], done: int) -> None:
        """Called once, with all levels and the steps (summed over members) that are done already."""
        self._levels = levels[-1].number
        self._total = sum(level.steps for level in levels)
        self._done = self._first = done
        self._started = time.perf_counter()

    def training(self, level: Level, members: list[Member], done: int, how: str) -> None:
        """Called when members of a level begin; so many of their steps (summed) a checkpoint had already."""
        self._level, self._members, self._level_done, self._how = level, members, done, how
        # What a checkpoint already held counts as done, not as speed.
        self._first += done
        self._done += done
        self._latest = {}

    def advanced(self, steps: int) -> None:
        """Called several times a second, with the steps (summed over members) that are new."""
        self._done += steps
        self._level_done += steps

    def evaluated(self, records: list[Record]) -> None:
        """Called after each evaluation of some members."""
        for record in records:
            if record["split"] == "test":
                self._latest[record["arm"], record["replicate"]] = record["accuracy"]
        now = time.perf_counter()
        if not self._console.is_terminal and now - self._last_line > _SECONDS_BETWEEN_LINES:
            self._last_line = now
            self._line(f"step {self._step()}")

    def trained(self, members: list[Member]) -> None:
        """Called when members are done."""
        self._line(f"trained to step {members[0].stop:,}")

    def _accuracies(self) -> str:
        """Mean test accuracy of each arm, each member's latest."""
        arms: dict[str, list[float]] = {}
        for (arm, _), accuracy in sorted(self._latest.items(), key=lambda item: ARMS.index(item[0][0])):
            arms.setdefault(arm, []).append(accuracy)
        return ", ".join(f"{arm} {mean(values):.2%}" for arm, values in arms.items()) or "-"

    def _step(self) -> str:
        """How far the members are, on average."""
        step = self._members[0].start + self._level_done // len(self._members)
        return f"{step:,}/{self._members[0].stop:,}"

    def _line(self, text: str) -> None:
        line = f"{self._title()}: {text}, test accuracy {self._accuracies()}; {self._left()}"
        self._console.print(Text(line), soft_wrap=True)

    def _title(self) -> str:
        assert self._level is not None
        return f"level {self._level.number}/{self._levels} ({self._level.density:.1%} of weights)"

    def _left(self) -> str:
        """Speed and time left, from the mean over this process's life."""
        elapsed = time.perf_counter() - self._started
        worked = self._done - self._first
        if worked <= 0:
            return "time left unknown"
        left = (self._total - self._done) * elapsed / worked
        return f"{worked / elapsed:,.0f} member steps/s, {_clock(left)} left"

    def _render(self) -> RenderableType:
        if self._level is None:
            return Text("preparing")
        total = sum(member.stop - member.start for member in self._members)
        rows = Table.grid(padding=(0, 1))
        rows.add_row(
            "level",
            ProgressBar(total=total, completed=self._level_done, width=30),
            f"step {self._step()}, {len(self._members)} members, {self._how}",
        )
        rows.add_row("study", ProgressBar(total=self._total, completed=self._done, width=30), self._left())
        return Group(Text(self._title(), style="bold"), rows, Text(f"test accuracy: {self._accuracies()}"))


def _clock(seconds: float) -> str:
    minutes, seconds = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{seconds:02d}" if hours else f"{minutes}:{seconds:02d}"
