"""A mask says which weights a network keeps. `True` is kept; the keys are the state-dict names of the masked weights.

Everything here is about one network, without a member axis, and takes tensors and returns new ones.
"""

from collections.abc import Mapping
from fnmatch import fnmatchcase

import torch
from torch import Tensor

from lottery.seeds import derived

Mask = dict[str, Tensor]

_EVERY = 16
"""Of so many scores one is looked at to guess where the highest begin."""


def keep_top(
    scores: Mapping[str, Tensor],
    density: float | Mapping[str, float],
    mask: Mapping[str, Tensor],
    generator: torch.Generator,
) -> Mask:
    """Keep the weights of highest score, in exact number: the only place where weights are ranked.

    Weights already pruned stay so and take no part in the ranking. The number kept is `round(density * N)`, or all that
    are left where that is fewer. Where more weights have the lowest score kept than there is room for, those kept are
    drawn from them at random: the first ones would be whole rows, and leave other rows empty.

    Args:
        scores: name -> score of each weight, any shape.
        density: kept fraction of all N weights, ranked together (float), or of each layer's N, ranked in the layer.
        mask: name -> weights still there, same shapes.
        generator: whose seed the draws among ties derive from, a stream for each ranking; it is not drawn from itself.
            At higher densities the same seed keeps the same weights and more.

    Raises:
        ValueError: a density outside 0..1, or a score that is not a number where a weight is left.
    """
    if isinstance(density, Mapping):
        return {name: _keep(score, density[name], mask[name], generator, name) for name, score in scores.items()}
    flat = _keep(
        torch.cat([score.flatten() for score in scores.values()]),
        density,
        torch.cat([mask[name].flatten() for name in scores]),
        generator,
    )
    parts = flat.split([score.numel() for score in scores.values()])
    return {name: part.view(scores[name].shape) for name, part in zip(scores, parts, strict=True)}


def _keep(score: Tensor, density: float, alive: Tensor, generator: torch.Generator, *name: str) -> Tensor:
    if not 0 <= density <= 1:
        raise ValueError(f"density {density} is outside 0..1")
    # A sum is one pass over the scores, and a number where all of them are.
    if not score.sum().isfinite() and (score.isnan() & alive).any():
        raise ValueError("a score is not a number: the network it was taken from has diverged")
    left = int(alive.count_nonzero())
    count = min(round(density * alive.numel()), left)
    result = torch.zeros_like(alive).flatten()
    if count:
        above, tied = _split(score.flatten(), alive.flatten(), left, count)
        result[above] = True
        room = count - above.numel()
        if room < tied.numel():
            order = torch.randperm(tied.numel(), generator=derived(generator, "ties", *name))
            tied = tied[order[:room].to(tied.device)]
        result[tied] = True
    return result.view(alive.shape)


def _split(score: Tensor, alive: Tensor, left: int, count: int) -> tuple[Tensor, Tensor]:
    """Return the positions of weights above the `count`-th highest score, and of those that have just it, ascending.

    The score is found by selection, in linear time.
    """
    few_of_many = count < left // 10 and left > alive.numel() // 2
    # Positions, not boolean masks: on a CPU, indexing by them takes a third of the time.
    places = _candidates(score, alive, count) if few_of_many else alive.nonzero().flatten()
    values = score.index_select(0, places)
    threshold = values.kthvalue(values.numel() - count + 1).values
    return places[(values > threshold).nonzero().flatten()], places[(values == threshold).nonzero().flatten()]


def _candidates(score: Tensor, alive: Tensor, count: int) -> Tensor:
    """Return positions among which the `count` highest scores are, ascending: few, if a sample is like the whole."""
    values = score.masked_fill(~alive, -torch.inf)
    sample = values[::_EVERY]
    floor = sample.topk(min(sample.numel(), 2 * count // _EVERY + 16)).values[-1]
    places = (values >= floor).nonzero().flatten()
    return places if floor > -torch.inf and places.numel() >= count else alive.nonzero().flatten()


def full(state: Mapping[str, Tensor], names: list[str]) -> Mask:
    """Return the dense mask: every weight of `names` kept."""
    return {name: torch.ones_like(state[name], dtype=torch.bool) for name in names}


def shuffle(mask: Mapping[str, Tensor], generator: torch.Generator) -> Mask:
    """Permute each layer's mask at random: the per-layer counts stay, everything else is lost (Frankle et al. 2021)."""
    shuffled = {}
    for name, kept in mask.items():
        order = torch.randperm(kept.numel(), generator=generator).to(kept.device)
        shuffled[name] = kept.flatten()[order].view(kept.shape)
    return shuffled


def count(mask: Mapping[str, Tensor]) -> int:
    """Return the number of weights kept."""
    return sum(int(kept.count_nonzero()) for kept in mask.values())


def total(mask: Mapping[str, Tensor]) -> int:
    """Return the number of weights that the mask covers: the denominator of every density."""
    return sum(kept.numel() for kept in mask.values())


def overlap(first: Mapping[str, Tensor], second: Mapping[str, Tensor]) -> tuple[float, float]:
    """Return the share of the smaller mask's weights that the other one keeps too, and what chance would give.

    Chance means masks drawn independently with the same number of weights in each layer.

    Args:
        first: name -> weights kept, bool.
        second: the same names and shapes.

    Raises:
        ValueError: a mask keeps nothing.
    """
    smaller = min(count(first), count(second))
    if not smaller:
        raise ValueError("a mask that keeps nothing has nothing in common with another")
    common = sum(int((kept & second[name]).count_nonzero()) for name, kept in first.items())
    expected = sum(
        int(kept.count_nonzero()) * int(second[name].count_nonzero()) / kept.numel() for name, kept in first.items()
    )
    return common / smaller, expected / smaller


def density(mask: Mapping[str, Tensor]) -> float:
    """Return the share of the weights that are kept, of those that the mask covers."""
    return count(mask) / total(mask)


def matches(name: str, pattern: str) -> bool:
    """Return whether a parameter matches a shell-style pattern, by its name or, of a layer's weight, the layer's."""
    return fnmatchcase(name.removesuffix(".weight"), pattern) or fnmatchcase(name, pattern)
