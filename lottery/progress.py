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
from lottery.studies.plan import Level, Member
from lottery.training.loop import Trainer

_SECONDS_BETWEEN_LINES = 10.0


class Display:
    """Shows what a study is at. It reads the trainer's step when it redraws, so the training loop isn't slowed."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._total = self._done = self._levels = 0
        self._level: Level | None = None
        self._members: list[Member] = []
        self._trainer: Trainer | None = None
        self._accuracies = ""
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

    def training(self, level: Level, members: list[Member], trainer: Trainer) -> None:
        """Called when members enter the training loop."""
        self._level, self._members, self._trainer = level, members, trainer
        # What a checkpoint already held counts as done, not as speed.
        self._first += (trainer.step - members[0].start) * len(members)
        self._accuracies = ""

    def evaluated(self, records: list[Record]) -> None:
        """Called after each evaluation."""
        arms = dict.fromkeys(member.arm for member in self._members)
        parts = []
        for arm in arms:
            values = [record["accuracy"] for record in records if record["arm"] == arm and record["split"] == "test"]
            parts.append(f"{arm} {mean(values):.2%}")
        self._accuracies = ", ".join(parts)
        now = time.perf_counter()
        if not self._console.is_terminal and now - self._last_line > _SECONDS_BETWEEN_LINES:
            self._last_line = now
            self._line(f"step {records[0]['step']}/{self._members[0].stop}, test accuracy {self._accuracies}")

    def trained(self, members: list[Member]) -> None:
        """Called when members are done."""
        self._done += sum(member.stop - member.start for member in members)
        self._trainer = None
        self._line(f"trained to step {members[0].stop}, test accuracy {self._accuracies}")

    def _line(self, text: str) -> None:
        self._console.print(Text(f"{self._title()}: {text}; {self._left()}"), soft_wrap=True)

    def _title(self) -> str:
        assert self._level is not None
        return f"level {self._level.number}/{self._levels} ({self._level.density:.1%} of weights)"

    def _steps_done(self) -> int:
        """Member steps behind us, those of the members under way included."""
        under_way = 0
        if self._trainer is not None:
            under_way = (self._trainer.step - self._members[0].start) * len(self._members)
        return self._done + under_way

    def _left(self) -> str:
        """Speed and time left, from the mean over this process's life."""
        elapsed = time.perf_counter() - self._started
        worked = self._steps_done() - self._first
        if worked <= 0:
            return "time left unknown"
        left = (self._total - self._steps_done()) * elapsed / worked
        return f"{worked / elapsed:,.0f} member steps/s, {_clock(left)} left"

    def _render(self) -> RenderableType:
        if self._level is None:
            return Text("preparing")
        rows = Table.grid(padding=(0, 1))
        if self._trainer is not None:
            start, stop = self._members[0].start, self._members[0].stop
            rows.add_row(
                "level",
                ProgressBar(total=stop - start, completed=self._trainer.step - start, width=30),
                f"step {self._trainer.step:,}/{stop:,}, {len(self._members)} members, {self._trainer.cohort.execution}",
            )
        rows.add_row("study", ProgressBar(total=self._total, completed=self._steps_done(), width=30), self._left())
        return Group(Text(self._title(), style="bold"), rows, Text(f"test accuracy: {self._accuracies or '-'}"))


def _clock(seconds: float) -> str:
    minutes, seconds = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{seconds:02d}" if hours else f"{minutes}:{seconds:02d}"
