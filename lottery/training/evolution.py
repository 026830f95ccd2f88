"""This module moves masks while sparse networks train, and with them weights and slots of the optimizer."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Literal

import torch
from torch import Tensor

from lottery import answers
from lottery.networks.cohort import Cohort
from lottery.networks.masks import Mask
from lottery.networks.network import State
from lottery.optimizers import Slots
from lottery.registry import Entry
from lottery.seeds import stream
from lottery.topology import Moment
from lottery.training.counts import Cost, Counts, Moves
from lottery.training.course import Course
from lottery.training.objective import Objective
from lottery.training.recipe import Member
from lottery.training.trainable import Trainable, load_masks, masks_of

_TRACE_DECAY = 0.9
"""Of the moving sum of dense gradients, where the optimizer has no momentum of its own."""


OnMove = Callable[[Cohort, Sequence[bool], int, Literal["before", "after"]], None]
"""Told of a cohort whose masks move: which members haven't diverged, the steps behind them once that is done."""


class Evolution(Trainable):
    """An evolution moves the masks of a cohort's members along a course, and counts what that does.

    Weights and optimizer slots of what is dropped become zero, and what is grown starts from slots of zero; what is
    dropped and grown again in the same update keeps both (as in the code of Evci et al. 2020).

    Attributes:
        on_move: called right before masks move, and right after it.
    """

    def __init__(self, cohort: Cohort, members: Sequence[Member], flops: Mapping[str, int], course: Course) -> None:
        """Follow `course` with all members of `cohort`, which is made to evolve; else see `Trainable`."""
        super().__init__(cohort, members, flops)
        self._course, self._traces = course, course.traces
        self._decay: float = self.recipe.optimizer.options.get("momentum") or _TRACE_DECAY
        self._trace = [torch.zeros_like(leaf, requires_grad=False) for leaf in self.leaves] if self._traces else []
        self._counts = Counts(cohort, course.names, flops, self.recipe.start)
        self._dense: Sequence[Tensor] = ()
        self._due = False
        self.on_move: OnMove | None = None

    def before_step(self, step: int) -> None:
        """Rest where an update takes the place of the step."""
        self._due = self._course.due(step)
        self.resting = self._due and self._course.replaces_step

    def gradients(self, inputs: Tensor, targets: Tensor, objective: Objective) -> tuple[Tensor, list[Tensor]]:
        """Return losses and gradients; those of pruned weights are kept first, where the rule asks for them.

        They are of what is minimised; in penalties pruned weights take no part, so there they are the task's loss's.
        """
        dense = self._traces or self.resting
        losses, gradients = objective.gradients(self.cohort, inputs, targets, masked=not dense)
        if self._traces:
            self.observe(gradients)
        if self.resting:
            self._dense = gradients
        elif dense:
            self.cohort.mask_gradients(gradients)
        return losses, gradients

    def observe(self, gradients: Sequence[Tensor]) -> None:
        """Take a step's dense gradients into the moving sum."""
        torch._foreach_mul_(self._trace, self._decay)
        torch._foreach_add_(self._trace, list(gradients))

    def after_step(self, step: int, slots: Slots, alive: Tensor) -> None:
        """Move the masks of the members that are alive, where they are due."""
        if not self._due:
            return
        self._counts.charge(step + (not self.resting), dense=self._traces, update=step if self.resting else None)
        lives = alive.tolist()
        if self.on_move:
            self.on_move(self.cohort, lives, step + 1, "before")
        self._move_all(step, slots, lives)
        if self.on_move:
            self.on_move(self.cohort, lives, step + 1, "after")
        self._dense = ()

    def _move_all(self, step: int, slots: Slots, alive: Sequence[bool]) -> None:
        # Without those that have no place for each weight, as Adam's count.
        moved = [tensors for tensors in slots.values() if tensors[0].dim()]
        for member, lives in enumerate(alive):
            gradients, trace = (
                self.cohort.view(tensors, member) if tensors else {} for tensors in (self._dense, self._trace)
            )
            now = self._moment(member, step, gradients, trace)
            if lives and _finite(gradients) and _finite(now.weights):
                self._counts.moved(member, now.mask, self._move(member, now, moved))

    def _moment(self, member: int, step: int, gradients: State, trace: State) -> Moment:
        names, key = self._course.names, self.members[member].key
        return self._course.moment(
            step,
            {name: self.cohort.weights[name][member].detach() for name in names},
            {name: self.cohort.masks[name][member].clone() for name in names},
            stream(self._course.seed, "topology", key.replicate, key.level, step),
            {name: gradients[name] for name in names if gradients},
            {name: trace[name] for name in names if trace},
        )

    def _move(self, member: int, now: Moment, slots: Sequence[Sequence[Tensor]]) -> Mask:
        """Move a member's mask, which is returned; weights and slots of what is dropped become zero."""
        topology = self._course.topology
        entry = topology.entry
        given = now if entry.own else _apart(entry, now)
        new: Mask = answers.tensors(entry, entry(given, **topology.options), now.mask)
        self.cohort.set_mask(member, new)
        if topology.growth == "random":
            _draw({name: self.cohort.weights[name][member] for name in new}, now, new)
        for slot in (self.cohort.view(tensors, member) for tensors in slots):
            for name, kept in new.items():
                slot[name].mul_(kept.to(slot[name].dtype))  # a product with a boolean mask takes ten times as long
        return new

    def pop(self) -> list[Moves]:
        """Return how each member's mask moved since the last call."""
        return self._counts.pop()

    def spent(self, step: int) -> list[float]:
        """Return the FLOPs of each member's training up to a step, for one image of the batch."""
        self._counts.charge(step, dense=self._traces)
        return self._counts.spent

    def costs(self, step: int) -> list[Cost]:
        """Return what each member's training up to a step took, and its share of weights ever active."""
        return [cost | {"ever_active": self._counts.ever_active(n)} for n, cost in enumerate(super().costs(step))]

    def state(self) -> dict[str, Tensor]:
        """Return what it takes to go on from here: masks, counts, the moving sum."""
        trace = {f"trace/{index}": trace for index, trace in enumerate(self._trace)}
        return masks_of(self.cohort) | self._counts.state() | trace

    def load(self, tensors: Mapping[str, Tensor]) -> None:
        """Go on from what `state` returned; raises KeyError or RuntimeError where it is of another cohort."""
        load_masks(self.cohort, tensors)
        self._counts.load(tensors)
        for index, trace in enumerate(self._trace):
            trace.copy_(tensors[f"trace/{index}"])


def _apart(entry: Entry, now: Moment) -> Moment:
    """Return a moment as a user's entry is given it."""
    return replace(
        now,
        weights=answers.apart(entry, now.weights), mask=answers.apart(entry, now.mask),
        gradients=answers.apart(entry, now.gradients), trace=answers.apart(entry, now.trace),
    )  # fmt: skip


def _finite(tensors: Mapping[str, Tensor]) -> bool:
    return all(math.isfinite(tensor.sum().item()) for tensor in tensors.values())


@torch.no_grad()
def _draw(weights: State, now: Moment, new: Mask) -> None:
    """Give what was grown random weights, spread as those of the layer that were active and are."""
    for name, kept in new.items():
        weight, grown = weights[name], kept & ~now.mask[name]
        active = weight[kept & now.mask[name]]
        if grown.any() and active.numel() > 1:
            noise = torch.randn(weight.shape, generator=now.generator).to(weight.device)
            weight[grown] = active.std() * noise[grown]
