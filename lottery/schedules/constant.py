"""The learning rate is constant."""


def constant(step: int, length: int, epoch: int) -> float:  # noqa: ARG001
    """Return 1 at every step."""
    return 1.0
