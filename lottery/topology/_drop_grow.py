"""Topologies of a constant number of weights drop some and grow as many elsewhere."""

import math
from collections.abc import Mapping
from typing import Literal

import torch
from torch import Tensor

from lottery.networks import masks
from lottery.networks.masks import Mask
from lottery.networks.subject import Subject
from lottery.scores.random import random
from lottery.seeds import derived
from lottery.topology import Moment

DropSchedule = Literal["constant", "cosine", "linear", "inverse_power"]


def annealed(moment: Moment, initial: float, schedule: DropSchedule) -> float:
    """Return the share of active weights that is dropped at this moment.

    Time t is `step + 1`: an update counts as a step whether it replaces one or follows it, so the first is made at
    t = start + interval, and one at t = end drops nothing, save under `constant`. (Google's code updates at
    t = 0 as well, and doesn't count an update that replaces a step.) With x = (t - start) / (end - start), what is left
    of `initial` is (1 + cos(pi x)) / 2 under `cosine` (Evci et al. 2020), 1 - x under `linear` and (1 - x) ** 3 under
    `inverse_power`.

    Args:
        moment: the step, and when updates start and end.
        initial: share at the start.
        schedule: how it falls from there.
    """
    passed = (moment.step + 1 - moment.start) / (moment.end - moment.start)
    match schedule:
        case "constant":
            return initial
        case "cosine":
            return initial / 2 * (1 + math.cos(math.pi * passed))
        case "linear":
            return initial * (1 - passed)
        case "inverse_power":
            return initial * (1 - passed) ** 3


def share(fraction: float, count: int) -> int:
    """Return `fraction` of `count` things, rounded down."""
    return math.floor(fraction * count + 1e-9)  # 0.29 * 100 is 28.999999999999996


def drop(moment: Moment, counts: Mapping[str, int]) -> Mask:
    """Return what is left of the layers of `counts` without so many of their active weights of smallest magnitude.

    Active is what the mask says: a weight just grown is zero and takes part, one that isn't active doesn't. Which
    of equal magnitudes go is left to chance, by a stream of the moment's.

    Args:
        counts: name -> number of weights to drop, at most those active.
    """
    magnitudes = {name: moment.weights[name].abs() for name in counts}
    left = {name: int(moment.mask[name].count_nonzero()) - count for name, count in counts.items()}
    return masks.keep_top(magnitudes, _densities(left, moment.mask), moment.mask, derived(moment.generator, "drop"))


def grow(
    kept: Mapping[str, Tensor], counts: Mapping[str, int], scores: Mapping[str, Tensor], generator: torch.Generator
) -> Mask:
    """Return the layers of `kept` with so many more weights, those of highest score.

    Every weight that isn't kept may grow, whether it was dropped just now or long ago: near-dense layers would lose
    weights otherwise.

    Args:
        kept: name -> weights that are active already.
        counts: name -> number of weights to grow, at most those free.
        scores: name -> score of every weight.
        generator: the moment's; which of equal scores grow is left to chance, by a stream of it.
    """
    free = {name: ~mask for name, mask in kept.items()}
    wanted = {name: scores[name] for name in kept}
    grown = masks.keep_top(wanted, _densities(counts, kept), free, derived(generator, "grow"))
    return {name: mask | grown[name] for name, mask in kept.items()}


def exchange(moment: Moment, fraction: float, scores: Mapping[str, Tensor]) -> Mask:
    """Return the mask after an update in which each layer keeps its number of weights (Evci et al. 2020, alg. 1).

    A dense layer stays as it is: what it drops is all that can grow.

    Args:
        fraction: of each layer's active weights, dropped and grown again.
        scores: name -> which weights to grow, the highest first.
    """
    counts = {name: share(fraction, int(mask.count_nonzero())) for name, mask in moment.mask.items()}
    return grow(drop(moment, counts), counts, scores, moment.generator)


def random_scores(moment: Moment) -> dict[str, Tensor]:
    """Return a random number for each weight, from the moment's generator."""
    return random(Subject(moment.weights, moment.mask), moment.generator)


def _densities(counts: Mapping[str, int], mask: Mapping[str, Tensor]) -> dict[str, float]:
    """Return densities that `keep_top` turns back into just these counts: no rounding shifts one below 2 ** 50."""
    return {name: count / mask[name].numel() for name, count in counts.items()}
