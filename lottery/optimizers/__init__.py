"""An optimizer, `optimizer(weights, gradients, slots, factor, *, lr, ...)`, moves weights and slots, in place.

They are torch's fused kernels, called as functions: elementwise, so that they may step stacked tensors; with slots that
are plain lists of tensors, one for each weight, so that they can be saved, masked and moved; and without the classes of
`torch.optim`, whose first use imports a compiler for a second.

There is one gradient for each weight, of its shape. `factor` is that on the learning rate, at this step: a tensor where
the step is captured in a graph. Slots are zero at the start. A weight of zero, with a gradient and slots of zero, is
then moved by exactly zero (decay included): masking the gradient keeps a pruned weight pruned.
"""

from collections.abc import Sequence

import torch
from torch import Tensor

Slots = dict[str, list[Tensor]]
"""Name of a slot -> one tensor for each weight; empty before the first step."""


def slot(slots: Slots, name: str, weights: Sequence[Tensor]) -> list[Tensor]:
    """Return the slot `name`, made of zeros like `weights` if it isn't there yet."""
    if name not in slots:
        slots[name] = [torch.zeros_like(weight, requires_grad=False) for weight in weights]
    return slots[name]


def counts(slots: Slots, weights: Sequence[Tensor]) -> list[Tensor]:
    """Return the steps taken, as torch's kernels want them: a float for each weight, which they advance."""
    if "steps" not in slots:
        slots["steps"] = [torch.zeros((), device=weight.device) for weight in weights]
    return slots["steps"]
