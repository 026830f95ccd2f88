"""The crew for so many processes."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import torch

from lottery.crews.alone import Alone
from lottery.crews.jobs import Crew, Trains
from lottery.crews.workers import Load, Workers


@contextmanager
def crew(places: Sequence[torch.device], threads: int, here: Trains, load: Load) -> Iterator[Crew]:
    """Provide a crew within the context: this process alone, or worker processes.

    Args:
        places: a device for each process.
        threads: of each process.
        here: how a chunk is trained in this process.
        load: how it is trained on a device by a process that has to load what it takes.
    """
    if len(places) == 1:
        before = torch.get_num_threads()
        torch.set_num_threads(threads)
        try:
            yield Alone(here)
        finally:
            torch.set_num_threads(before)
        return
    team = Workers(places, threads, here, load)
    try:
        yield team
    finally:
        team.dismiss()
