"""What a rewind is asked for."""

from dataclasses import asdict, dataclass
from typing import Literal, get_args

from lottery.errors import LotteryError

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
            raise LotteryError(
                f"draws: there is one {self.weights!r}; several initializations go with --weights reinit"
            )

    def record(self) -> dict[str, object]:
        """Return what a run says of it."""
        found = asdict(self)
        return found if self.draws > 1 else {key: value for key, value in found.items() if key != "draws"}
