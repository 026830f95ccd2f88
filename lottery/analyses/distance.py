"""The analysis `distance` measures how far apart what a network started from, became, and was pruned from are."""

import math
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from itertools import combinations

import torch
from torch import Tensor

from lottery.analyses._lines import Levels, arms_of, at_levels, curve, density, mean, of_arm, usual, values, written
from lottery.errors import LotteryError
from lottery.exhibits import Chart, Exhibit, Findings, Line, Table
from lottery.explaining.piece import Piece
from lottery.explaining.retrained import is_own_solution
from lottery.explaining.trained import Trained
from lottery.networks import masks
from lottery.networks.key import Key
from lottery.networks.network import Network
from lottery.statistics import more_than, paired


def distance(
    trained: Trained, *, levels: tuple[int, ...] = (), arms: tuple[str, ...] = (), solution: bool = True
) -> Iterator[Piece]:
    """Measure the distances among a network's initialization, start, end, pruning solution and the level before.

    Each pair is compared on the weights that both keep: L2, the cosine, and the angle between them in right angles
    (2/pi of it; 1 is what chance gives) as Frankle et al. (2020) and Maene et al. (2021) do. `before` is the end of the
    same arm at the level before: of a ticket, of the network that its mask was pruned from.

    Args:
        levels: of which networks are compared; all where none are named.
        arms: likewise.
        solution: whether to compare with the pruning solution (Evci et al. 2022), where there is one.
    """
    for key in trained.among(levels, arms):
        yield Piece(key._asdict(), partial(_found, trained, key, solution))


def _found(trained: Trained, key: Key, solution: bool) -> Findings:
    end = trained.end(key)
    first = trained.initial(key.replicate)
    points = {"initial": Network(first, masks.full(first, list(end.mask))), "start": trained.start(key), "end": end}
    try:
        if solution and not is_own_solution(trained) and trained.has_solution(key):
            points["solution"] = trained.solution(key)
    except LotteryError as error:
        raise LotteryError(f"{error} (to go without it: --set solution=false)") from None
    before = _before(trained, key)
    if before is not None:
        points["before"] = trained.end(before)
    pairs = {f"{one}_{other}": between(points[one], points[other]) for one, other in combinations(points, 2)}
    return {"density": trained.lines[key]["density"], **pairs}


def _before(trained: Trained, key: Key) -> Key | None:
    """Return the network of the same arm at the level before; None where there is none."""
    same, main = key._replace(level=key.level - 1), trained.main(key.replicate, key.level - 1)
    if same in trained.lines:
        return same
    return main if trained.main(key.replicate, key.level) == key._replace(order=0) else None


def between(one: Network, other: Network) -> dict[str, float | int]:
    """Return how far apart two networks are, on the weights that both keep: L2, cosine, angle, and how many they are.

    The angle is in right angles, from 0 to 2; it and the cosine are no number where one of them is nothing but zeros.
    """
    common = {name: mask & other.mask[name] for name, mask in one.mask.items()}
    a, b = (_flat(network, common) for network in (one, other))
    lengths = float(a.norm()), float(b.norm())
    if not all(lengths):
        angle = cosine = math.nan
    else:
        u, v = a / lengths[0], b / lengths[1]
        # Exact for small angles, too, where the cosine is one but for rounding (Kahan 2006).
        angle = 4 / math.pi * math.atan2(float((u - v).norm()), float((u + v).norm()))
        cosine = math.cos(angle * math.pi / 2)
    return {"l2": float((a - b).norm()), "cosine": cosine, "angle": angle, "weights": a.numel()}


def _flat(network: Network, common: Mapping[str, Tensor]) -> Tensor:
    return torch.cat([network.state[name][mask].double() for name, mask in common.items()])


_NAMES = {
    "initial": "initialization", "start": "start", "end": "end", "solution": "pruning solution",
    "before": "level before",
}  # fmt: skip
_SHOWN = ("start_end", "start_solution", "end_solution", "end_before", "initial_end")
"""Pairs that are shown; the others are in the run's file."""


def SHOWN(lines: Sequence[Line]) -> Exhibit:  # noqa: N802
    """Show whether training leads back to the solution that a ticket was pruned from."""
    main = of_arm(lines)
    return Exhibit(
        "Distances between weights",
        [*_towards_solution(main), *_movement(main)] or ["No network of the usual order of batches is compared."],
        [_chart(main, "angle", "angle in right angles"), _chart(main, "l2", "L2 distance")] if main else [],
        _table(lines),
        "On the weights that both networks keep: the angle in right angles, 1 being what chance gives, and L2 (Frankle "
        "et al. 2020; Maene et al. 2021); the pruning solution is what the mask was chosen from, under that mask (Evci "
        "et al. 2022).",
    )


def _towards_solution(main: Levels) -> Iterator[str]:
    answers = {}
    for level, lines in main.items():
        start, end = (values(lines, f"{point}_solution", "angle") for point in ("start", "end"))
        nearer = paired(start, end)
        # Else it starts from that solution, or is that itself.
        if nearer is not None and any(start.values()) and any(end.values()):
            answers[level] = more_than(nearer)
    if answers:
        last = main[[*answers][-1]]
        yield f"Does training lead back to the solution that a mask was pruned from? {at_levels(answers)}"
        began, ended = (written(mean(last, f"{point}_solution", "angle")) for point in ("start", "end"))
        yield f"At {density(last):.3g} % of weights it starts {began} right angles from it, and ends {ended} from it."


def _movement(main: Levels) -> Iterator[str]:
    moved = [(density(lines), found) for lines in main.values() if (found := mean(lines, "start_end", "angle"))]
    if moved:
        ends = [f"{written(found)} right angles at {left:.3g} %" for left, found in (moved[0], moved[-1])]
        yield f"Training turns the weights by {' and '.join(dict.fromkeys(ends))} of weights."


def _chart(main: Levels, what: str, unit: str) -> Chart:
    curves = [curve(_words(pair), main, pair, what, at=place) for place, pair in enumerate(_SHOWN)]
    return Chart(
        f"distance-{what}",
        f"Distances between weights: {unit}",
        "weights remaining, %",
        unit,
        [one for one in curves if one.x],
        ("log", "linear"),
        sparser_right=True,
        limits=(0, None),
    )


def _table(lines: Sequence[Line]) -> Table:
    shown = [pair for pair in _SHOWN if values(usual(lines), pair, "angle")]
    rows = []
    for arm in arms_of(lines):
        for level, own in of_arm(lines, arm).items():
            cells = [written(mean(own, pair, "angle")) for pair in shown]
            rows.append([str(level), arm, f"{density(own):.3g}", *cells])
    return Table(["level", "arm", "weights, %", *map(_words, shown)], rows)


def _words(pair: str) -> str:
    one, _, other = pair.partition("_")
    return f"{_NAMES[one]} to {_NAMES[other]}"
