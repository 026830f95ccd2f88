"""An objective is what training minimises."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from lottery import answers, devices
from lottery.config.train import Penalty
from lottery.networks.cohort import Cohort
from lottery.penalties import Past
from lottery.tasks import Task


@dataclass(frozen=True)
class Objective:
    """An objective is a task's loss with label smoothing, and penalties; with neither, networks are evaluated by it.

    Attributes:
        penalties: that are added to the loss of each member.
        past: what they compare each member's weights with.
    """

    task: Task
    label_smoothing: float = 0.0
    penalties: Sequence[Penalty] = ()
    past: Sequence[Past] = ()

    def __call__(self, outputs: Tensor, targets: Tensor, *, reduction: Literal["mean", "none"] = "mean") -> Tensor:
        """Return the mean loss of one network's outputs, `[n, ...]`, or that of each example, penalties left out."""
        return self.task.loss(outputs, targets, label_smoothing=self.label_smoothing, reduction=reduction)

    def gradients(
        self, cohort: Cohort, inputs: Tensor, targets: Tensor, *, masked: bool = True
    ) -> tuple[Tensor, list[Tensor]]:
        """Return each member's loss without penalties, and the gradient of each leaf with them: `Cohort.gradients`."""
        if not self.penalties:
            return cohort.gradients(inputs, targets, self, masked=masked)
        losses, gradients = cohort.gradients(inputs, targets, self, masked=False)
        for member, past in enumerate(self.past):
            weights = cohort.view(cohort.leaves, member)
            mask = {name: cohort.masks[name][member] for name in weights}
            added = cohort.view(gradients, member)
            for penalty in self.penalties:
                for name, gradient in _gradients(penalty, weights, mask, past).items():
                    added[name].add_(gradient)
        if masked:
            cohort.mask_gradients(gradients)
        return losses, gradients


def _gradients(
    penalty: Penalty, weights: Mapping[str, Tensor], mask: Mapping[str, Tensor], past: Past
) -> dict[str, Tensor]:
    """Return the gradient of a penalty with respect to each weight of one network."""
    entry = penalty.entry
    leaves = {name: weight.detach() for name, weight in weights.items()}
    if not entry.own:
        leaves, mask = dict(answers.apart(entry, leaves)), answers.apart(entry, mask)
        past = Past(answers.apart(entry, past.start), answers.apart(entry, past.optima))
    for leaf in leaves.values():
        leaf.requires_grad_()
    value = answers.term(entry, entry(leaves, mask, past, **penalty.options), leaves)
    try:
        found = torch.autograd.grad(value, list(leaves.values()), allow_unused=True, materialize_grads=True)
    except RuntimeError as error:
        if entry.own or devices.lacks_memory(error):
            raise
        reason = str(error).partition("\n")[0]
        raise answers.wrong(
            entry, f"what autograd can't differentiate ({reason})", "a number computed without changes in place"
        ) from error
    return dict(zip(leaves, found, strict=True))
