"""Chunks trained in this process, one after the other."""

from collections.abc import Iterator

from lottery.crews.jobs import Event, Job, NextJob, Stop, Trains


class Alone:
    """A crew of this process alone."""

    def __init__(self, train: Trains) -> None:
        self._train = train

    def train(self, next_job: NextJob, stop: Stop) -> Iterator[tuple[Job, Event]]:
        """See `Crew`."""
        while not stop() and (job := next_job()):
            for event in self._train(job, stop):
                yield job, event
