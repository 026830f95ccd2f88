"""The analysis `connectivity` asks whether networks are connected by a straight line on which the error stays low."""

from collections.abc import Callable, Iterator, Sequence
from functools import cache, partial
from typing import Annotated, Literal

from pydantic import Field

from lottery.analyses._barrier_charts import charts_of
from lottery.analyses._barrier_table import table
from lottery.analyses._barriers import KINDS, STABLE_BELOW, groups, unit
from lottery.analyses._barriers_told import sentences
from lottery.analyses._pairs import PAIRS, Pair
from lottery.config.values import Count
from lottery.exhibits import Exhibit, Findings, Line
from lottery.explaining import curves
from lottery.explaining.paths import evenly
from lottery.explaining.piece import Piece
from lottery.explaining.retrained import draws, origin
from lottery.explaining.survey import Survey
from lottery.explaining.trained import Lacking, Trained, go_on
from lottery.networks.network import Network


def connectivity(
    trained: Trained,
    *,
    between: Literal["all", "orders", "levels", "replicates", "solution"] = "all",
    levels: tuple[int, ...] = (),
    arms: tuple[str, ...] = (),
    points: Annotated[int, Field(ge=2, le=1000)] = 30,
    images: Count = 10_000,
    recompute_over: Count = 1000,
) -> Iterator[Piece]:
    """Measure the error barrier between networks: along the straight line between them, on test and training data.

    The barrier is the highest error on the line, less the mean of its two ends; below 2 points networks are stable
    (Frankle et al. 2020). Pairs are `orders`, copies that left one network at the same step and differ in the order of
    batches and augmentation alone; `levels`, what a level is about and the next one's (Maene et al. 2021);
    `replicates`, what a level is about and the same of another replicate; `solution`, a network and the pruning
    solution of its level (Evci et al. 2022).

    Args:
        between: which pairs; `all` that the run has the networks for.
        levels: whose networks; all where none are named.
        arms: likewise; where none are named all of copies, and else dense networks, tickets and sparse ones alone.
        points: even ones of the line, both ends included.
        images: most training images that networks are evaluated on, drawn at random; all test images always are.
        recompute_over: training images that batch normalisation's statistics are recomputed over at each point.
    """
    survey = cache(lambda: Survey(trained.setting, images, recompute_over))
    shares = evenly(points)
    kinds = list(PAIRS) if between == "all" else [between]
    keys = trained.among(levels, arms)
    pairs = {kind: PAIRS[kind](trained, keys, bool(arms)) for kind in kinds}
    if not any(pairs.values()):
        raise Lacking(f"{trained.run.path} has {_lack(trained, kinds[0])}")
    for kind, found in pairs.items():
        for pair in found:
            yield Piece(_of(trained, kind, pair), partial(_found, trained, survey, shares, pair))


def _lack(trained: Trained, kind: str) -> str:
    """Return what a run lacks for pairs of a kind, and the command that makes it."""
    run, number = origin(trained), draws(trained)
    level = max((key.level for key in trained.keys), default=0)
    return {
        "orders": f"one training from each of {number} initializations: "
        f"{go_on(run, f'rewind RUN --level {level} --weights reinit --draws {number} --orders {2 * number}')} trains 2"
        if number > 1
        else f"one training of each network: {go_on(run, f'rewind RUN --level {level} --to 0it --orders 2')} "
        "trains copies in other orders",
        "levels": f"no successive rounds: {go_on(run, 'prune RUN --iterations 1')} adds one",
        "replicates": "no two replicates of a network; a run of `--replicates 2` has",
        "solution": "no network that was trained from a mask of pruned weights: "
        f"{go_on(run, 'prune RUN --iterations 1')} makes them",
    }[kind]


def _of(trained: Trained, kind: str, pair: Pair) -> dict[str, int | str]:
    first = {"between": kind, **pair.one._asdict(), "start_step": trained.lines[pair.one]["start_step"]}
    return first | ({f"with_{name}": part for name, part in pair.other._asdict().items()} if pair.other else {})


def _found(trained: Trained, survey: Callable[[], Survey], shares: Sequence[float], pair: Pair) -> Findings:
    other: Network = trained.solution(pair.one) if pair.other is None else trained.end(pair.other)
    replicates = dict.fromkeys(key.replicate for key in pair if key is not None)
    line = trained.lines[pair.one if pair.other is None else pair.other]
    about = {"density": line["density"], "steps": line["stop_step"]}
    if pair.other is not None and pair.other.level != pair.one.level:
        about["denser"] = trained.lines[pair.one]["density"]
    return about | curves.found(survey(), trained.end(pair.one), other, shares, list(replicates))


def SHOWN(lines: Sequence[Line]) -> Exhibit:  # noqa: N802
    """Show what barriers mean: which networks are stable, from which step on, at which densities."""
    found = groups(lines)
    by_kind = {kind: own for kind in KINDS if (own := [group for group in found if group.kind == kind])}
    charts = [chart for own in by_kind.values() for chart in charts_of(own)]
    first = lines[0]["values"]
    over = (
        f" Batch normalisation's statistics are recomputed at each point over {first['recomputed_over']:,} training "
        "images; beside it, the barrier with statistics as they are."
        if first["recomputed_over"]
        else ""
    )
    return Exhibit(
        "Stability: barriers between networks",
        [sentence for own in by_kind.values() for sentence in sentences(own)][:5],
        charts,
        table(found),
        f"The barrier is the highest {first['error']} of {len(first['alpha'])} networks on the straight line between "
        f"two, less the mean of its ends; below {STABLE_BELOW:.0f} {unit(first)} they are stable (Frankle et al. "
        f"2020). Verdicts are of {first['test_images']:,} test images; ± is the 95 % interval over replicates, "
        f"never narrower than counting answers leaves it; one replicate, or one pair of two, has none.{over}",
    )
