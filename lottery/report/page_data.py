"""What the page's script draws, from the files of some runs."""

from collections.abc import Sequence

from lottery.report.comparison import dense_beside, labels, pooled
from lottery.report.curves import curves
from lottery.report.methods import points
from lottery.report.rows import MEASURED, level_rows
from lottery.report.statistics import Estimate, estimate
from lottery.report.tickets import Common, tickets, weights
from lottery.report.verdicts import judged, missing_controls
from lottery.store.files import Record
from lottery.store.run import Run

_MOST_POINTS = 60
"""Of one learning curve: more than a screen shows, and twenty runs stay within some MB."""


def page_data(groups: Sequence[Sequence[Run]], with_masks: bool) -> Record:
    """A JSON object: each study's levels, verdicts, curves, and masks, and the rows of the table of all by density.

    Args:
        groups: of repetitions of one study each, as `repetitions` gives them.
        with_masks: whether to read the tickets' masks and weights, too.
    """
    beside = dense_beside(groups, prefer_own=False)
    studies = [_study(*one, with_masks) for one in zip(groups, labels(groups), beside, strict=True)]
    return {"studies": studies, "methods": _methods(groups)}


def _study(group: Sequence[Run], title: str, dense: int | None, with_masks: bool) -> Record:
    """What the script draws of one study; `dense` is the position of the study whose dense network it is beside."""
    lines = pooled(group)
    return {
        "title": title,
        "dense": dense,
        "levels": [_with_estimates(row, lines) for row in level_rows(lines)],
        "verdicts": [vars(verdict) for verdict in judged(group[0], lines)],
        "lacking": missing_controls(group[0], lines),
        "curves": _curves(group, lines),
        "masks": _masks(group) if with_masks else None,
    }


def _methods(groups: Sequence[Sequence[Run]]) -> list[Record]:
    """Rows of the table of several studies by density."""
    found = points(groups) if len(groups) > 1 else []
    return [
        vars(point) | {"accuracy": _estimate(point.accuracy), "difference": _estimate(point.difference)}
        for point in found
    ]


def _estimate(value: Estimate | None) -> Record | None:
    return None if value is None else {"mean": value.mean, "half_width": value.half_width}


def _with_estimates(row: Record, lines: list[Record]) -> Record:
    """A row whose measured quantities are objects, with each replicate's value."""
    own = [line for line in lines if (line["level"], line["arm"]) == (row["level"], row["arm"])]
    keys = ("level", "arm", "density", "compression_ratio", "theoretical_speedup", "flops", "train_flops",
            "train_flops_of_dense", "total_train_flops", "diverged")  # fmt: skip
    found: Record = {key: row[key] for key in keys} | {"networks": len(own)}
    for key in MEASURED:
        values = [line[key] for line in own if line[key] is not None and line.get("diverged") is None]
        found[key] = None
        if values:
            value = estimate(values)
            found[key] = {"mean": value.mean, "half_width": value.half_width, "values": values}
    return found


def _curves(group: Sequence[Run], lines: Sequence[Record]) -> list[Record]:
    """Mean test accuracy and half width of its interval at each step, thinned out."""
    density = {(line["level"], line["arm"]): line["density"] for line in lines}
    found = []
    for (level, arm), curve in curves(group).items():
        steps = list(curve)
        every = max(1, -(-len(steps) // _MOST_POINTS))
        kept = {
            step: estimate(curve[step])
            for index, step in enumerate(steps)
            if index % every == 0 or index == len(steps) - 1
        }
        points = [[step, *_rounded(one.mean, one.half_width)] for step, one in kept.items()]
        found.append({"level": level, "arm": arm, "density": density[level, arm], "points": points})
    return found


def _rounded(*values: float | None) -> list[float | None]:
    """To what a screen shows, for the size of the page."""
    return [None if value is None else float(f"{value:.5g}") for value in values]


def _masks(group: Sequence[Run]) -> Record | None:
    """What the masks and weights of the study's tickets are like; None where no sparse network is trained."""
    found, sizes = tickets(group), weights(group)
    if found is None:
        return None
    return {
        "levels": [{"level": level, "density": density} for level, density in found.densities.items()],
        "layers": [{"name": name, "densities": _rounded(*shares)} for name, shares in found.layers.items()],
        "overlaps": [
            {"title": title, "points": [_pairs(one) for one in pairs]} for title, pairs in found.overlaps.items()
        ],
        "weights": sizes and vars(sizes) | {"shares": {name: _rounded(*one) for name, one in sizes.shares.items()}},
    }


def _pairs(common: Common) -> Record:
    shares = common.shares
    mean, low, high, chance = _rounded(shares.mean, min(shares.values), max(shares.values), common.chance)
    of_pairs = {"mean": mean, "low": low, "high": high, "pairs": len(shares.values)}
    return {"density": common.density, "chance": chance} | of_pairs
