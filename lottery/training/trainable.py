"""This module says what an optimizer steps, and what happens around its steps."""

from collections.abc import Mapping, Sequence

from torch import Tensor

from lottery.cost.flops import masked_flops
from lottery.cost.training import step_flops
from lottery.networks.cohort import Cohort
from lottery.optimizers import Slots
from lottery.training.counts import Cost, Moves
from lottery.training.objective import Objective
from lottery.training.recipe import Member


class Trainable:
    """A trainable is a cohort as it is trained: its weights, under masks that stay as they are.

    Where masks move, or other tensors are trained than the weights, a class that derives from this one says how.

    Attributes:
        leaves: the tensors that an optimizer steps.
        resting: whether the step under way leaves them as they are: its gradients move masks.
    """

    resting = False

    def __init__(self, cohort: Cohort, members: Sequence[Member], flops: Mapping[str, int]) -> None:
        """Train all members of `cohort`.

        Args:
            cohort: at the step at which training starts.
            members: whose networks those are, one for each; their recipe is the same.
            flops: name of a weight -> FLOPs of its layer for one image, dense.
        """
        self.cohort, self.members, self._flops = cohort, members, flops
        self.recipe = members[0].recipe
        self.leaves = cohort.leaves

    def before_step(self, step: int) -> None:
        """Get ready for a step."""

    def gradients(self, inputs: Tensor, targets: Tensor, objective: Objective) -> tuple[Tensor, list[Tensor]]:
        """Return each member's loss, and the gradient of each of `leaves`: see `Objective.gradients`."""
        return objective.gradients(self.cohort, inputs, targets)

    def after_step(self, step: int, slots: Slots, alive: Tensor) -> None:
        """Do what follows a step.

        Args:
            step: that is done, but not counted yet.
            slots: of the optimizer, zero afterwards where nothing is active.
            alive: bool for each member, on its device; the others diverged.
        """

    def finish(self) -> None:
        """Put the cohort into the state that is evaluated and saved."""

    def pop(self) -> list[Moves]:
        """Return how each member's mask moved since the last call."""
        return [{} for _ in self.members]

    def spent(self, step: int) -> list[float]:
        """Return the FLOPs of each member's training up to a step, for one image of the batch."""
        steps = step - self.recipe.start
        masks = self.cohort.masks.items()
        forward = [masked_flops(self._flops, {name: mask[n] for name, mask in masks}) for n in range(self.cohort.size)]
        return [steps * step_flops(flops, 0) for flops in forward]

    def costs(self, step: int) -> list[Cost]:
        """Return what each member's training up to a step took."""
        return [{"train_flops": round(self.recipe.batch_size * spent)} for spent in self.spent(step)]

    def state(self) -> dict[str, Tensor]:
        """Return what it takes to go on from here, but for weights, buffers and slots."""
        return {}

    def load(self, tensors: Mapping[str, Tensor]) -> None:
        """Go on from what `state` returned; raises KeyError or RuntimeError where it is of another cohort."""


def masks_of(cohort: Cohort) -> dict[str, Tensor]:
    """Return the masks of a cohort as they are saved."""
    return {f"masks/{name}": mask for name, mask in cohort.masks.items()}


def load_masks(cohort: Cohort, tensors: Mapping[str, Tensor]) -> None:
    """Give a cohort the masks that `masks_of` returned."""
    for member in range(cohort.size):
        cohort.set_mask(member, {name: tensors[f"masks/{name}"][member] for name in cohort.masks})
