"""What training costs."""


def step_flops(sparse: float, dense: float, *, dense_gradient: bool) -> float:
    """FLOPs of a training step for one image."""
    return 2 * sparse + dense if dense_gradient else 3 * sparse
