"""What a study will train: levels, their densities, and their members."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from lottery import registry
from lottery.networks.key import Key
from lottery.networks.masks import matches
from lottery.studies.setting import Setting
from lottery.training.recipe import Member, Recipe


@dataclass(frozen=True)
class Level:
    """The networks of one density. Level 0 is dense."""

    number: int
    density: float
    members: tuple[Member, ...]

    @property
    def steps(self) -> int:
        """Return the steps of training, summed over members."""
        return sum(member.recipe.steps for member in self.members)

    def groups(self) -> list[list[Member]]:
        """Return members that may go through the training loop together: those of one recipe."""
        groups: list[list[Member]] = []
        for member in sorted(self.members, key=lambda member: (member.recipe.start, member.recipe.stop)):  # stable
            own = next((group for group in groups if group[0].recipe == member.recipe), None)
            if own is None:
                groups.append([member])
            else:
                own.append(member)
        return groups


def largest_group(levels: Sequence[Level]) -> int:
    """Return how many members go through the training loop together at most."""
    return max(len(group) for level in levels for group in level.groups())


def dense_level(setting: Setting) -> Level:
    """Return level 0 of a study: the dense networks."""
    return Level(0, 1.0, _members(setting, 0, {"dense": setting.recipe}))


def pruned_level(setting: Setting, number: int) -> Level:
    """Return a level of tickets and, beside each, its controls."""
    ticket = retraining(setting)
    # What is freshly initialized trains for the full length, whatever the ticket is rewound to.
    controls = {
        arm: setting.recipe if "fresh" in registry.find("arms", arm).traits else ticket
        for arm in setting.config.pruning.arms
    }
    density = whole_density(setting, layer_densities(setting, number))
    return Level(number, density, _members(setting, number, {"ticket": ticket} | controls))


def sparse_level(setting: Setting, number: int) -> Level:
    """Return a level of networks that are sparse from the start."""
    density = whole_density(setting, setting.sparse_densities(number))
    return Level(number, density, _members(setting, number, {"sparse": setting.recipe}))


def _members(setting: Setting, level: int, recipes: Mapping[str, Recipe]) -> tuple[Member, ...]:
    """Return the members of a level: of each arm, every replicate in every order."""
    orders, replicates = range(setting.config.orders), range(setting.config.replicates)
    return tuple(
        Member(Key(replicate, level, arm, order), recipe)
        for arm, recipe in recipes.items()
        for order in orders
        for replicate in replicates
    )


def retraining(setting: Setting) -> Recipe:
    """Return how a pruned network is retrained: from which step of the schedule to which (Renda et al. 2020)."""
    length, pruning = setting.length, setting.config.pruning
    if setting.rewind_step is not None:
        return replace(setting.recipe, start=setting.rewind_step)
    again = pruning.retrain.steps(setting.epoch) if pruning.retrain else length
    start, stop = (length - again, length) if pruning.rewind == "learning_rate" else (length, length + again)
    return replace(setting.recipe, start=start, stop=stop)


def whole_density(setting: Setting, densities: float | Mapping[str, float]) -> float:
    """Return the density of the whole network, excluded layers counted in."""
    if not isinstance(densities, Mapping):
        densities = dict.fromkeys(setting.pruned, densities)
    sizes = {name: shape.numel() for name, shape in setting.shapes.items()}
    return sum(round(size * densities.get(name, 1.0)) for name, size in sizes.items()) / sum(sizes.values())


def layer_densities(setting: Setting, level: int) -> float | dict[str, float]:
    """Return the density of the pruned layers after `level` rounds: a float where they are ranked together.

    Otherwise one for each. Computed from the number of rounds, not from the round before, so that rounding never adds
    up.
    """
    if level == 0:
        return 1.0  # dense, whatever the allocation
    pruning = setting.config.pruning
    densities = setting.allocate(pruning, (1 - pruning.fraction) ** level)
    if isinstance(densities, dict):
        for name in densities:
            for pattern, fraction in pruning.fractions.items():
                if matches(name, pattern):
                    densities[name] = (1 - fraction) ** level
                    break
    return densities
