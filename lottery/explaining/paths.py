"""A path leads straight from one network to another: what lies on it."""

from lottery.networks.network import Network


def between(one: Network, other: Network, share: float) -> Network:
    """Return the network at a share of the way between two: 0 is the one, 1 the other, and there is more beyond.

    Its mask keeps what either keeps. Numbers that aren't fractions, such as counts of batches, are those of the nearer.
    """
    nearer = one if share < 0.5 else other
    state = {
        # `lerp` is exact where both are the same, and the same from either end.
        name: value.lerp(other.state[name], share) if value.is_floating_point() else nearer.state[name]
        for name, value in one.state.items()
    }
    return Network(state, {name: mask | other.mask[name] for name, mask in one.mask.items()})


def evenly(points: int, low: float = 0.0, high: float = 1.0) -> list[float]:
    """Return so many even shares from low to high, both included; those from 0 to 1 are the same seen from 1."""
    return [round((low * (points - 1 - place) + high * place) / (points - 1), 12) for place in range(points)]
