"""Weights grow in other layers than those that dropped them: the network keeps its number of weights, layers don't.

Layers that are dense take no part: they are those that a user excluded, or that their allocation filled.
"""

import math
from collections.abc import Mapping

from torch import Tensor

from lottery.networks.masks import Mask
from lottery.topology import Moment
from lottery.topology._drop_grow import drop, grow, share


def sparse_layers(moment: Moment) -> Mask:
    """Return those of the mask's layers that aren't dense."""
    return {name: mask for name, mask in moment.mask.items() if not mask.all()}


def allot(total: int, shares: Mapping[str, float], kept: Mapping[str, Tensor]) -> dict[str, int]:
    """Return how many of `total` weights each layer grows: in proportion to the shares as far as there is room.

    A layer has room for 99 % of what is free in it, so that none fills up, or for all of it where the network is so
    dense that `total` would not fit. What exceeds a layer's room is spread evenly over those that have some left,
    again and again (Dettmers & Zettlemoyer 2019). What rounding down leaves over goes to the largest remainders.

    Args:
        total: at most the number of free weights.
        shares: name -> share, not negative; of any sum but zero.
        kept: name -> weights that are active already.
    """
    free = {name: mask.numel() - int(mask.count_nonzero()) for name, mask in kept.items()}
    room = {name: count * 99 // 100 for name, count in free.items()}
    if sum(room.values()) < total:
        room = free
    whole = sum(shares.values())
    wanted = {name: total * (shares[name] / whole) for name in kept}
    while excess := sum(max(count - room[name], 0.0) for name, count in wanted.items()):
        # Each round fills one layer at least, so this ends.
        wanted = {name: min(count, room[name]) for name, count in wanted.items()}
        below = [name for name, count in wanted.items() if count < room[name]]
        for name in below:
            wanted[name] += excess / len(below)
    counts = {name: math.floor(count) for name, count in wanted.items()}
    open_ = sorted((name for name in kept if counts[name] < room[name]), key=lambda name: counts[name] - wanted[name])
    for name in open_[: total - sum(counts.values())]:
        counts[name] += 1
    return counts


def redistribute(
    moment: Moment, fraction: float, importance: Mapping[str, Tensor], scores: Mapping[str, Tensor]
) -> Mask:
    """Return the mask when layers drop alike and grow by their importance (Dettmers & Zettlemoyer 2019).

    A layer's importance is the mean magnitude over its active weights; one without any has none. A layer of less than
    20 % sparsity and more than average importance drops no larger a fraction than its sparsity. Where importance says
    nothing, being zero everywhere or infinite, each layer grows what it dropped.

    Args:
        fraction: of a layer's active weights that it drops.
        importance: name -> gradient, or sum of gradients, of every weight.
        scores: name -> which weights to grow, the highest first.
    """
    layers = sparse_layers(moment)
    if not layers:
        return dict(moment.mask)
    shares = {name: float(importance[name][mask].abs().mean()) if mask.any() else 0.0
              for name, mask in layers.items()}  # fmt: skip
    average = sum(shares.values()) / len(shares)
    dropped = {}
    for name, mask in layers.items():
        active = int(mask.count_nonzero())
        sparsity = (mask.numel() - active) / mask.numel()
        nearly_dense = sparsity < 0.2 and shares[name] > average
        dropped[name] = share(min(sparsity, fraction) if nearly_dense else fraction, active)
    kept, total = drop(moment, dropped), sum(dropped.values())
    if not total:
        return dict(moment.mask)
    informative = 0 < average < math.inf
    grown = allot(total, shares if informative else {name: float(count) for name, count in dropped.items()}, kept)
    return dict(moment.mask) | grow(kept, grown, scores, moment.generator)
