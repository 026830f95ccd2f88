"""A number of weights is spread over layers in proportion."""

from collections.abc import Mapping


def spread(kept: float, shares: Mapping[str, float], sizes: Mapping[str, int]) -> dict[str, float]:
    """Return densities in proportion to the shares, none above 1, with `kept` weights in all.

    Where a layer would need more weights than it has, it stays dense and the others share what is left.

    Args:
        kept: number of weights, at most all there are.
        shares: name -> a number above 0.
        sizes: name -> number of weights of the layer.
    """
    dense: set[str] = set()
    while True:
        sparse = [name for name in shares if name not in dense]
        left = kept - sum(sizes[name] for name in dense)
        factor = left / sum(shares[name] * sizes[name] for name in sparse) if sparse else 0.0
        full = {name for name in sparse if factor * shares[name] > 1}
        if not full:
            return {name: 1.0 if name in dense else factor * share for name, share in shares.items()}
        dense |= full  # all at once: what one layer can't hold only raises the factor of the others
