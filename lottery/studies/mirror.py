"""The trackers of a run's config, told of its study while it trains. None of them can stop it."""

import sys
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, redirect_stdout
from functools import partial

from lottery.config.choices import Choice
from lottery.networks.key import Key
from lottery.store.records import Evaluation, Summary
from lottery.store.run import Run
from lottery.studies.pace import Work
from lottery.studies.plan import Level
from lottery.studies.watcher import Watcher
from lottery.trackers import Tracker, measurements, results
from lottery.training.recipe import Member


@contextmanager
def tracked(run: Run, watcher: Watcher) -> Iterator[Watcher]:
    """Provide `watcher`, and with it the trackers of the run's config; they are closed when the context ends."""
    tracking = Tracking(run, watcher)
    try:
        yield tracking if run.config.trackers else watcher
    finally:
        tracking.close()


class Tracking:
    """Passes everything on to another watcher, and what was measured to trackers.

    A tracker that raises anything is dropped, with one warning: a run is worth more than its mirror. What it lacks of
    the run directory, because it was dropped or the process killed, it is told when the run is resumed.
    """

    def __init__(self, run: Run, watcher: Watcher) -> None:
        self._run, self._watcher = run, watcher
        self._trackers: dict[str, Tracker] = {}
        self._last: dict[Key, int] = {}
        self._to_open = False

    def planned(self, levels: Sequence[Level], work: Work, how: str) -> None:
        """See `Watcher`."""
        self._watcher.planned(levels, work, how)
        self._to_open = True  # not yet: workers are forked now, and libraries start threads

    def training(self, members: Sequence[Member], done: int) -> None:
        """See `Watcher`."""
        self._open()
        self._watcher.training(members, done)

    def advanced(self, members: Sequence[Member], steps: int) -> None:
        """See `Watcher`."""
        self._watcher.advanced(members, steps)

    def evaluated(self, lines: Sequence[Evaluation]) -> None:
        """See `Watcher`."""
        self._watcher.evaluated(lines)
        # Chunks that memory didn't suffice for begin anew.
        new = [one for one in measurements(lines) if one.step > self._last.get(one.key, -1)]
        self._last |= {one.key: one.step for one in new}
        self._tell(lambda tracker: tracker.evaluated(new))

    def trained(self, members: Sequence[Member]) -> None:
        """See `Watcher`."""
        self._watcher.trained(members)

        def tell(tracker: Tracker) -> None:
            for member in members:
                _trained(tracker, self._run.read_summary(member.key))

        self._tell(tell)

    def noted(self, text: str) -> None:
        """See `Watcher`."""
        self._watcher.noted(text)

    def close(self) -> None:
        """Tell trackers that the study stands still."""
        self._open()
        self._tell(lambda tracker: tracker.close(self._run.record["status"]))
        self._trackers.clear()

    def _open(self) -> None:
        if not self._to_open:
            return
        self._to_open = False
        for choice in self._run.config.trackers:
            self._safely(choice.name, partial(self._start, choice))

    def _start(self, choice: Choice) -> None:
        tracker = choice.entry(self._run, **choice.options)
        self._catch_up(tracker)
        self._trackers[choice.name] = tracker

    def _catch_up(self, tracker: Tracker) -> None:
        there, summaries = measurements(self._run.metrics()), self._run.levels()
        lacking = {key for key in {one.key for one in there} if not tracker.has(key)}
        tracker.evaluated([one for one in there if one.key in lacking])
        for summary in summaries:
            if Key.of(summary) in lacking:
                _trained(tracker, summary)

    def _tell(self, act: Callable[[Tracker], None]) -> None:
        for name, tracker in [*self._trackers.items()]:
            self._safely(name, partial(act, tracker))

    def _safely(self, name: str, act: Callable[[], None]) -> None:
        try:
            # Results alone go to stdout, and a library's warnings are for those who program with it.
            with warnings.catch_warnings(), redirect_stdout(sys.stderr):
                warnings.simplefilter("ignore")
                act()
        except Exception as error:
            self._trackers.pop(name, None)
            reason = str(error).strip().partition("\n")[0] or type(error).__name__
            remedy = f" (pip install 'lottery[{name}]')" if isinstance(error, ImportError) else ""
            self._watcher.noted(f"tracker {name}: {reason}{remedy}; the run goes on without it")


def _trained(tracker: Tracker, summary: Summary) -> None:
    tracker.trained(Key.of(summary), summary["stop_step"], results(summary))
