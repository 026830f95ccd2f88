"""The learning rate falls in steps."""

from lottery.config.values import Duration, Positive


def step(
    step: int,
    length: int,  # noqa: ARG001
    epoch: int,
    *,
    milestones: tuple[Duration, ...] = (),
    factor: Positive = 0.1,
) -> float:
    """Multiply by `factor` at each milestone.

    Args:
        milestones: when; from the step of that number on.
        factor: by how much.
    """
    return factor ** sum(step >= milestone.steps(epoch) for milestone in milestones)
