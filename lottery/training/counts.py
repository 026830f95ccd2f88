"""This module counts what moving masks come to: weights dropped, grown and ever active, and FLOPs."""

from collections.abc import Mapping, Sequence
from typing import NotRequired, TypedDict

import torch
from torch import Tensor

from lottery.cost.flops import masked_flops
from lottery.cost.training import step_flops
from lottery.networks.cohort import Cohort


class Moves(TypedDict, total=False):
    """This record says how a member's mask moved since the last evaluation; it is empty where masks stay as they are.

    What its fields count stands in `lottery.store.records.Evaluation`, which they become part of.
    """

    dropped: int
    grown: int
    regrown: int
    overlap_with_start: float
    ever_active: float


class Cost(TypedDict):
    """This record says what a member's training took, masked weights costing nothing; and where masks move, how far."""

    train_flops: int
    ever_active: NotRequired[float]


class Counts:
    """Counts are kept of a cohort whose masks move."""

    def __init__(self, cohort: Cohort, names: Sequence[str], flops: Mapping[str, int], start: int) -> None:
        """Start to count at step `start`, of the weights `names`; `flops` are those of `Trainable`."""
        self._cohort, self._flops = cohort, flops
        self._start = {name: cohort.masks[name].clone() for name in names}
        self._ever = {name: mask.clone() for name, mask in self._start.items()}
        self._moved = torch.zeros(3, cohort.size, dtype=torch.int64)  # dropped, grown, regrown since the last `pop`
        self._spent = torch.zeros(cohort.size, dtype=torch.float64)
        self._counted_to = start

    def moved(self, member: int, old: Mapping[str, Tensor], new: Mapping[str, Tensor]) -> None:
        """Count what an update did to a member's mask."""
        for name, kept in new.items():
            ever = self._ever[name][member]
            grown = kept & ~old[name]
            counts = [part.count_nonzero() for part in (old[name] & ~kept, grown, grown & ever)]
            self._moved[:, member] += torch.stack(counts).cpu()
            ever |= kept

    def charge(self, step: int, *, dense: bool, update: int | None = None) -> None:
        """Count the FLOPs up to `step`, since when masks are as they are.

        Args:
            step: steps that are done, but for that of an update.
            dense: whether each of them took the gradient of all weights.
            update: the step that took it in any case, for it was an update.
        """
        whole = sum(self._flops.values())
        for member in range(self._cohort.size):
            masks = {name: mask[member] for name, mask in self._cohort.masks.items()}
            sparse = masked_flops(self._flops, masks)
            steps = step - self._counted_to
            self._spent[member] += steps * step_flops(sparse, whole, dense_gradient=dense)
            if update is not None:
                self._spent[member] += step_flops(sparse, whole, dense_gradient=True)
        self._counted_to = step + (update is not None)

    @property
    def spent(self) -> list[float]:
        """Return the FLOPs charged to each member, for one image of the batch."""
        spent: list[float] = self._spent.tolist()
        return spent

    def pop(self) -> list[Moves]:
        """Return what happened to each member since the last call, and how far it has come from its first mask."""
        found: list[Moves] = []
        for member, (dropped, grown, regrown) in enumerate(self._moved.T.tolist()):
            active = sum(int(self._cohort.masks[name][member].count_nonzero()) for name in self._start)
            shared = sum(
                int((self._cohort.masks[name][member] & first[member]).count_nonzero())
                for name, first in self._start.items()
            )
            found.append(
                {
                    "dropped": dropped,
                    "grown": grown,
                    "regrown": regrown,
                    "overlap_with_start": shared / active if active else 0.0,
                    "ever_active": self.ever_active(member),
                }
            )
        self._moved.zero_()
        return found

    def ever_active(self, member: int) -> float:
        """Return the in-time over-parameterization (Liu et al. 2021): share of the weights active at any time."""
        total = sum(ever[member].numel() for ever in self._ever.values())
        return sum(int(ever[member].count_nonzero()) for ever in self._ever.values()) / total

    def state(self) -> dict[str, Tensor]:
        """Return what it takes to go on counting from here."""
        state = {"moved": self._moved, "spent": self._spent, "counted_to": torch.tensor(self._counted_to)}
        return state | {f"ever/{name}": ever for name, ever in self._ever.items()}

    def load(self, tensors: Mapping[str, Tensor]) -> None:
        """Go on from what `state` returned; raises KeyError or RuntimeError where it is of another cohort."""
        self._moved.copy_(tensors["moved"])
        self._spent.copy_(tensors["spent"])
        self._counted_to = int(tensors["counted_to"])
        for name, ever in self._ever.items():
            ever.copy_(tensors[f"ever/{name}"])
