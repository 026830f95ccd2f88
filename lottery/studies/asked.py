"""What a retraining is asked for, whether the parent run has it, and the weights that it then starts from."""

from dataclasses import asdict, dataclass
from typing import Literal, get_args

from lottery import words
from lottery.arms import is_main
from lottery.config.schema import MOST_ORDERS, Config
from lottery.config.sparse import Topology
from lottery.errors import LotteryError
from lottery.networks.key import Key
from lottery.networks.network import State
from lottery.store.reader import Reader
from lottery.studies.prune import Prune
from lottery.studies.setting import Setting
from lottery.studies.train import Train

Weights = Literal["rewind", "reinit", "final", "pruned"]
MaskFrom = Literal["keep", "shuffle", "random", "invert"]


@dataclass(frozen=True)
class Asked:
    """What to retrain.

    Attributes:
        level: of the parent run whose tickets are retrained.
        to: step of the schedule that retraining starts from.
        weights: of the dense training at that step (rewind), a fresh initialization (reinit), those that the ticket was
            trained to (final), or those that it was pruned from ("prune-restart", Evci et al. 2022).
        mask: the ticket's (keep), or another one: see `other_mask`.
        draws: fresh initializations of each replicate; the networks of order j start from number j, modulo that many.
    """

    level: int
    to: int
    weights: Weights = "rewind"
    mask: MaskFrom = "keep"
    draws: int = 1

    def __post_init__(self) -> None:
        for value, kinds in ((self.weights, Weights), (self.mask, MaskFrom)):
            if value not in get_args(kinds):
                raise LotteryError(f"{value!r} is none of {', '.join(get_args(kinds))}")
        if self.draws < 1:
            raise LotteryError(f"draws: {self.draws} is less than 1")
        if self.draws > 1 and self.weights != "reinit":
            raise LotteryError(f"draws: there is one {self.weights!r}; several initializations go with weights reinit")

    def record(self) -> dict[str, object]:
        """Return what a run says of it."""
        found = asdict(self)
        return found if self.draws > 1 else {key: value for key, value in found.items() if key != "draws"}


@dataclass(frozen=True)
class Copies:
    """How many networks are retrained; None: as many as the parent run has.

    Attributes:
        orders: of batches, for each replicate.
        replicates: the first ones of the parent's.
    """

    orders: int | None = None
    replicates: int | None = None


def retraining(config: Config, copies: Copies = Copies(), draws: int = 1) -> Config:
    """Return the config of a run that retrains masks of a run of `config`: masks that moved while they trained stay.

    There are at least as many orders as there are `draws`.

    Raises:
        LotteryError: so many replicates aren't there.
    """
    orders = max(copies.orders or config.orders, draws)
    replicates = first_replicates(config, copies.replicates)
    if orders > MOST_ORDERS:
        raise LotteryError(f"orders: {orders:,} are more than {MOST_ORDERS:,}")
    config = config.model_copy(update={"orders": orders, "replicates": replicates})
    if config.sparse is None:
        return config
    fixed = config.sparse.model_copy(update={"topology": Topology(name="static"), "latent": None})
    return config.model_copy(update={"sparse": fixed})


def first_replicates(config: Config, wanted: int | None) -> int:
    """Return how many of a run's replicates are taken; raise LotteryError where they aren't there."""
    if wanted is not None and not 1 <= wanted <= config.replicates:
        raise LotteryError(f"replicates: {wanted} of the run's are asked for, and it has {config.replicates}")
    return wanted or config.replicates


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


def check_trained(parent: Reader, keys: list[Key]) -> None:
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
