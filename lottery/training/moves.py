"""An update moves one member's mask, and with it its weights and its slots of the optimizer."""

from collections.abc import Sequence

import torch
from torch import Tensor

from lottery.networks.cohort import Cohort
from lottery.networks.masks import Mask
from lottery.networks.network import State
from lottery.topology import Moment
from lottery.training.course import Course


def move(cohort: Cohort, member: int, course: Course, now: Moment, slots: Sequence[Sequence[Tensor]]) -> Mask:
    """Move a member's mask, which is returned; weights and slots of what is dropped become zero.

    Args:
        cohort: whose member it is.
        member: which one.
        course: names the rule, and what grown weights start from.
        now: the member.
        slots: of the optimizer; each has a tensor for each leaf.
    """
    new: Mask = course.topology.entry(now, **course.topology.options)
    cohort.set_mask(member, new)
    if course.topology.growth == "random":
        _draw({name: cohort.weights[name][member] for name in new}, now, new)
    for slot in (cohort.view(tensors, member) for tensors in slots):
        for name, kept in new.items():
            slot[name].mul_(kept.to(slot[name].dtype))  # a product with a boolean mask takes ten times as long
    return new


@torch.no_grad()
def _draw(weights: State, now: Moment, new: Mask) -> None:
    """Give what was grown random weights, spread as those of the layer that were active and are."""
    for name, kept in new.items():
        weight, grown = weights[name], kept & ~now.mask[name]
        active = weight[kept & now.mask[name]]
        if grown.any() and active.numel() > 1:
            noise = torch.randn(weight.shape, generator=now.generator).to(weight.device)
            weight[grown] = active.std() * noise[grown]
