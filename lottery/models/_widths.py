"""Widths of layers."""


def scaled(width: int, scale: float) -> int:
    """Channels or units of a layer `scale` times as wide: rounded, and at least one."""
    return max(1, round(scale * width))
