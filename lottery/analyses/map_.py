"""The analysis `map` lays out in a plane where networks started and where they ended."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from statistics import fmean

import torch
from torch import Tensor

from lottery.analyses._lines import written
from lottery.arms import in_order, is_main, order
from lottery.config.values import Count
from lottery.errors import LotteryError
from lottery.exhibits import Exhibit, Findings, Line, Map, Spot, Table
from lottery.explaining.piece import Piece
from lottery.explaining.plane import distances, plane
from lottery.explaining.retrained import called, draws, is_retrained
from lottery.explaining.trained import Trained
from lottery.networks.key import Key
from lottery.statistics import estimate


@dataclass(frozen=True)
class _Point:
    """A network at one of its ends, or in between: what it is, how it is read, where its training started."""

    what: str
    key: Key
    read: Callable[[], Tensor]
    origin: int | None = None


def map_(
    trained: Trained, *, levels: tuple[int, ...] = (), arms: tuple[str, ...] = (), networks: Count = 300
) -> Iterator[Piece]:
    """Lay out a replicate's networks in a plane, by the L2 distances between their weights (Evci et al. 2022).

    On the map are the initialization, where networks start and end, in each order of batches, and the solutions that
    their masks were pruned from, all on the union of their weights: what is pruned is zero. Two-dimensional metric
    multidimensional scaling; its stress says how much of the distances is lost.

    Args:
        levels: whose networks are on the map; all where none are named.
        arms: likewise.
        networks: most that are on one map.
    """
    asked = trained.among(levels, arms)
    for replicate in sorted({key.replicate for key in asked}):
        own = [key for key in asked if key.replicate == replicate]
        if len(own) > networks:
            raise LotteryError(
                f"{trained.run.path}: {len(own)} networks of replicate {replicate} would be on one map, and {networks} "
                f"may; name fewer by --set levels=0,1, or allow them by --set networks={len(own)}"
            )
        yield Piece({"replicate": replicate, "networks": len(own)}, partial(_found, trained, own))


def _found(trained: Trained, keys: Sequence[Key]) -> Findings:
    points = _points(trained, keys)
    apart = distances([point.read for point in points])
    places, stress = plane(apart)
    solutions = {point.key.level: place for place, point in enumerate(points) if point.what == "solution"}

    def to(others: Sequence[int | None]) -> list[float | None]:
        return [None if other is None else apart[place, other] for place, other in enumerate(others)]

    return {
        "stress": stress,
        "what": [point.what for point in points],
        "level": [point.key.level for point in points],
        "arm": [called(trained, point.key) for point in points],
        "order": [point.key.order for point in points],
        "density": [trained.lines[point.key]["density"] for point in points],
        "origin": [point.origin for point in points],
        "x": places[:, 0],
        "y": places[:, 1],
        "to_initial": apart[0],
        "to_start": to([point.origin for point in points]),
        "to_solution": to([solutions.get(point.key.level) for point in points]),
    }


def _points(trained: Trained, keys: Sequence[Key]) -> list[_Point]:
    """Return the initialization, all ends, each different start, each level's pruning solution."""
    names, replicate = list(trained.setting.shapes), keys[0].replicate

    def point(what: str, key: Key, state: Callable[[], Mapping[str, Tensor]], origin: int | None = None) -> _Point:
        return _Point(what, key, lambda: _flat(state(), names), origin)

    ends: list[_Point] = []
    starts: list[_Point] = []
    places: dict[tuple[object, ...], int] = {}
    for key in keys:
        begun = trained.lines[key]["start_step"]
        name = (key.level, key.arm, begun, key.order % draws(trained))
        if name not in places:
            at_initial = key.arm == "dense" and not begun
            places[name] = 0 if at_initial else 1 + len(keys) + len(starts)
            starts += [] if at_initial else [point("start", key, partial(_start, trained, key))]
        ends.append(point("end", key, partial(trained.run.read_weights, key), places[name]))
    # Called after the network that the level is about, where it is on the map.
    first = {key.level: key for key in sorted(keys, key=lambda key: (not is_main(key.arm), key), reverse=True)}
    pruned = [
        point("solution", key, partial(_solution, trained, key))
        for _, key in sorted(first.items())
        if is_retrained(trained, key)
    ]
    return [point("initialization", keys[0], partial(trained.initial, replicate)), *ends, *starts, *pruned]


def _flat(state: Mapping[str, Tensor], names: Sequence[str]) -> Tensor:
    return torch.cat([state[name].flatten() for name in names])


def _start(trained: Trained, key: Key) -> Mapping[str, Tensor]:
    return trained.start(key).state


def _solution(trained: Trained, key: Key) -> Mapping[str, Tensor]:
    return trained.solution(key).state


def SHOWN(lines: Sequence[Line]) -> Exhibit:  # noqa: N802
    """Show a map of each replicate, and how far networks ended from where their masks were pruned."""
    largest: dict[int, Line] = {}
    for line in sorted(lines, key=lambda line: line["of"]["networks"]):
        largest[line["of"]["replicate"]] = line["values"]
    found = [values for _, values in sorted(largest.items())]
    stress = [100 * one["stress"] for one in found]
    return Exhibit(
        title="Where networks start and end",
        answers=[
            *_answers(found),
            f"Stress, what a plane can't show of these distances: {written(estimate(stress), 2)} %.",
        ],
        charts=[_map(replicate, values) for replicate, values in sorted(largest.items())],
        table=Table(("network", "weights, %", *_COLUMNS.values()), _rows(found)),
        meaning="Rings are starts, discs are ends, arrows lead from one to the other. Two-dimensional metric "
        "multidimensional scaling of the L2 distances between weights, zero where they are pruned (Evci et al. 2022); "
        "the initialization is at the origin, the first network's end to its right. ±: 95 % interval over replicates.",
    )


_COLUMNS = {
    ("end", "to_start"): "start to end",
    ("start", "to_solution"): "start to pruning solution",
    ("end", "to_solution"): "end to pruning solution",
    ("end", "to_initial"): "initialization to end",
}
"""What a distance is from, and which one it is -> heading."""


_Distances = dict[tuple[int, str, tuple[str, str]], list[float]]
"""Level, arm and a key of `_COLUMNS` -> a distance, for each replicate the mean over its orders."""


def _distances(found: Sequence[Line]) -> _Distances:
    means: _Distances = {}
    for one in found:
        own: _Distances = {}
        for what, column in _COLUMNS:
            for name, level, arm, value in zip(one["what"], one["level"], one["arm"], one[column], strict=True):
                if name == what and value is not None:
                    own.setdefault((level, arm, (what, column)), []).append(value)
        for place, values in own.items():
            means.setdefault(place, []).append(fmean(values))
    return means


def _cells(apart: _Distances, level: int, arm: str) -> list[str]:
    values = [apart.get((level, arm, column)) for column in _COLUMNS]
    return [written(estimate(own) if own else None, 2) for own in values]


def _networks(found: Sequence[Line]) -> dict[tuple[int, str], float]:
    """Return level and arm -> density in %, from dense to sparse."""
    densities: dict[tuple[int, str], float] = {}
    for one in found:
        densities |= dict(zip(zip(one["level"], one["arm"], strict=True), one["density"], strict=True))
    return {name: 100 * densities[name] for name in sorted(densities, key=lambda name: (name[0], order(name[1])))}


def _rows(found: Sequence[Line]) -> list[list[str]]:
    apart = _distances(found)
    return [
        [f"level {level}, {arm}", f"{density:.2f}", *_cells(apart, level, arm)]
        for (level, arm), density in _networks(found).items()
    ]


def _answers(found: Sequence[Line]) -> list[str]:
    """Return how far networks of the sparsest level end from the solution that their mask was pruned from."""
    networks, apart = _networks(found), _distances(found)
    level = max(level for level, _ in networks)
    answers = []
    for arm in (arm for own, arm in networks if own == level):
        far = _cells(apart, level, arm)
        if far[1] and far[2]:
            answers.append(
                f"{arm}, at {networks[level, arm]:.3g} % of the weights, goes {far[0]} (L2) and ends {far[2]} from the "
                f"solution that its mask was pruned from, where it started {far[1]} from it."
            )
    return answers[:4]


def _map(replicate: int, found: Line) -> Map:
    """Return the map of one replicate, of a colour for each arm."""
    colours = {arm: place for place, arm in enumerate(in_order(found["arm"]))}
    at, spots = list(zip(found["x"], found["y"], strict=True)), []
    rows = zip(found["what"], found["level"], found["arm"], found["order"], found["origin"], strict=True)
    for place, (what, level, arm, order_, origin) in enumerate(rows):
        colour, note = colours[arm], f"level {level}"
        if what == "end":
            start = Spot(f"{arm}, start", at[origin], colour, hollow=True, towards=at[place], note=note)
            spots += [start, Spot(f"{arm}, end", at[place], colour, note=f"{note}, order {order_}")]
        elif what == "solution":
            spots.append(Spot("pruning solution", at[place], len(colours), note=note))
    spots.sort(key=lambda spot: spot.place)  # so that the legend names arms as all others do
    return Map(f"replicate-{replicate}", f"Replicate {replicate}", "L2 distance", spots)
