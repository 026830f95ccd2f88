"""Densities fall towards the output."""

from collections.abc import Mapping

import torch

from lottery.allocation._spread import spread
from lottery.config.values import Density


def smart_ratio(density: float, shapes: Mapping[str, torch.Size], *, last: Density = 0.3) -> dict[str, float]:
    """Keep shares of layers l of L proportional to (L-l+1)² + (L-l+1), of the last linear one 0.3 (Su et al. 2020).

    l = 1 is the layer next to the input, shortcuts and the last linear layer are counted. The last linear layer keeps
    `last` of its weights; the other densities are in that proportion, with the factor that gives the whole its
    density. A layer that would need more weights than it has stays dense and the others share the excess, again in
    proportion. Only where they are all dense, the last linear layer keeps more, too: so density 1 is the dense network.

    The authors' code hands such an excess to the next layers in turn, divides the share by l² for VGG, and holds every
    linear layer at 0.3; here one rule is for all networks.

    Args:
        shapes: name -> shape of each weight, from the input to the output.
        last: density of the last linear layer.

    Raises:
        ValueError: the last linear layer leaves nothing for the others.
    """
    sizes = {name: shape.numel() for name, shape in shapes.items()}
    shares = {name: float(k * k + k) for name, k in zip(shapes, range(len(shapes), 0, -1), strict=True)}
    kept = density * sum(sizes.values())
    linear = [name for name, shape in shapes.items() if len(shape) == 2]
    if not linear or len(shapes) == 1:
        return spread(kept, shares, sizes)
    output = linear[-1]
    del shares[output]
    others = sum(sizes[name] for name in shares)
    own = max(last * sizes[output], kept - others)
    if own >= kept:
        raise ValueError(
            f"{output.removesuffix('.weight')} keeps {last:g} of its {sizes[output]:,} weights, which leaves nothing "
            f"for the other layers at density {density:.4g}; set a lower `last`"
        )
    densities = spread(kept - own, shares, sizes) | {output: min(own / sizes[output], 1.0)}
    return {name: densities[name] for name in shapes}
