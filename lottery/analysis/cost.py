"""What training costs and what pruning saves, in floating-point operations: counted, not timed.

f_S and f_D are the FLOPs of one forward pass for one sample, of the sparse network and of the dense one. A backward
pass takes two such passes: a gradient with respect to the activations and one with respect to the weights. Optimizer,
normalisation, loss and the ranking of weights are left out (RigL, Evci et al. 2020).
"""

import math
from collections.abc import Container, Sequence
from itertools import pairwise


def step_flops(sparse: float, dense: float, *, dense_gradient: bool = False) -> float:
    """FLOPs of one training step for one sample: 3 f_S; where all weights' gradients are asked for, 2 f_S + f_D.

    With f_S = f_D it is the 3 f_D of dense training. RigL needs the dense gradient at its updates, SNFS at each step;
    static networks, SET and gradual pruning never do.

    Args:
        sparse: f_S.
        dense: f_D.
        dense_gradient: whether the gradient with respect to inactive weights is needed, too.
    """
    return 2 * sparse + (dense if dense_gradient else sparse)


def amortised_rigl(sparse: float, dense: float, interval: int) -> float:
    """FLOPs of a step of RigL for one sample as in its paper: (3 f_S ΔT + 2 f_S + f_D) / (ΔT + 1).

    There an update comes after ΔT steps, as one that isn't counted among them, and updates never end.

    Args:
        sparse: f_S.
        dense: f_D.
        interval: ΔT, steps between updates.
    """
    update = step_flops(sparse, dense, dense_gradient=True)
    return (interval * step_flops(sparse, dense) + update) / (interval + 1)


def training_flops(
    history: Sequence[tuple[int, float]],
    dense: float,
    steps: int,
    samples_per_step: int,
    dense_gradients: Container[int] = (),
) -> float:
    """FLOPs of a whole training: `step_flops` of every step, added up, times the samples of one.

    With f_S,t at step t, per sample and step: static networks, SNIP and SET 3 f_S, gradual pruning 3 E[f_S,t], SNFS
    2 E[f_S,t] + f_D. Divided by that of a dense training, it is the column of the papers.

    Args:
        history: (step, f_S from that step on), ascending from step 0.
        dense: f_D.
        steps: of the training.
        samples_per_step: the batch size.
        dense_gradients: steps at which the dense gradient is needed, such as `range(steps)` for SNFS, and
            `range(interval, end + 1, interval)` for RigL, whose update takes the place of a training step.

    Raises:
        ValueError: the history doesn't ascend from step 0.
    """
    starts = [step for step, _ in history]
    if starts[:1] != [0] or any(first >= after for first, after in pairwise(starts)):
        raise ValueError("a history of FLOPs begins at step 0 and ascends")
    total = 0.0
    for (first, sparse), after in zip(history, [*starts[1:], steps], strict=True):
        span = range(first, min(after, steps))
        asked = sum(step in dense_gradients for step in span)
        total += asked * step_flops(sparse, dense, dense_gradient=True) + (len(span) - asked) * step_flops(
            sparse, dense
        )
    return total * samples_per_step


def theoretical_speedup(dense: float, sparse: float) -> float:
    """Multiply-adds of the dense network over those of the pruned one, f_D / f_S (Blalock et al. 2020).

    Args:
        dense: f_D; FLOPs or multiply-adds, as the ratio is the same.
        sparse: f_S; where it is 0, so is every output, and the speed-up is infinite.
    """
    return dense / sparse if sparse else math.inf


def compression_ratio(parameters: int, pruned: int) -> float:
    """Parameters of the dense network over those that pruning leaves (ShrinkBench; Blalock et al. 2020).

    All parameters of the model are counted, biases and normalisation included, although they are never pruned: the
    ratio is below 1 / density, which counts the weights of convolutions and linear layers alone.

    Args:
        parameters: of the whole model.
        pruned: weights that the mask prunes; a weight that is kept counts even where it is 0.
    """
    return parameters / (parameters - pruned) if parameters > pruned else math.inf
