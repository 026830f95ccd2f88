"""Of a run's networks, those that were trained anew under a mask that was made of other weights."""

from pathlib import Path

from lottery.arms import is_main
from lottery.errors import LotteryError
from lottery.explaining.trained import Trained
from lottery.networks.key import Key
from lottery.store.reader import Reader


def is_retrained(trained: Trained, key: Key) -> bool:
    """Return whether a network has a pruning solution that it isn't itself, and that can be read.

    One that was pruned while it trained is its own; of a run whose parent isn't there any more, what needs no pruning
    solution can be found all the same, and a note says what is left out.
    """
    if is_own_solution(trained):
        return False
    try:
        return trained.has_solution(key)
    except LotteryError as error:
        trained.note(f"nothing is compared with the solution that masks were pruned from: {error}")
        return False


def is_own_solution(trained: Trained) -> bool:
    """Return whether a run's networks are the pruning solutions themselves: they were pruned while they trained."""
    return trained.config.sparse is not None and trained.run.record.get("parent") is None


def origin(trained: Trained) -> Reader:
    """Return the run that networks were retrained from, whether it is there or not; their own, where they weren't."""
    where = trained.run.record.get("parent")
    try:
        return trained.run if where is None else trained.parent.run
    except LotteryError:
        return Reader(Path(str(where)))


def draws(trained: Trained) -> int:
    """Return how many fresh initializations each replicate's copies were retrained from; order j from number j."""
    rewind = trained.run.record.get("rewind")
    return rewind.get("draws", 1) if rewind else 1


def called(trained: Trained, key: Key) -> str:
    """Return what a network is called in a report: its arm; of a retrained ticket what it started from, too."""
    rewind = trained.run.record.get("rewind")
    if not rewind or not is_main(key.arm):
        return key.arm
    weights = "ticket" if rewind["weights"] == "rewind" else f"ticket, weights {rewind['weights']}"
    return weights if rewind["mask"] == "keep" else f"{weights}, mask {rewind['mask']}"
