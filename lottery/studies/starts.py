"""Whether a parent run has the networks that are asked for, and the weights that retraining them starts from."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from lottery import words
from lottery.arms import is_main
from lottery.errors import LotteryError
from lottery.networks.key import Key
from lottery.networks.network import State
from lottery.store.finding import find_parent
from lottery.store.reader import Reader
from lottery.studies.asked import Asked
from lottery.studies.prune import Prune
from lottery.studies.setting import Setting
from lottery.studies.train import Train


@contextmanager
def parent_of(run: Reader) -> Iterator[Reader]:
    """Provide a run's parent, out of which the run has yet to take what its networks start from.

    Raises:
        LotteryError: the parent isn't there any more, or can't be read.
    """
    try:
        yield find_parent(run)
    except LotteryError as error:
        raise LotteryError(
            f"{run.path} was stopped before it had taken what it needs from its parent, which can't be read now:\n"
            f"{error}"
        ) from None


def check_parent(parent: Reader, setting: Setting, asked: Asked) -> None:
    """Raise LotteryError where the parent run lacks what is asked for, or the step lies outside training."""
    keys = [setting.main(replicate, asked.level) for replicate in range(setting.config.replicates)]
    check_trained(parent, keys)
    if not 0 <= asked.to < setting.length:
        raise LotteryError(f"to: {asked.to}it is outside training, which ends at {setting.length}it")
    if asked.mask == "invert" and setting.config.sparse is not None:
        raise LotteryError(f"mask: invert: nothing was pruned in {parent.path}, sparse from the start; take shuffle")
    if asked.weights == "pruned" and _pruned_from(parent, keys[0]) is None:
        raise LotteryError(
            f"weights: pruned: the masks of level {asked.level} in {parent.path} were not chosen from trained weights; "
            "take rewind, reinit or final"
        )


def check_trained(parent: Reader, keys: Sequence[Key]) -> None:
    """Raise LotteryError where networks of one level aren't trained in the parent run, or diverged there."""
    level, arm = keys[0].level, keys[0].arm
    if not all(parent.has_network(key) for key in keys):
        lines = parent.levels()
        there = sorted(
            {line["level"] for line in lines if line["arm"] == arm or (is_main(arm) and is_main(line["arm"]))}
        )
        raise LotteryError(f"{parent.path} has no finished level {level}; it has {words.of_levels(there)}")
    for key in keys:
        if parent.read_summary(key)["diverged"] is not None:
            raise LotteryError(
                f"{parent.path}: replicate {key.replicate} diverged at level {level}; take another level"
            )


def is_kept(parent: Reader, setting: Setting, asked: Asked) -> bool:
    """Return whether nothing has to be trained to have the weights that retraining starts from."""
    dense = [Key(replicate, 0, "dense") for replicate in range(setting.config.replicates)]
    return asked.weights != "rewind" or asked.to == 0 or all(parent.has_state(key, asked.to) for key in dense)


def weights_of(parent: Reader, setting: Setting, asked: Asked, key: Key) -> list[State]:
    """Return the weights that the retraining of a network starts from; of several draws, all of them."""
    dense, like = Key(key.replicate, 0, "dense"), setting.like.state
    if asked.weights == "reinit":
        first = (key.replicate, "rewind", asked.level)
        return [setting.initial(*first, *([draw] if draw else [])) for draw in range(asked.draws)]
    if asked.weights == "final":
        return [parent.read_weights(key, like)]
    if asked.weights == "pruned":
        solution = _pruned_from(parent, key)
        assert solution is not None
        return [parent.read_weights(solution, like)]
    if asked.to == 0 and not parent.has_state(dense, 0):
        return [setting.initial(key.replicate)]
    return [parent.read_state(dense, asked.to, like)]


def _pruned_from(parent: Reader, key: Key) -> Key | None:
    kind = Train if parent.record["study"] == "train" else Prune
    return kind.pruned_from(parent.config, key)
