"""Dynamic sparse reparameterization moves weights between layers."""

from lottery.config.values import Proportion
from lottery.networks import masks
from lottery.networks.masks import Mask
from lottery.seeds import derived
from lottery.topology import Moment
from lottery.topology._drop_grow import DropSchedule, annealed, grow, random_scores, share
from lottery.topology._redistribute import allot, sparse_layers


def dsr(moment: Moment, *, drop_fraction: Proportion = 0.3, drop_schedule: DropSchedule = "cosine") -> Mask:
    """DSR: drop the network's smallest weights, grow as many at random where most survived (Mostafa & Wang 2019).

    Layers are ranked together, dense ones left out, and grow in proportion to the weights that they kept. The original
    drops what is below a threshold, doubled or halved after each update until the number dropped is near its target;
    here the threshold is the one that meets the target exactly, at every update. That target is the fraction of the
    other methods, to compare on equal terms; the original's is a constant number.

    Args:
        drop_fraction: share of the network's active weights that the first updates drop.
        drop_schedule: how that share falls until the last update.
    """
    layers = sparse_layers(moment)
    active = masks.count(layers)
    total = share(annealed(moment, drop_fraction, drop_schedule), active)
    if not total:
        return dict(moment.mask)
    magnitudes = {name: moment.weights[name].abs() for name in layers}
    left = (active - total) / masks.total(layers)
    kept = masks.keep_top(magnitudes, left, layers, derived(moment.generator, "drop"))
    survivors = {name: float(mask.count_nonzero()) for name, mask in kept.items()}
    grown = allot(total, survivors, kept)
    return dict(moment.mask) | grow(kept, grown, random_scores(moment), moment.generator)
