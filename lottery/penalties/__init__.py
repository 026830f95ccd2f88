"""A penalty, `penalty(weights, mask, past, *, strength, ...)`, is a term that is added to the loss a network minimises.

It looks at one network at one step, without a member axis: `weights` (zero where pruned) and `mask` are name -> tensor.
It returns a tensor of no dimension that autograd can differentiate by `weights`; that gradient is added to the one of
the task's loss. Kept weights alone take part: what is pruned counts neither in the value nor in the gradient.

A file says in `TRAITS` what its penalty needs:

- `optima`: it compares with what rounds before were trained to; where no round is before, it isn't asked.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from torch import Tensor


@dataclass(frozen=True)
class Past:
    """A past is what a penalty may compare a network's weights with. Nothing in it may be changed.

    Attributes:
        start: name -> weight that this training of the network started from, zero where it was pruned.
        optima: name -> weights `[rounds, *shape]` that the main networks of all rounds before were trained to, in the
            same replicate, the dense one first; empty where the penalty doesn't ask for them.
    """

    start: Mapping[str, Tensor]
    optima: Mapping[str, Tensor]
