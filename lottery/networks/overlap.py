"""Two masks overlap by more or less than chance."""

from collections.abc import Mapping

from torch import Tensor

from lottery.networks import masks


def overlap(first: Mapping[str, Tensor], second: Mapping[str, Tensor]) -> tuple[float, float]:
    """Return the share of the smaller mask's weights that the other one keeps too, and what chance would give.

    Chance means masks drawn independently with the same number of weights in each layer.

    Args:
        first: name -> weights kept, bool.
        second: the same names and shapes.

    Raises:
        ValueError: a mask keeps nothing.
    """
    smaller = min(masks.count(first), masks.count(second))
    if not smaller:
        raise ValueError("a mask that keeps nothing has nothing in common with another")
    common = sum(int((kept & second[name]).count_nonzero()) for name, kept in first.items())
    expected = sum(
        int(kept.count_nonzero()) * int(second[name].count_nonzero()) / kept.numel() for name, kept in first.items()
    )
    return common / smaller, expected / smaller
