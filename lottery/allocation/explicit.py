"""The user gives densities."""

from collections.abc import Mapping
from typing import Annotated

import torch
from pydantic import Field

from lottery.config.values import Density
from lottery.networks.masks import matches


def explicit(
    density: float,
    shapes: Mapping[str, torch.Size],
    *,
    densities: Annotated[dict[str, Density], Field(min_length=1, max_length=1000)],
) -> dict[str, float]:
    """Keep the densities that are named; the other layers are alike, so that the whole has its density.

    Args:
        densities: name pattern, such as `output` or `stage_1.*` -> density of the layers that match it; the first match
            counts. Where every layer matches one, the whole must come to within 1% of `density`.

    Raises:
        ValueError: a pattern matches no layer, or the densities that are named make that of the whole impossible.
    """
    layers = {name: name.removesuffix(".weight") for name in shapes}
    for pattern in densities:
        if not any(matches(name, pattern) for name in shapes):
            raise ValueError(f"no layer is called {pattern!r}; there are {', '.join(layers.values())}")
    matching = {name: [value for pattern, value in densities.items() if matches(name, pattern)] for name in shapes}
    named = {name: values[0] for name, values in matching.items() if values}
    sizes = {name: shape.numel() for name, shape in shapes.items()}
    total = sum(sizes.values())
    left = density * total - sum(value * sizes[name] for name, value in named.items())
    rest = [name for name in shapes if name not in named]
    if not rest:
        if abs(left) > 0.01 * density * total:
            raise ValueError(
                f"the densities of all layers, {', '.join(layers.values())}, are given, and the whole then has density "
                f"{density - left / total:.4g}, not {density:.4g}"
            )
        return named
    others = left / sum(sizes[name] for name in rest)
    if others <= 0:
        raise ValueError(
            f"nothing is left for {layers[rest[0]]} at density {density:.4g}: the layers that are named keep "
            f"{density - left / total:.4g} of all weights"
        )
    if others > 1 + 1e-9:  # not for a number that was rounded on the way
        raise ValueError(
            f"{layers[rest[0]]} would have to keep {others:.4g} of its weights to bring the whole to density "
            f"{density:.4g}; let the layers that are named keep more"
        )
    return {name: named.get(name, min(others, 1.0)) for name in shapes}
