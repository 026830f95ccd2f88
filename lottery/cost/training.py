"""This module counts what training costs, in floating-point operations; nothing is timed.

f_S and f_D are the FLOPs of one forward pass for one sample, of the sparse network and of the dense one. A backward
pass takes two such passes: a gradient with respect to the activations and one with respect to the weights. Optimizer,
normalisation, loss and the ranking of weights are left out (RigL, Evci et al. 2020).
"""


def step_flops(sparse: float, dense: float, *, dense_gradient: bool = False) -> float:
    """Return the FLOPs of a training step for one sample: 3 f_S; where all weights' gradients are wanted, 2 f_S + f_D.

    With f_S = f_D it is the 3 f_D of dense training. RigL needs the dense gradient at its updates, SNFS at each step;
    static networks, SET and gradual pruning never do.

    Args:
        dense_gradient: whether the gradient with respect to inactive weights is needed, too.
    """
    return 2 * sparse + (dense if dense_gradient else sparse)
