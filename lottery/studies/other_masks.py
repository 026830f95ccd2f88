"""Other masks than a ticket's, of the same counts in each layer, for it to be compared with."""

import torch

from lottery.networks import masks
from lottery.networks.key import Key
from lottery.networks.masks import Mask
from lottery.networks.network import Network
from lottery.seeds import stream
from lottery.store.reader import Reader
from lottery.studies.selection import rate
from lottery.studies.setting import Setting


def other_mask(parent: Reader, setting: Setting, key: Key, ticket: Mask, kind: str) -> Mask:
    """Return a mask with as many weights in each layer as a ticket's.

    Args:
        kind: the ticket's shuffled within layers (shuffle); drawn anew (random: the distribution of shuffle, from a
            stream of its own); or of the weights that pruning removed first (invert; Frankle et al. 2021).
    """
    generator = stream(setting.config.seed, "mask", key.replicate, key.level, "rewind", kind)
    if kind == "invert":
        return _inverted(parent, setting, key, ticket, generator)
    return masks.shuffle(ticket, generator)


def _inverted(parent: Reader, setting: Setting, key: Key, ticket: Mask, generator: torch.Generator) -> Mask:
    """Return the same number of weights in each layer, of those that pruning removed first.

    Weights are ordered by the round that removed them, then by their score in it; the ticket is the top of that order,
    also where it was drawn from equal scores, and this is its bottom.
    """
    pruning, replicate = setting.config.pruning, key.replicate
    initial = parent.read_state(Key(replicate, 0, "dense"), 0, setting.like.state)
    order = {name: torch.zeros(mask.shape, dtype=torch.float64) for name, mask in ticket.items()}
    for number in [key.level] * (key.level > 0) if pruning.one_shot else range(1, key.level + 1):
        source = setting.main(replicate, 0 if pruning.one_shot else number - 1)
        state = parent.read_weights(source, setting.like.state)
        alive = parent.read_mask(source, setting.like.mask)
        draws = stream(setting.config.seed, "prune", replicate, number)
        for name, values in rate(setting, pruning.score, replicate, Network(state, alive), draws, initial).items():
            # Ranks, not the scores themselves, which may be of any sign and size.
            ranks = values.unique(return_inverse=True)[1]
            order[name] = torch.where(alive[name], number * values.numel() + ranks, order[name])
    reverse = {name: -values - 0.5 * ticket[name] for name, values in order.items()}
    densities = {name: int(mask.sum()) / mask.numel() for name, mask in ticket.items()}
    everything = {name: torch.ones_like(mask) for name, mask in ticket.items()}
    return masks.keep_top(reverse, densities, everything, generator)
