"""What came of the networks of one level, arm and order, and what it cost by count: the rows of tables.

No masked network runs faster for its mask: sparsity is simulated. Costs follow the conventions of two papers.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Literal

from lottery import arms
from lottery.networks.key import Key
from lottery.reporting.quantities import EARLY_STOP_STEP, SECONDS, Quantity, at_early_stop, at_end, kind, metrics_of
from lottery.statistics import Estimate, estimate
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
        made_by = ((level, arms.main_arm(level, sparse=config.sparse is not None)) for level in before)
        parts = [flops.get(Key(line["replicate"], level, arm)) for level, arm in made_by]
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


@dataclass(frozen=True)
class Entry:
    """An entry is what came of the networks of one level, arm and order; means are over networks that did not diverge.

    Attributes:
        density: kept share of the weights that masks cover.
        density_of_all_parameters: the same, what masks don't cover counted in.
        compression_ratio: sizes before and after (Blalock et al. 2020); None where nothing is left.
        theoretical_speedup: operations before and after, of one forward pass (Blalock et al. 2020); None likewise.
        flops: of one forward pass on one image, mean over all networks.
        flops_of_dense: as a share of the same network's without a mask.
        train_flops: of training.
        train_flops_of_dense: as a share of the dense networks', where the study trained some.
        total_train_flops: with the training of the networks that their masks come from; None where that isn't known.
        collapsed: how many have layers that no path leads through.
    """

    lines: Sequence[Costed]
    level: int
    arm: str
    order: int
    start_step: int
    density: float
    density_of_all_parameters: float
    compression_ratio: float | None
    theoretical_speedup: float | None
    flops: int
    flops_of_dense: float | None
    train_flops: int | None
    train_flops_of_dense: float | None
    total_train_flops: int | None
    diverged: int
    collapsed: int

    def estimate(self, quantity: Quantity) -> Estimate | None:
        """Return the mean over replicates; None where none has the quantity."""
        values = [value for value in map(quantity.of, self.lines) if value is not None]
        return estimate(values) if values else None


def entries(lines: Sequence[Costed]) -> list[Entry]:
    """Return the entries of some networks, by level, and there in the order of arms, and of batches."""
    found: dict[tuple[int, str, int], list[Costed]] = {}
    for line in lines:
        found.setdefault((line["level"], line["arm"], line["order"]), []).append(line)
    dense = mean_of(found.get((0, "dense", 0), []), "train_flops")
    ordered = arms.in_order(arm for _, arm, _ in found)
    places = sorted(found, key=lambda place: (place[0], ordered.index(place[1]), place[2]))
    return [_entry(found[place], dense) for place in places]


def _entry(own: Sequence[Costed], dense_train_flops: float | None) -> Entry:
    first, flops = own[0], fmean(line["flops"] for line in own)
    trained, total = mean_of(own, "train_flops"), mean_of(own, "total_train_flops")
    return Entry(
        lines=own,
        level=first["level"],
        arm=first["arm"],
        order=first["order"],
        start_step=first["start_step"],
        density=first["density"],
        density_of_all_parameters=1 - (first["total"] - first["nonzero"]) / first["parameters"],
        compression_ratio=_share(first["total"], first["nonzero"]),
        theoretical_speedup=_share(first["dense_flops"], flops),
        flops=round(flops),
        flops_of_dense=_share(flops, first["dense_flops"]),
        train_flops=None if trained is None else round(trained),
        train_flops_of_dense=_share(trained, dense_train_flops),
        total_train_flops=None if total is None else round(total),
        diverged=sum(line["diverged"] is not None for line in own),
        collapsed=sum(bool(line["collapsed"]) for line in own),
    )


def _share(part: float | None, whole: float | None) -> float | None:
    return part / whole if part is not None and whole else None


Row = dict[str, str | int | float | None]


def rows(run: Reader) -> list[Row]:
    """Return a run's entries with each quantity's mean, deviation, half width of the interval, number of replicates.

    Each order of batches has rows of its own: it is no further replicate. The field names are stable; metrics are as
    they are computed (an accuracy is a fraction), seconds are measured.
    """
    metrics = metrics_of(run)
    measured = [*map(at_end, metrics), EARLY_STOP_STEP, *map(at_early_stop, metrics), SECONDS]
    name: Row = {"run": run.record["id"]}
    return [name | _row(entry, measured) for entry in entries(with_costs(run))]


def _row(entry: Entry, measured: Sequence[Quantity]) -> Row:
    found: Row = {name: value for name, value in vars(entry).items() if name != "lines"}
    for quantity in measured:
        value = entry.estimate(quantity)
        found |= {
            f"{quantity.name}_mean": value.mean if value else None,
            f"{quantity.name}_std": value.deviation if value else None,
            f"{quantity.name}_half_width": value.half_width if value else None,
            f"{quantity.name}_replicates": len(value.values) if value else 0,
        }
    return found
