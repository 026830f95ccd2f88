"""What a study's tickets are made of: where their weights are, how much two have in common, how large they are."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import combinations

import numpy as np
import torch
from numpy.typing import NDArray

from lottery.arms import is_main
from lottery.networks import masks
from lottery.networks.key import Key
from lottery.networks.masks import Mask, overlap
from lottery.reporting.quantities import kind
from lottery.reporting.series import shown
from lottery.statistics import Estimate, estimate
from lottery.store.reader import Reader

_BINS = 121

Place = tuple[int, int]
"""A replicate of a group of runs: position of its run, replicate there."""


@dataclass(frozen=True)
class Common:
    """What pairs of masks have in common.

    Attributes:
        density: kept share of the weights, of the sparser mask.
        shares: of its weights that the other mask keeps too, one for each pair.
        chance: mean over pairs of the share that chance would give.
    """

    density: float
    shares: Estimate
    chance: float


@dataclass
class Tickets:
    """The masks of a study's tickets, in numbers.

    Attributes:
        densities: level -> density of the network.
        layers: name of a layer -> its density at each level, mean over replicates.
        between_replicates: of two replicates at one level; chance: independent masks of the same layer densities.
        between_levels: of a replicate's ticket and the one at the sparse level before; chance as above. But where each
            round prunes what the one before left, the ticket lies within its parent whatever is chosen, so that chance
            gives all of it: 1.
    """

    densities: dict[int, float] = field(default_factory=dict)
    layers: dict[str, list[float]] = field(default_factory=dict)
    between_replicates: list[Common] = field(default_factory=list)
    between_levels: list[Common] = field(default_factory=list)

    @property
    def overlaps(self) -> dict[str, list[Common]]:
        """Title -> pairs, of the kinds of pairs that there are."""
        kinds = {
            "two replicates at one level": self.between_replicates,
            "one replicate at two levels": self.between_levels,
        }
        return {title: found for title, found in kinds.items() if found}


@dataclass(frozen=True)
class Weights:
    """How large the weights of a study's sparsest tickets are.

    Attributes:
        density: of the networks.
        layers: how many there are.
        limit: bins of equal width lie from minus to plus so many standard deviations of a layer's initialization.
        shares: which weights -> in each bin, their share per unit.
    """

    level: int
    density: float
    layers: int
    limit: float
    shares: dict[str, list[float]]


def _levels(group: Sequence[Reader]) -> dict[int, tuple[float, dict[Place, Key]]]:
    """Return level -> density of the network, and its tickets that did not diverge."""
    found: dict[int, tuple[float, dict[Place, Key]]] = {}
    for position, run in enumerate(group):
        for line in shown(run.levels()):
            if is_main(line["arm"]) and line["diverged"] is None:
                _, keys = found.setdefault(line["level"], (line["density"], {}))
                keys[position, line["replicate"]] = Key.of(line)
    return dict(sorted(found.items()))


def has_tickets(group: Sequence[Reader]) -> bool:
    """Return whether sparse networks of a study are trained that did not diverge."""
    return any(_levels(group))


def tickets(group: Sequence[Reader]) -> Tickets | None:
    """Return what the masks of repetitions of one study are like; None where no sparse network is trained.

    Raises:
        LotteryError: a mask is missing or damaged.
    """
    found, levels = Tickets(), _levels(group)
    if not any(levels):
        return None
    nested = all(1 in (kind(run).rounds_before(run.config, 2) or ()) for run in group)
    before: dict[Place, Mask] = {}
    parent_density = 1.0
    for level, (density, keys) in levels.items():
        own = {place: group[place[0]].read_mask(key) for place, key in keys.items()}  # no more than a level's are held
        found.densities[level] = density
        for name in next(iter(own.values())):
            shares = [int(mask[name].count_nonzero()) / mask[name].numel() for mask in own.values()]
            found.layers.setdefault(name.removesuffix(".weight"), []).append(sum(shares) / len(shares))
        own = {place: mask for place, mask in own.items() if masks.count(mask)}  # nothing has nothing in common
        if level:
            pairs = [overlap(*pair) for pair in combinations(own.values(), 2)]
            found.between_replicates += _common(density, pairs)
            pairs = [overlap(before[place], mask) for place, mask in own.items() if place in before]
            pairs = [(share, 1.0 if nested else chance) for share, chance in pairs]
            found.between_levels += _common(min(density, parent_density), pairs)
            before, parent_density = own, density
    return found


def _common(density: float, pairs: Sequence[tuple[float, float]]) -> list[Common]:
    shares = [share for share, _ in pairs]
    return [Common(density, estimate(shares), sum(chance for _, chance in pairs) / len(pairs))] if pairs else []


def weights(group: Sequence[Reader]) -> Weights | None:
    """Return the sparsest tickets' weights at initialization, kept and pruned, and the kept ones trained.

    None where no sparse network is trained, or where initializations aren't kept.

    Raises:
        LotteryError: a file of theirs is missing or damaged.
    """
    levels = _levels(group)
    if not any(levels):
        return None
    level, (density, keys) = list(levels.items())[-1]
    if not all(group[run].has_state(Key(replicate, 0, "dense"), 0) for run, replicate in keys):
        return None
    parts: dict[str, list[torch.Tensor]] = {"initial, kept": [], "initial, pruned": [], "trained, kept": []}
    layers = 0
    for (position, replicate), key in keys.items():
        run = group[position]
        mask = run.read_mask(key)
        layers = len(mask)
        initial, trained = run.read_state(Key(replicate, 0, "dense"), 0), run.read_weights(key)
        for name, kept in mask.items():
            # Layers of different scale share an axis; a layer of one weight, too, has a deviation.
            scale = initial[name].std(correction=0).clamp_min(1e-12)
            parts["initial, kept"].append(initial[name][kept] / scale)
            parts["initial, pruned"].append(initial[name][~kept] / scale)
            parts["trained, kept"].append(trained[name][kept] / scale)
    return _histogram(level, density, layers, {name: torch.cat(part).numpy() for name, part in parts.items()})


def _histogram(level: int, density: float, layers: int, parts: dict[str, NDArray[np.float32]]) -> Weights:
    values = {name: one for name, one in parts.items() if one.size}
    limit = max(float(np.quantile(np.abs(one), 0.999)) for one in values.values()) or 1.0
    shares = {
        name: np.histogram(one, _BINS, range=(-limit, limit), density=True)[0].tolist() for name, one in values.items()
    }
    return Weights(level, density, layers, limit, shares)
