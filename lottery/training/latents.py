"""Latents are dense tensors that an optimizer steps in place of weights, which are a function of them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from lottery.config.sparse import Latent
from lottery.cost.flops import masked_flops
from lottery.latent import Densities, Layer, Rule
from lottery.latent._checked import Checked
from lottery.networks.cohort import Cohort
from lottery.networks.network import State
from lottery.seeds import stream
from lottery.training.objective import Objective
from lottery.training.recipe import Member
from lottery.training.trainable import Trainable, load_masks, masks_of


@dataclass(frozen=True)
class Projection:
    """A projection says which weights follow from latents, and how.

    Attributes:
        density: of the weights that take part, ranked together, or of each layer.
        names: of the weights that take part.
    """

    latent: Latent
    density: Densities
    names: Sequence[str]
    seed: int

    def layer_density(self, name: str) -> float:
        """Return the density that is asked for in a layer."""
        return self.density[name] if isinstance(self.density, Mapping) else self.density


class Latents(Trainable):
    """Latents are what a cohort's members learn; its weights and masks follow from them at every step.

    Attributes:
        latents: for each member, name of a weight -> what is trained in its place.
        fixed: for each member, name of a weight -> what masks are applied to.
        rule: how the one becomes the other.
    """

    @torch.no_grad()
    def __init__(
        self, cohort: Cohort, members: Sequence[Member], flops: Mapping[str, int], projection: Projection
    ) -> None:
        """Put latents in place of the weights of `cohort`, dense and made to evolve; else see `Trainable`."""
        super().__init__(cohort, members, flops)
        entry, made = projection.latent.entry, projection.latent.entry(**projection.latent.options)
        self.rule: Rule = made if entry.own else Checked(entry, made)
        self._projection, self._density, names = projection, projection.density, projection.names
        # Like the cohort's own leaves, and of all else the leaves themselves, so that the cohort knows its way in them.
        self._tensors = [
            torch.zeros_like(leaf, requires_grad=False) if name in names else leaf
            for name, leaf in zip(cohort.names, cohort.leaves, strict=True)
        ]
        self._own = [place for place, name in enumerate(cohort.names) if name in names]
        self._trained = self._own if self.rule.freezes else list(range(len(self._tensors)))
        self.leaves = [self._tensors[place] for place in self._trained]
        self.latents: list[State] = []
        self.fixed: list[State] = []
        self._whole = [True] * cohort.size
        self._spent = torch.zeros(cohort.size, dtype=torch.int64)
        self._purpose: str | int = "evaluation"
        for member in range(cohort.size):
            view = cohort.view(self._tensors, member)
            self.latents.append({name: view[name] for name in names})
            self._draw(member)
        self.finish()

    def _draw(self, member: int) -> None:
        """Start a member's latents from its weights."""
        generator, density, rule = self._stream(member), self._projection.layer_density, self.rule
        latents, weights = self.latents[member], self.cohort.weights
        draw = {name: weights[name][member].clone() for name in latents}
        for name, weight in draw.items():
            latents[name].copy_(rule.start(weight.cpu(), density(name), generator))
        fixed = {name: rule.fixed(weight, density(name)) for name, weight in draw.items()}
        self.fixed.append(fixed if rule.freezes else latents)

    def _stream(self, member: int, *name: str | int) -> torch.Generator:
        key = self.members[member].key
        return stream(self._projection.seed, "latent", key.replicate, key.level, *name)

    def before_step(self, step: int) -> None:
        """Give the cohort the weights and masks of a training step."""
        self._project(step)

    def finish(self) -> None:
        """Give the cohort the weights and masks of evaluation."""
        self._project("evaluation")

    @torch.no_grad()
    def _project(self, purpose: str | int) -> None:
        self._purpose = purpose
        for member, latents in enumerate(self.latents):
            self._whole[member] = not any(bool(latent.isnan().any()) for latent in latents.values())
            for name, weight in self.fixed[member].items():
                # A network whose latents are lost says so by its loss.
                self.cohort.weights[name][member].copy_(weight if self._whole[member] else latents[name] * torch.nan)
            if self._whole[member]:
                mask = self.rule.mask(latents, self._density, self._stream(member, purpose))
                self.cohort.set_mask(member, mask)

    def gradients(self, inputs: Tensor, targets: Tensor, objective: Objective) -> tuple[Tensor, list[Tensor]]:
        """Return each member's loss, and the gradient of each of `leaves`."""
        losses, gradients = objective.gradients(self.cohort, inputs, targets, masked=False)
        with torch.no_grad():
            for member in range(self.cohort.size):
                if self._whole[member]:
                    self._learn(member, self.cohort.view(gradients, member))
        return losses, [gradients[place] for place in self._trained]

    def _learn(self, member: int, gradients: State) -> None:
        """Turn a member's gradients with respect to effective weights into those of its latents, in place."""
        latents = self.latents[member]
        kept = {name: mask[member] for name, mask in self.cohort.masks.items()}
        reached = self.rule.reach(latents, self._density, self._stream(member, self._purpose))
        for name, latent in latents.items():
            layer = Layer(
                latent=latent,
                weight=self.fixed[member][name],
                kept=kept[name],
                reached=reached[name],
                density=self._projection.layer_density(name),
                gradient=gradients[name],
            )
            gradients[name].copy_(self.rule.gradient(layer))
        # Forward and backward to the inputs through what is kept; the gradient of the weights, of those that learn.
        self._spent[member] += 2 * masked_flops(self._flops, kept) + masked_flops(self._flops, kept | reached)

    def spent(self, step: int) -> list[float]:  # noqa: ARG002
        """Return the FLOPs of each member's training so far, for one image of the batch."""
        spent: list[float] = self._spent.tolist()
        return spent

    def state(self) -> dict[str, Tensor]:
        """Return what it takes to go on from here: masks, latents, FLOPs."""
        own = {f"latents/{place}": self._tensors[place] for place in self._own}
        return masks_of(self.cohort) | {"spent": self._spent} | own

    def load(self, tensors: Mapping[str, Tensor]) -> None:
        """Go on from what `state` returned; raises KeyError or RuntimeError where it is of another cohort."""
        load_masks(self.cohort, tensors)
        self._spent.copy_(tensors["spent"])
        for place in self._own:
            self._tensors[place].copy_(tensors[f"latents/{place}"])
