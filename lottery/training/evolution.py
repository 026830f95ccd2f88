"""Masks that move while a sparse network trains: when, by which rule, and what it comes to."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from lottery.config.schema import Topology
from lottery.cost.flops import masked_flops
from lottery.cost.training import step_flops
from lottery.networks.cohort import Cohort
from lottery.optimizers import Slots
from lottery.seeds import stream
from lottery.store.files import Record
from lottery.topology import Moment

_TRACE_DECAY = 0.9
"""Of the moving sum of dense gradients, where the optimizer has no momentum of its own."""


@dataclass(frozen=True)
class Course:
    """A config's topology, in steps.

    Attributes:
        topology: name and options of the rule.
        density: at the end of training: of the weights that take part, ranked together, or of each layer.
        start: step from which on masks may move; the first update is an interval later.
        end: no update comes after it.
        length: of training.
        interval: between updates.
        names: of the weights that take part.
        seed: of the study.
    """

    topology: Topology
    density: float | Mapping[str, float]
    start: int
    end: int
    length: int
    interval: int
    names: Sequence[str]
    seed: int

    def due(self, step: int) -> bool:
        """Whether masks move at a step: at the last one of each interval, so that no network is moved untrained."""
        return self.start < step + 1 <= self.end and (step + 1 - self.start) % self.interval == 0


class Evolution:
    """Moves the masks of a cohort's members along a course, and counts what that does.

    Weights and optimizer slots of what is dropped become zero, and what is grown starts from slots of zero; what is
    dropped and grown again in the same update keeps both (as in the code of Evci et al. 2020).

    Attributes:
        leaves: the tensors that an optimizer steps, the cohort's own.
    """

    def __init__(
        self,
        cohort: Cohort,
        course: Course,
        members: Sequence[tuple[str | int, ...]],
        flops: Mapping[str, int],
        start: int,
        momentum: float = 0.0,
    ) -> None:
        """Follow `course` with all members of `cohort`.

        Args:
            cohort: made to evolve.
            course: what to do when.
            members: names that tell the members' random numbers apart.
            flops: name of a weight -> FLOPs of its layer for one image, dense.
            start: step at which training starts.
            momentum: of the optimizer.
        """
        traits = course.topology.entry.traits
        self.replaces_step, self.traces = "gradient" in traits, "trace" in traits
        self._cohort, self._course, self._members, self._flops = cohort, course, members, flops
        self._decay = momentum or _TRACE_DECAY
        self._trace = [torch.zeros_like(leaf, requires_grad=False) for leaf in cohort.leaves] if self.traces else []
        self._start = {name: cohort.masks[name].clone() for name in course.names}
        self._ever = {name: mask.clone() for name, mask in self._start.items()}
        self._counts = torch.zeros(3, cohort.size, dtype=torch.int64)  # dropped, grown, regrown since the last `pop`
        self._spent = torch.zeros(cohort.size, dtype=torch.float64)
        self._counted_to = start
        self.leaves = cohort.leaves

    def due(self, step: int) -> bool:
        """Whether masks move at a step."""
        return self._course.due(step)

    def gradients(self, images: Tensor, labels: Tensor, label_smoothing: float = 0.0) -> tuple[Tensor, list[Tensor]]:
        """As the cohort's; where the rule asks for it, those of pruned weights are taken into the moving sum first."""
        losses, gradients = self._cohort.gradients(images, labels, label_smoothing, masked=not self.traces)
        if self.traces:
            self.observe(gradients)
            self._cohort.mask_gradients(gradients)
        return losses, gradients

    def observe(self, gradients: Sequence[Tensor]) -> None:
        """Take a step's dense gradients into the moving sum."""
        torch._foreach_mul_(self._trace, self._decay)
        torch._foreach_add_(self._trace, list(gradients))

    def update(self, step: int, slots: Slots, alive: Sequence[bool], gradients: Sequence[Tensor] = ()) -> None:
        """Move the masks of the members that are `alive`; the others diverged.

        Args:
            step: that is under way.
            slots: of the optimizer, zero afterwards where nothing is active.
            alive: for each member.
            gradients: dense, one for each leaf, where the rule asks for them.
        """
        self._charge(step + (not self.replaces_step), step if self.replaces_step else None)
        for member in range(self._cohort.size):
            part = self._cohort.view(gradients, member) if gradients else {}
            weights = {name: self._cohort.weights[name][member] for name in self._course.names}
            if alive[member] and _finite(part) and _finite(weights):
                self._move(member, step, slots, part)

    def _move(self, member: int, step: int, slots: Slots, gradients: Mapping[str, Tensor]) -> None:
        course, cohort = self._course, self._cohort
        old = {name: cohort.masks[name][member].clone() for name in course.names}
        trace = cohort.view(self._trace, member) if self._trace else {}
        moment = Moment(
            weights={name: cohort.weights[name][member].detach() for name in course.names},
            mask=old,
            step=step,
            start=course.start,
            end=course.end,
            length=course.length,
            interval=course.interval,
            density=course.density,
            generator=stream(course.seed, "topology", *self._members[member], step),
            gradients={name: gradients[name] for name in course.names} if gradients else {},
            trace={name: trace[name] for name in course.names} if trace else {},
        )
        new = course.topology.entry(moment, **course.topology.options)
        cohort.set_mask(member, new)
        if course.topology.growth == "random":
            self._draw(member, moment, new)
        parts = [cohort.view(tensors, member) for tensors in slots.values() if tensors[0].dim()]  # not Adam's count
        for name, kept in new.items():
            for slot in parts:
                slot[name].mul_(kept.to(slot[name].dtype))  # a product with a boolean mask takes ten times as long
            ever = self._ever[name][member]
            grown = kept & ~old[name]
            counts = [part.count_nonzero() for part in (old[name] & ~kept, grown, grown & ever)]
            self._counts[:, member] += torch.stack(counts).cpu()
            ever |= kept

    @torch.no_grad()
    def _draw(self, member: int, moment: Moment, mask: Mapping[str, Tensor]) -> None:
        """Give what was grown random weights."""
        for name, kept in mask.items():
            weight, grown = self._cohort.weights[name][member], kept & ~moment.mask[name]
            active = weight[kept & moment.mask[name]]
            if grown.any() and active.numel() > 1:
                noise = torch.randn(weight.shape, generator=moment.generator).to(weight.device)
                weight[grown] = active.std() * noise[grown]

    def _charge(self, step: int, update: int | None = None) -> None:
        """Count the FLOPs up to `step`; at step `update` the gradient of all weights was taken."""
        dense = sum(self._flops.values())
        for member in range(self._cohort.size):
            sparse = self.forward_flops(member)
            steps = step - self._counted_to
            self._spent[member] += steps * step_flops(sparse, dense, dense_gradient=self.traces)
            if update is not None:
                self._spent[member] += step_flops(sparse, dense, dense_gradient=True)
        self._counted_to = step + (update is not None)

    def forward_flops(self, member: int) -> int:
        """FLOPs of one image through a member as it is now."""
        return masked_flops(self._flops, {name: mask[member] for name, mask in self._cohort.masks.items()})

    def spent(self, step: int) -> list[float]:
        """FLOPs of each member's training up to a step, for one image of the batch."""
        self._charge(step)
        spent: list[float] = self._spent.tolist()
        return spent

    def pop(self) -> list[Record]:
        """What happened to each member since the last call, and how far it has come from its first mask."""
        records = []
        for member, (dropped, grown, regrown) in enumerate(self._counts.T.tolist()):
            active = sum(int(self._cohort.masks[name][member].count_nonzero()) for name in self._course.names)
            shared = sum(
                int((self._cohort.masks[name][member] & first[member]).count_nonzero())
                for name, first in self._start.items()
            )
            records.append(
                {
                    "dropped": dropped,
                    "grown": grown,
                    "regrown": regrown,
                    "overlap_with_start": shared / active if active else 0.0,
                    "ever_active": self.ever_active(member),
                }
            )
        self._counts.zero_()
        return records

    def ever_active(self, member: int) -> float:
        """In-time over-parameterization (Liu et al. 2021): share of the weights that were active at any time."""
        total = sum(ever[member].numel() for ever in self._ever.values())
        return sum(int(ever[member].count_nonzero()) for ever in self._ever.values()) / total

    def state(self) -> dict[str, Tensor]:
        """What it takes to go on from here, but for masks."""
        state = {"counts": self._counts, "spent": self._spent, "counted_to": torch.tensor(self._counted_to)}
        state |= {f"ever/{name}": ever for name, ever in self._ever.items()}
        return state | {f"trace/{index}": trace for index, trace in enumerate(self._trace)}

    def load(self, tensors: Mapping[str, Tensor]) -> None:
        """Go on from what `state` returned; raises KeyError or RuntimeError where it is of another cohort."""
        self._counts.copy_(tensors["counts"])
        self._spent.copy_(tensors["spent"])
        self._counted_to = int(tensors["counted_to"])
        for name, ever in self._ever.items():
            ever.copy_(tensors[f"ever/{name}"])
        for index, trace in enumerate(self._trace):
            trace.copy_(tensors[f"trace/{index}"])


def _finite(tensors: Mapping[str, Tensor]) -> bool:
    return all(math.isfinite(tensor.sum().item()) for tensor in tensors.values())
