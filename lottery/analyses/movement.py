"""The analysis `movement` asks how much of the way between two levels' ends lies where the loss is curved most."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import partial
from typing import Literal

import numpy as np
import torch

from lottery.analyses._lines import arms_of, at_levels, curve, density, mean, of_arm, values, written
from lottery.config.values import Count, Few
from lottery.curvature.directions import shares
from lottery.curvature.hessian import Hessian
from lottery.curvature.lanczos import largest, signs
from lottery.errors import LotteryError
from lottery.exhibits import Chart, Exhibit, Findings, Line, Table
from lottery.explaining.piece import Piece
from lottery.explaining.trained import Trained
from lottery.networks.key import Key
from lottery.seeds import stream
from lottery.statistics import more_than, paired


def movement(
    trained: Trained,
    *,
    levels: tuple[int, ...] = (),
    arms: tuple[str, ...] = (),
    vectors: Few = 10,
    images: Count = 256,
    precision: Literal["float32", "float64"] = "float32",
) -> Iterator[Piece]:
    """Measure how much of the movement from the level before to a level lies in that one's sharpest directions.

    The movement is the end of a network less that of the network that its mask was pruned from, on the parameters that
    both have: the weights that the mask keeps, biases and the like. Directions are the eigenvectors, of largest
    magnitude, of the Hessian of the training loss at the latter network, with respect to all weights that it keeps. The
    share is that of the movement's squared length which lies in their span. By chance it is what a random movement of
    the same parameters has on average: the vectors' number by that of the parameters, where none were pruned between.

    Args:
        levels: of which networks; all but the first where none are named.
        arms: likewise; all where none are named.
        vectors: how many of the sharpest directions.
        images: training images that the loss is the mean over.
        precision: of the passes through the network.
    """
    for key in trained.pruned(levels, arms):
        yield Piece(key._asdict(), partial(_found, trained, key, vectors, images, precision))


def _found(trained: Trained, key: Key, vectors: int, images: int, precision: str) -> Findings:
    end, before = trained.end(key), trained.source(key)
    subject = trained.subject(key, before, images)
    hessian = Hessian(subject, *subject.images(), precision=precision)
    if vectors >= hessian.size:
        raise LotteryError(f"there are {hessian.size} parameters: set `vectors` below that; it is {vectors}")
    flat = {name: end.mask.get(name, torch.ones_like(value, dtype=torch.bool)) for name, value in end.state.items()}
    both = hessian.vector(flat) > 0
    moved = np.where(both, hessian.vector(end.state) - hessian.vector(before.state), 0)
    start = signs(hessian.size, stream(0, "movement"))
    eigenvalues, directions = largest(hessian.product, hessian.size, vectors, start)
    share, chance = shares(directions, moved, both)
    return {
        "density": trained.lines[key]["density"],
        "parameters": int(both.sum()),
        "length": float(np.linalg.norm(moved)),
        "eigenvalues": eigenvalues.tolist(),
        "shares": share.tolist(),
        "chances": chance.tolist(),
        "share": float(share[-1]),
        "chance": float(chance[-1]),
    }


def _shown(lines: Sequence[Line]) -> Exhibit:
    """Say how much of the movement lies in the sharpest directions, against chance, from dense to sparse."""
    lines = [_in_percent(line) for line in lines]
    arms = arms_of(lines)
    curves = [curve(arm, of_arm(lines, arm), "share", at=place) for place, arm in enumerate(arms)]
    chance = curve("by chance", of_arm(lines, arms[0]), "chance", at=len(arms))
    count = len(lines[0]["values"]["shares"])
    chart = Chart(
        "movement",
        f"Movement in the {count} sharpest directions",
        "weights remaining, %",
        "share of its squared length (%)",
        [*curves, replace(chance, dashed=True)],
        ("log", "linear"),
        sparser_right=True,
        limits=(0, 100),
    )
    return Exhibit("Movement between levels", [*_answers(lines, arms, count)], [chart], _table(lines, arms), _MEANING)


_MEANING = (
    "The movement leads from the end of the network that a mask was pruned from to the end of one trained with that "
    "mask, on the parameters that both have; the directions are eigenvectors of the Hessian of the training loss at "
    "the former, of largest magnitude; by chance is what a random movement of the same parameters has on average."
)


_COLUMNS = {"share": "share, %", "chance": "by chance, %", "times": "times chance", "length": "length (L2)"}
"""What the table shows -> its heading."""


def _in_percent(line: Line) -> Line:
    share, chance = ([100 * one for one in [line["values"][name]] if one is not None] for name in ("share", "chance"))
    ratio = share[0] / chance[0] if share and chance and chance[0] else None
    shown = {"share": share[0] if share else None, "chance": chance[0] if chance else None, "times": ratio}
    return {**line, "values": {**line["values"], **shown}}


def _answers(lines: Sequence[Line], arms: Sequence[str], count: int) -> Iterator[str]:
    for arm in arms:
        levels = of_arm(lines, arm)
        found = {level: paired(values(own, "share"), values(own, "chance")) for level, own in levels.items()}
        said = at_levels({level: more_than(one) for level, one in found.items()})
        own = levels[[*levels][-1]]
        yield (
            f"Does {arm} move in the {count} sharpest directions of the level before more than by chance? "
            f"{said} At {density(own):.3g} % of weights {written(mean(own, 'share'))} % of its "
            f"squared length lies there, {written(mean(own, 'times'), 1)} times what chance gives."
        )


def _table(lines: Sequence[Line], arms: Sequence[str]) -> Table:
    rows = [
        [
            str(level),
            arm,
            f"{density(own):.3g}",
            *(written(mean(own, what)) for what in _COLUMNS),
        ]
        for arm in arms
        for level, own in of_arm(lines, arm).items()
    ]
    return Table(["level", "arm", "weights, %", *_COLUMNS.values()], rows)


SHOWN = _shown
