"""A running study is displayed live, on stderr: redrawn in a terminal or a notebook, as plain lines elsewhere."""

import time
from collections.abc import Sequence
from types import TracebackType
from typing import Self

from rich.console import Console, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from lottery.display.notebook import Output
from lottery.display.standing import Standing
from lottery.store.records import Evaluation
from lottery.studies.pace import Pace, Work
from lottery.studies.plan import Level
from lottery.tasks import Metric
from lottery.training.recipe import Member

_SECONDS_BETWEEN_LINES = 10.0
_SHARE_BETWEEN_LINES = 1 / 60
"""Of the time gone by: a study of days doesn't fill a log."""
_SECONDS_BETWEEN_ESTIMATES = 1.0
_SHARE_OF_ESTIMATES = 0.002
"""Of the time: this process may be the one that trains."""
_WIDE = 120
"""Columns from which on there is room for long bars and whole sentences."""


class Display:
    """A display shows what a study is at: the levels under way, and the whole."""

    def __init__(self, console: Console, metric: Metric) -> None:
        """Show the progress of networks that are told apart by a metric."""
        self._console, self._metric = console, metric
        self._levels: dict[int, Standing] = {}
        self._total = self._done = self._first = 0
        self._started = self._last_line = self._told_at = time.perf_counter()
        self._pace: Pace | None = None
        self._told: float | None = None
        self._next_estimate = 0.0
        self._live = Live(console=console, get_renderable=self._render, refresh_per_second=4, transient=True)
        self._notebook = Output() if console.is_jupyter else None

    def __enter__(self) -> Self:
        if self._console.is_terminal and self._notebook is None:
            self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._live.stop()
        if self._notebook is not None:
            self._notebook.close()

    def planned(self, levels: Sequence[Level], work: Work, how: str) -> None:
        """See `Watcher`; called once."""
        left = work.members
        keys = {member.key for member in left}
        self._levels = {
            level.number: Standing(level, keys & {member.key for member in level.members}) for level in levels
        }
        self._total = sum(level.steps for level in levels)
        self._done = self._first = self._total - sum(member.recipe.steps for member in left)
        self._started = self._told_at = time.perf_counter()
        self._pace = Pace(work, self._started)
        self._say(how)

    def training(self, members: Sequence[Member], done: int) -> None:
        """See `Watcher`."""
        self._levels[members[0].key.level].begin(members, done)
        self._measured.began(members, done, time.perf_counter())
        # What a checkpoint already held counts as done, not as speed.
        self._first += done * len(members)
        self._done += done * len(members)
        self._refresh()

    def advanced(self, members: Sequence[Member], steps: int) -> None:
        """See `Watcher`; called several times a second."""
        now = time.perf_counter()
        self._done += steps * len(members)
        self._levels[members[0].key.level].done += steps * len(members)
        self._measured.advanced(members, steps, now)
        if now > self._next_estimate:
            self._estimate(now)
        self._refresh()

    def evaluated(self, lines: Sequence[Evaluation]) -> None:
        """See `Watcher`."""
        for line in lines:
            if line["split"] == "test":
                self._levels[line["level"]].note(line, self._metric)
        now = time.perf_counter()
        pause = max(_SECONDS_BETWEEN_LINES, (now - self._started) * _SHARE_BETWEEN_LINES)
        if not self._redrawn and now - self._last_line > pause:
            self._line(self._levels[lines[0]["level"]])

    def trained(self, members: Sequence[Member]) -> None:
        """See `Watcher`; a level's last members give it a line."""
        now, found = time.perf_counter(), self._levels[members[0].key.level]
        found.end(members)
        self._measured.ended(members, now)
        self._estimate(now)
        if not found.left:
            self._line(found)

    def noted(self, text: str) -> None:
        """See `Watcher`."""
        self._say(text)

    @property
    def _measured(self) -> Pace:
        assert self._pace is not None, "`planned` comes first"
        return self._pace

    @property
    def _redrawn(self) -> bool:
        return self._console.is_terminal or self._notebook is not None

    def _say(self, text: str) -> None:
        """Write something that stays."""
        if self._notebook is None:
            self._console.print(Text(text), soft_wrap=True)
        else:
            self._notebook.add(Text(text))
            self._refresh()

    def _refresh(self) -> None:
        if self._notebook is not None:
            self._notebook.show(self._render)

    def _line(self, level: Standing) -> None:
        self._last_line = time.perf_counter()
        parts = f"{level.title} of {max(self._levels)}: {level.progress}, {level.means(self._metric)}; {self._left()}"
        self._say(parts)

    def _estimate(self, now: float) -> None:
        # Here, and not where it is drawn, which is done by another thread.
        self._told, self._told_at = self._measured.seconds_left(), now
        took = time.perf_counter() - now
        self._next_estimate = now + max(_SECONDS_BETWEEN_ESTIMATES, took / _SHARE_OF_ESTIMATES)

    def _left(self) -> str:
        """Return the mean speed of this process, and the time left."""
        now = time.perf_counter()
        speed = (self._done - self._first) / max(now - self._started, 1e-9)
        if self._done >= self._total:
            left = "nothing left"
        elif self._told is None:
            left = "estimating the time left"
        else:
            left = f"about {_clock(max(0.0, self._told - (now - self._told_at)))} left"
        return f"{speed:,.0f} member steps/s, {left}" if speed else left

    def _render(self) -> RenderableType:
        wide = self._console.width >= _WIDE
        rows = Table.grid(padding=(0, 1))
        rows.add_column(no_wrap=True)
        rows.add_column(no_wrap=True)
        rows.add_column()
        width = 30 if wide else 12
        for level in self._levels.values():
            if level.steps and level.left:
                bar = ProgressBar(total=level.steps, completed=level.done, width=width)
                progress = level.progress if wide else level.short_progress
                rows.add_row(
                    level.title if wide else level.short_title, bar, f"{progress}, {level.means(self._metric)}"
                )
        bar = ProgressBar(total=self._total, completed=self._done, width=width)
        whole = f"{self._done / self._total:.1%}, {self._left()}" if self._total else "preparing"
        rows.add_row(Text("study", style="bold"), bar, whole)
        return rows


def _clock(seconds: float) -> str:
    minutes, seconds = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{seconds:02d}" if hours else f"{minutes}:{seconds:02d}"
