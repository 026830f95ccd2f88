"""A running study is displayed live, on stderr: redrawn in a terminal, as plain lines elsewhere."""

import time
from collections import Counter
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

from lottery import arms
from lottery.networks.key import Key
from lottery.store.records import Evaluation
from lottery.studies.plan import Level
from lottery.tasks import Metric
from lottery.training.recipe import Member

_SECONDS_BETWEEN_LINES = 10.0


class Display:
    """A display shows what a study is at: the levels under way, and the whole."""

    def __init__(self, console: Console, metric: Metric) -> None:
        """Show the progress of networks that are told apart by a metric."""
        self._console, self._metric = console, metric
        self._levels: dict[int, _Level] = {}
        self._total = self._done = self._first = 0
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

    def planned(self, levels: Sequence[Level], left: Sequence[Member], how: str) -> None:
        """See `Watcher`; called once."""
        waiting = Counter(member.key.level for member in left)
        self._levels = {level.number: _Level(level, {}, waiting[level.number]) for level in levels}
        self._total = sum(level.steps for level in levels)
        self._done = self._first = self._total - sum(member.recipe.steps for member in left)
        self._started = time.perf_counter()
        self._console.print(Text(how), soft_wrap=True)

    def training(self, members: Sequence[Member], done: int) -> None:
        """See `Watcher`."""
        self._levels[members[0].key.level].begin(members, done)
        # What a checkpoint already held counts as done, not as speed.
        self._first += done
        self._done += done

    def advanced(self, level: int, steps: int) -> None:
        """See `Watcher`; called several times a second."""
        self._done += steps
        self._levels[level].done += steps

    def evaluated(self, lines: Sequence[Evaluation]) -> None:
        """See `Watcher`."""
        for line in lines:
            value = line["metrics"][self._metric.name]["value"] if line["split"] == "test" else None
            if value is not None:
                self._levels[line["level"]].values[Key.of(line)] = value
        now = time.perf_counter()
        if not self._console.is_terminal and now - self._last_line > _SECONDS_BETWEEN_LINES:
            self._line(self._levels[lines[0]["level"]])

    def trained(self, members: Sequence[Member]) -> None:
        """See `Watcher`; a level's last members give it a line."""
        found = self._levels[members[0].key.level]
        found.left -= len(members)
        if found.under_way and not found.left:
            self._line(found)

    def noted(self, text: str) -> None:
        """See `Watcher`."""
        self._console.print(Text(text), soft_wrap=True)

    def _line(self, level: "_Level") -> None:
        self._last_line = time.perf_counter()
        now = f"{level.progress}, test {self._metric.name} {level.mean(self._metric)}"
        parts = f"{level.title} of {max(self._levels)}: {now}; {self._left()}"
        self._console.print(Text(parts), soft_wrap=True)

    def _left(self) -> str:
        """Return speed and time left, from the mean over this process's life."""
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
                rows.add_row(level.title, bar, f"{level.progress}, test {self._metric.name} {level.mean(self._metric)}")
        bar = ProgressBar(total=self._total, completed=self._done, width=30)
        rows.add_row(Text("study", style="bold"), bar, self._left())
        return rows


@dataclass
class _Level:
    """A level has latest values by network, members left and begun, steps of the latter, and those done."""

    level: Level
    values: dict[Key, float]
    left: int
    steps: int = 0
    done: int = 0
    under_way: int = 0

    def begin(self, members: Sequence[Member], done: int) -> None:
        """Count so many more members in, with so many of their steps (summed) done."""
        self.under_way += len(members)
        self.steps += sum(member.recipe.steps for member in members)
        self.done += done

    @property
    def title(self) -> str:
        return f"level {self.level.number} ({self.level.density:.1%} of weights)"

    @property
    def progress(self) -> str:
        trained = len(self.level.members) - self.left
        return f"{trained} of {len(self.level.members)} networks trained"

    def mean(self, metric: Metric) -> str:
        """Return the mean of each arm's latest values."""
        means = []
        for arm in arms.in_order(key.arm for key in self.values):
            own = mean(value for key, value in self.values.items() if key.arm == arm)
            means.append(f"{arm} {metric.scale * own:.{metric.digits}f}{metric.unit}")
        return ", ".join(means) or "-"


def _clock(seconds: float) -> str:
    minutes, seconds = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{seconds:02d}" if hours else f"{minutes}:{seconds:02d}"
