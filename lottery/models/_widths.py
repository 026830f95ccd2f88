"""Widths of layers are scaled here."""


def scaled(width: int, scale: float) -> int:
    """Return the channels or units of a layer `scale` times as wide: rounded, and at least one."""
    return max(1, round(scale * width))
