"""The analysis `interpolation` looks at the loss on the line from a network's start to its end, and beyond both."""

from collections.abc import Callable, Iterator, Sequence
from functools import cache, partial
from typing import Annotated

from pydantic import Field

from lottery.analyses._lines import Levels, arms_of, density, of_arm, value, values, written
from lottery.config.values import Count
from lottery.exhibits import Chart, Curve, Exhibit, Findings, Line, Table
from lottery.explaining import curves
from lottery.explaining.barriers import largest_rise
from lottery.explaining.paths import evenly
from lottery.explaining.piece import Piece
from lottery.explaining.retrained import is_retrained
from lottery.explaining.survey import Survey
from lottery.explaining.trained import Trained
from lottery.networks.key import Key
from lottery.statistics import Estimate, estimate

_PATHS = {"training": "from start to end", "solution": "from the end to the pruning solution"}
_MOST_LEVELS = 4
"""That are drawn in one chart."""


def interpolation(
    trained: Trained,
    *,
    levels: tuple[int, ...] = (),
    arms: tuple[str, ...] = (),
    points: Annotated[int, Field(ge=2, le=1000)] = 29,
    low: Annotated[float, Field(ge=-10, le=0)] = -0.2,
    high: Annotated[float, Field(ge=1, le=10)] = 1.2,
    images: Count = 10_000,
    recompute_over: Count = 1000,
) -> Iterator[Piece]:
    """Measure training loss and test error on the line from a network's start to its end, and to its pruning solution.

    Where training leads down a valley, the loss falls on the straight line, too (Goodfellow et al. 2015); a ticket that
    relearns the solution it was pruned from has no barrier before it (Evci et al. 2022).

    Args:
        levels: whose networks; all where none are named.
        arms: likewise; dense networks, tickets and sparse ones, where none are named.
        points: even ones of the line, both ends included; 0 and 1 are looked at besides them.
        low: where the line begins; the network's start is at 0, or its end on the line to the solution.
        high: where it ends; the network's end, or the solution, is at 1.
        images: most training images that networks are evaluated on, drawn at random; all test images always are.
        recompute_over: training images that batch normalisation's statistics are recomputed over at each point.
    """
    survey = cache(lambda: Survey(trained.setting, images, recompute_over))
    shares = sorted({*evenly(points, low, high), 0.0, 1.0})  # what a barrier is measured from
    for key in trained.among(levels, arms):
        if not key.order and (arms or trained.main(key.replicate, key.level) == key):
            yield Piece({"path": "training", **key._asdict()}, partial(_found, trained, survey, shares, key))
            if is_retrained(trained, key):
                towards = partial(_found, trained, survey, shares, key, to_solution=True)
                yield Piece({"path": "solution", **key._asdict()}, towards)


def _found(
    trained: Trained, survey: Callable[[], Survey], shares: Sequence[float], key: Key, *, to_solution: bool = False
) -> Findings:
    end = trained.end(key)
    one, other = (end, trained.solution(key)) if to_solution else (trained.start(key), end)
    found = curves.found(survey(), one, other, shares, [key.replicate])
    inside = [loss for share, loss in zip(shares, found["train_loss"], strict=True) if 0 <= share <= 1]
    return {"density": trained.lines[key]["density"], **found, "largest_rise": largest_rise(inside)}


def SHOWN(lines: Sequence[Line]) -> Exhibit:  # noqa: N802
    """Show whether the loss falls all the way from start to end, and what stands before the pruning solution."""
    paths = {path: [line for line in lines if line["of"]["path"] == path] for path in _PATHS}
    there = {path: own for path, own in paths.items() if own}
    first = lines[0]["values"]
    recomputed = (
        f" Batch normalisation's statistics are recomputed at each point over {first['recomputed_over']:,} training "
        "images."
        if first["recomputed_over"]
        else ""
    )
    return Exhibit(
        "The loss on straight lines",
        [sentence for path, own in there.items() for sentence in _answers(path, own)],
        [chart for path, own in there.items() for chart in _charts(path, own)],
        _table(there),
        f"The loss over {first['train_images']:,} training images, and the {first['error']} over "
        f"{first['test_images']:,} test images, of networks between two, and beyond (Goodfellow et al. 2015; Evci "
        f"et al. 2022). A barrier is the highest loss between 0 and 1, less the mean of both ends.{recomputed}",
    )


def _answers(path: str, lines: Sequence[Line]) -> Iterator[str]:
    for arm in [None] if of_arm(lines) else arms_of(lines):
        levels = of_arm(lines, arm)
        found = {
            level: _mean(own, "largest_rise" if path == "training" else "train_loss_barrier")
            for level, own in levels.items()
        }
        known = {level: one for level, one in found.items() if one is not None}
        if not known:
            continue
        worst = max(known, key=lambda level: known[level].mean)
        where = f"{written(known[worst])} nats at {density(levels[worst]):.3g} % of the weights"
        own = [value(line, "largest_rise") for level in levels.values() for line in level]
        if path == "training":
            falling = sum(rise == 0 for rise in own)
            rest = "" if falling == len(own) else f"; it rises on the way by {where} at most"
            yield f"From start to end the training loss falls all the way in {falling} of {len(own)} networks{rest}."
        else:
            sure = (known[worst].low or 0) > 0
            said = f"a barrier of the training loss of {where}" if sure else f"no clear barrier: {where} at most"
            yield f"Before the pruning solution stands {said}."


def _mean(lines: Sequence[Line], name: str) -> Estimate | None:
    found = values(lines, name)
    return estimate([*found.values()]) if found else None


def _charts(path: str, lines: Sequence[Line]) -> Iterator[Chart]:
    """Yield loss and error along the line, at a few densities, of what the study is about, or of its first control."""
    levels = of_arm(lines) or of_arm(lines, arms_of(lines)[0])
    numbers = list(levels)
    few = sorted({round(place * (len(numbers) - 1) / (_MOST_LEVELS - 1)) for place in range(_MOST_LEVELS)})
    shown = {numbers[place]: levels[numbers[place]] for place in few}
    error = lines[0]["values"]
    for name, unit in (
        ("train_loss", "training loss, nats"),
        ("test_error", f"test {error['error']}, {error['unit']}"),
    ):
        yield Chart(
            f"{name.replace('_', '-')}-{path}", f"{unit.partition(',')[0].capitalize()} on the line {_PATHS[path]}",
            "share of the way, α", unit, _curves(shown, name), marks=[0, 1], limits=(0, None),
        )  # fmt: skip


def _curves(levels: Levels, name: str) -> list[Curve]:
    drawn = []
    for place, lines in enumerate(levels.values()):
        along = [line["values"][name] for line in lines]
        y = [[one for one in column if one is not None] for column in zip(*along, strict=True)]
        shade = place / max(1, len(levels) - 1)
        drawn.append(Curve(f"{density(lines):.3g} %", lines[0]["values"]["alpha"], y, shade=shade))
    return drawn


def _table(paths: dict[str, list[Line]]) -> Table:
    error = next(iter(paths.values()))[0]["values"]["error"]
    rows = [
        [path, arm, str(level), f"{density(own):.3g}", *_numbers(path, own)]
        for path, lines in paths.items()
        for arm in arms_of(lines)
        for level, own in of_arm(lines, arm).items()
    ]
    named = ["largest rise, nats", "barrier of the loss, nats", f"of the test {error}"]
    return Table(["line", "arm", "level", "weights, %", *named], rows)


def _numbers(path: str, own: Sequence[Line]) -> list[str]:
    """Return how far the loss rises, and of two ends of training, what stands between: of start and end, only that."""
    rise = written(_mean(own, "largest_rise"))
    if path == "training":
        return [rise, "", ""]
    return [rise, written(_mean(own, "train_loss_barrier")), written(_mean(own, "test_error_barrier"), 2)]
