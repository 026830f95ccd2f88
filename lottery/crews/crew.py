"""The crew for so many processes: this one alone, or workers."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import torch

from lottery.crews.jobs import Crew, Event, Job, NextJob, Stop, Trains
from lottery.crews.workers import Load, Workers


class _Alone:
    """A crew of this process alone."""

    def __init__(self, train: Trains) -> None:
        self._train = train

    def train(self, next_job: NextJob, stop: Stop) -> Iterator[tuple[Job, Event]]:
        """See `Crew`."""
        while not stop() and (job := next_job()):
            for event in self._train(job, stop):
                yield job, event


@contextmanager
def crew(places: Sequence[torch.device], threads: int, here: Trains, load: Load) -> Iterator[Crew]:
    """Provide a crew within the context: this process alone where there is one place, else workers: see `Workers`."""
    if len(places) == 1:
        before = torch.get_num_threads()
        torch.set_num_threads(threads)
        try:
            yield _Alone(here)
        finally:
            torch.set_num_threads(before)
        return
    team = Workers(places, threads, here, load)
    try:
        yield team
    finally:
        team.dismiss()
