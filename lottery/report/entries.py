"""What came of the networks of one level and arm: a row of a table."""

from collections.abc import Sequence
from dataclasses import dataclass

from lottery import arms
from lottery.report.costs import Costed, mean_of
from lottery.report.quantities import Quantity
from lottery.report.statistics import Estimate, estimate


@dataclass(frozen=True)
class Entry:
    """An entry is what came of the networks of one level and arm; means are over networks that did not diverge.

    Attributes:
        lines: of the networks.
        level: theirs.
        arm: theirs.
        density: kept share of the weights that masks cover.
        density_of_all_parameters: the same, what masks don't cover counted in.
        compression_ratio: sizes before and after (Blalock et al. 2020); None where nothing is left.
        theoretical_speedup: operations before and after, of one forward pass (Blalock et al. 2020); None likewise.
        flops: of one forward pass on one image, mean over all networks.
        flops_of_dense: as a share of the same network's without a mask.
        train_flops: of training.
        train_flops_of_dense: as a share of the dense networks', where the study trained some.
        total_train_flops: with the training of the networks that their masks come from; None where that isn't known.
        diverged: how many did.
        collapsed: how many have layers that no path leads through.
    """

    lines: Sequence[Costed]
    level: int
    arm: str
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
    """Return the entries of some networks, by level, and there in the order of arms."""
    found: dict[tuple[int, str], list[Costed]] = {}
    for line in lines:
        found.setdefault((line["level"], line["arm"]), []).append(line)
    dense = mean_of(found.get((0, "dense"), []), "train_flops")
    ordered = arms.in_order(arm for _, arm in found)
    places = [(level, arm) for level in sorted({level for level, _ in found}) for arm in ordered]
    return [_entry(found[place], dense) for place in places if place in found]


def _entry(own: Sequence[Costed], dense_train_flops: float | None) -> Entry:
    first, flops = own[0], sum(line["flops"] for line in own) / len(own)
    trained, total = mean_of(own, "train_flops"), mean_of(own, "total_train_flops")
    return Entry(
        lines=own,
        level=first["level"],
        arm=first["arm"],
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
