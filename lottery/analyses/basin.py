"""The analysis `basin` asks how far the loss stays low along the weights that were removed."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial

import torch
from torch import Tensor

from lottery.analyses._lines import Levels, arms_of, at_levels, curve, density, mean, of_arm, values, written
from lottery.config.values import Count, Few, Positive
from lottery.curvature.basins import change_at, like, losses, reach, removed_weights
from lottery.exhibits import Chart, Curve, Exhibit, Findings, Line, Table
from lottery.explaining.normalisation import has_statistics, recomputed
from lottery.explaining.piece import Piece
from lottery.explaining.trained import Trained
from lottery.networks.key import Key
from lottery.networks.network import Network
from lottery.networks.subject import Subject
from lottery.seeds import stream
from lottery.statistics import more_than, paired

_FURTHEST = 2.0
_BATCH = 250
"""Images that batch normalisation's statistics are gathered over at once; they are the means over such batches."""
_REACHES = ("reach", "random_reach")
_COLUMNS = {
    "length": "length removed",
    "back": "loss, put back",
    "random_back": "random instead",
    "reach": "reach",
    "random_reach": "at random",
}
"""What the table shows -> its heading."""


def basin(
    trained: Trained,
    *,
    levels: tuple[int, ...] = (),
    arms: tuple[str, ...] = (),
    points: Few = 10,
    rise: Positive = 0.01,
    draws: Few = 3,
    images: Count = 1000,
) -> Iterator[Piece]:
    """Measure how far the training loss stays low from a network's end along the weights that pruning removed.

    The path leads from the end of a network, whose pruned weights are 0, to where those that its level removed have
    the values which they had before: those of the network that its mask was pruned from. It goes on to twice that; the
    kept weights stay as they are. Beside it go paths along random directions in the same weights, Gaussian, of the same
    length in each layer. The reach is where the loss has risen by `rise`, in lengths of the removed weights. Batch
    normalisation's running statistics are recomputed over these images at each point.

    Args:
        levels: of which networks; all but the first where none are named.
        arms: likewise; all where none are named.
        points: of the path, from 0 to 2, besides its start.
        rise: in nats; how far the loss is low.
        draws: random directions, over which the loss is averaged.
        images: training images that the loss is the mean over.
    """
    shares = [_FURTHEST * place / points for place in range(points + 1)]
    for key in trained.pruned(levels, arms):
        yield Piece(key._asdict(), partial(_found, trained, key, shares, rise, draws, images))


def _found(trained: Trained, key: Key, shares: Sequence[float], rise: float, draws: int, images: int) -> Findings:
    end, before = trained.end(key), trained.source(key)
    subject = trained.subject(key, end, images)
    removed = removed_weights(end, before)
    others = _statistics(trained, subject) if has_statistics(trained.setting.template) else None
    along = losses(subject, removed, shares, others)
    generator = stream(0, "basin", key.replicate, key.level)
    drawn = [losses(subject, like(removed, generator), shares, others) for _ in range(draws)]
    by_chance = [sum(values) / draws for values in zip(*drawn, strict=True)]
    return {
        "density": trained.lines[key]["density"],
        "removed": sum(int(value.count_nonzero()) for value in removed.values()),
        "length": float(torch.cat([value.flatten() for value in removed.values()]).norm()),
        "alpha": list(shares),
        "loss": along,
        "random_loss": by_chance,
        "back": change_at(1, shares, along),
        "random_back": change_at(1, shares, by_chance),
        "rise": rise,
        "reach": reach(shares, along, rise),
        "random_reach": reach(shares, by_chance, rise),
        "recomputed_over": images // min(_BATCH, images) * min(_BATCH, images) if others else 0,
    }


def _statistics(trained: Trained, subject: Subject) -> Callable[[Mapping[str, Tensor]], Mapping[str, Tensor]]:
    """Return what makes all tensors of a network of some weights, with running statistics of its own.

    Those of the end are no other network's: kept, the loss rises by tens of nats where little has changed.
    """
    seen = subject.images()[0]
    size = min(_BATCH, len(seen))
    batches = seen[: len(seen) // size * size].split(size)  # of one size: of a single image there is no variance

    def others(weights: Mapping[str, Tensor]) -> Mapping[str, Tensor]:
        found = recomputed(trained.setting, Network({**subject.state, **weights}, {}), batches)
        return {name: value.to(batches[0].device) for name, value in found.state.items()}

    return others


_MEANING = (
    "From the end of a network, the weights that its level removed go to the values that they had in the network which "
    "the mask was pruned from (1) and to twice those (2), or as far along a random direction in the same weights; the "
    "reach is where the training loss has risen by the stated amount."
)


def _shown(lines: Sequence[Line]) -> Exhibit:
    """Say how far the loss stays low along what was removed, against random directions, from dense to sparse."""
    told = [_reached(line) for line in lines]
    main = of_arm(told)
    unit = "reach, in lengths of the removed weights"
    reaches = [
        curve("removed weights", main, "reach"),
        replace(curve("random directions", main, "random_reach", at=1), dashed=True),
    ]
    further = Chart(
        "basin-reach", f"How far the loss rises by less than {lines[0]['values']['rise']:g}",
        "weights remaining, %", unit, reaches, ("log", "linear"), sparser_right=True,
    )  # fmt: skip
    return Exhibit(
        "The basin along removed weights",
        [*_answers(main)] or ["No ticket or sparse network is among those that were looked at."],
        [_paths(main), further] if main else [],
        _table(told),
        _MEANING + _normalised(lines),
    )


def _normalised(lines: Sequence[Line]) -> str:
    over = max(line["values"].get("recomputed_over", 0) for line in lines)
    return f" Batch normalisation's statistics are recomputed at each point over {over:,} images." if over else ""


def _reached(line: Line) -> Line:
    """Return a line whose reaches are numbers: that of a loss which doesn't rise so much is the path's length."""
    ends = {name: _FURTHEST if line["values"][name] is None else line["values"][name] for name in _REACHES}
    return {**line, "values": {**line["values"], **ends}}


def _answers(main: Levels) -> Iterator[str]:
    rise = next((own[0]["values"]["rise"] for own in main.values()), None)
    pairs = {level: paired(values(own, "reach"), values(own, "random_reach")) for level, own in main.items()}
    # Where no path leaves the basin, none is known to reach further.
    left = [
        level
        for level, own in main.items()
        if any(value < _FURTHEST for name in _REACHES for value in values(own, name).values())
    ]
    if left:
        said = at_levels({level: more_than(pairs[level]) for level in left})
        yield (f"Does the loss stay low further along the removed weights than along random directions? {said}")
    if len(left) < len(main):
        count = f"{len(main) - len(left)} of {len(main)} levels"
        yield f"At {count} it rises by less than {rise:g} up to twice their length, along either."
    for own in [main[level] for level in dict.fromkeys([*main][:1] + [*main][-1:])]:
        along, beside = (written(mean(own, name), 4) for name in ("back", "random_back"))
        yield (
            f"At {density(own):.3g} % of weights the training loss changes by {along} where the removed weights come "
            f"back as they were, and by {beside} along random directions of their length."
        )


def _paths(main: Levels) -> Chart:
    """Draw the loss along the paths of up to four levels."""
    curves = []
    for level in dict.fromkeys([*main][round(part * (len(main) - 1) / 3)] for part in range(4)):
        shade, own = [*main].index(level) / max(1, len(main) - 1), main[level]
        for name, words in (("loss", ""), ("random_loss", ", random")):
            rows = [[line["values"][name][place] for line in own] for place in range(len(own[0]["values"]["alpha"]))]
            known = [[value for value in row if value is not None] for row in rows]
            label = f"{density(own):.3g} %{words}"
            curves.append(Curve(label, own[0]["values"]["alpha"], known, shade=shade, dashed=bool(words)))
    unit = "lengths of the removed weights (1: as they were)"
    return Chart("basin", "Training loss along the removed weights", unit, "training loss", curves)


def _table(lines: Sequence[Line]) -> Table:
    rows = []
    for arm in arms_of(lines):
        for level, own in of_arm(lines, arm).items():
            cells = [written(mean(own, name), 4 if "back" in name else 2) for name in _COLUMNS]
            rows.append([str(level), arm, f"{density(own):.3g}", *cells])
    return Table(["level", "arm", "weights, %", *_COLUMNS.values()], rows)


SHOWN = _shown
