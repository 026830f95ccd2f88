"""What networks cost by count, by the conventions of two papers; no masked network runs faster for it."""

from collections.abc import Sequence
from typing import Literal

from lottery.arms import main_arm
from lottery.networks.key import Key
from lottery.report.kind import kind
from lottery.store.reader import Reader
from lottery.store.records import Summary

CONVENTIONS = (
    "compression: weights over kept weights; theoretical speed-up: operations of the dense network over those of kept "
    "weights, one forward pass (Blalock et al. 2020). FLOPs: a multiplication and an addition count as two; a training "
    "step costs the forward pass and twice as much for the backward one, of each image (Evci et al. 2020). Sparsity is "
    "simulated by masks: the seconds are measured, of dense products."
)


class Costed(Summary):
    """One trained network, and what had to be trained to have it."""

    total_train_flops: int | None
    """With the training of the networks whose pruning made its mask; scores at initialization are not counted. None:
    not known, as where the mask is another run's."""


def with_costs(run: Reader) -> list[Costed]:
    """Return the lines of `levels.jsonl`, each with what all of its training cost."""
    config, lines = run.config, run.levels()
    rounds = kind(run).rounds_before
    flops = {Key.of(line): line["train_flops"] for line in lines}

    def total(line: Summary) -> int | None:
        before = rounds(config, line["level"])
        if before is None:
            return None
        arms = ((level, main_arm(level, sparse=config.sparse is not None)) for level in before)
        parts = [flops.get(Key(line["replicate"], level, arm)) for level, arm in arms]
        known = [part for part in parts if part is not None]
        return line["train_flops"] + sum(known) if len(known) == len(parts) else None

    return [{**line, "total_train_flops": total(line)} for line in lines]


def mean_of(lines: Sequence[Costed], key: Literal["train_flops", "total_train_flops"]) -> float | None:
    """Return the mean of a count over networks that did not diverge; None where one isn't known, or there is none.

    Those that diverged stopped early, and cost less than what they are compared with.
    """
    values = [line[key] for line in lines if line["diverged"] is None]
    known = [value for value in values if value is not None]
    return sum(known) / len(known) if known and len(known) == len(values) else None
