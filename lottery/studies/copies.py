"""How many networks of a run are trained once more, and the config of the run that does so."""

from dataclasses import dataclass

from lottery.config.schema import MOST_ORDERS, Config
from lottery.config.sparse import Topology
from lottery.errors import LotteryError


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
