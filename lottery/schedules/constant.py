"""A constant learning rate."""


def constant(step: int, length: int, epoch: int) -> float:  # noqa: ARG001
    """1 at every step."""
    return 1.0
