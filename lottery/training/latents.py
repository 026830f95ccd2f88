"""Training of latents: dense tensors that an optimizer steps in place of weights, which are a function of them."""

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from lottery.config.schema import Latent
from lottery.cost.flops import masked_flops
from lottery.latent import Densities, Layer, Rule
from lottery.networks.cohort import Cohort, State
from lottery.seeds import stream


class Latents:
    """The latents of a cohort's members, and the cohort's weights and masks as they follow from them.

    Attributes:
        leaves: the tensors that an optimizer steps.
    """

    @torch.no_grad()
    def __init__(
        self,
        cohort: Cohort,
        latent: Latent,
        density: Densities,
        names: Sequence[str],
        members: Sequence[tuple[str | int, ...]],
        flops: Mapping[str, int],
        seed: int,
    ) -> None:
        """Put latents in place of the weights of `cohort`, which become what is drawn from the latents.

        Args:
            cohort: dense networks at initialization, made to evolve.
            latent: name and options of the rule.
            density: of the weights that take part, ranked together, or of each layer.
            names: of the weights that take part.
            members: names that tell the members' random numbers apart.
            flops: name of a weight -> FLOPs of its layer for one image, dense.
            seed: of the study.
        """
        self._rule: Rule = latent.entry(**latent.options)
        self._cohort, self._density, self._names, self._members = cohort, density, names, members
        self._flops, self._seed = flops, seed
        # Like the cohort's own leaves, and of all else the leaves themselves, so that the cohort knows its way in them.
        self._tensors = [
            torch.zeros_like(leaf, requires_grad=False) if name in names else leaf
            for name, leaf in zip(cohort.names, cohort.leaves, strict=True)
        ]
        self._own = [place for place, name in enumerate(cohort.names) if name in names]
        self._trained = self._own if self._rule.freezes else list(range(len(self._tensors)))
        self.leaves = [self._tensors[place] for place in self._trained]
        self._fixed: list[State] = []
        self._whole = [True] * cohort.size
        self._spent = torch.zeros(cohort.size, dtype=torch.int64)
        self._purpose: str | int = "evaluation"
        for member in range(cohort.size):
            generator = self._stream(member)
            latents = self._of(member)
            draw = {name: cohort.weights[name][member].clone() for name in names}
            for name, weight in draw.items():
                latents[name].copy_(self._rule.start(weight.cpu(), self._layer_density(name), generator))
            fixed = {name: self._rule.fixed(weight, self._layer_density(name)) for name, weight in draw.items()}
            self._fixed.append(fixed if self._rule.freezes else latents)
        self.project()

    def _stream(self, member: int, *name: str | int) -> torch.Generator:
        return stream(self._seed, "latent", *self._members[member], *name)

    def _of(self, member: int) -> State:
        tensors = self._cohort.view(self._tensors, member)
        return {name: tensors[name] for name in self._names}

    def _layer_density(self, name: str) -> float:
        return self._density[name] if isinstance(self._density, Mapping) else self._density

    @torch.no_grad()
    def project(self, step: int | None = None) -> None:
        """Give the cohort the weights and masks that its latents stand for, at a training step or for evaluation."""
        self._purpose = "evaluation" if step is None else step
        for member in range(self._cohort.size):
            latents = self._of(member)
            self._whole[member] = not any(bool(latent.isnan().any()) for latent in latents.values())
            for name, weight in self._fixed[member].items():
                # A network whose latents are lost says so by its loss.
                self._cohort.weights[name][member].copy_(weight if self._whole[member] else latents[name] * torch.nan)
            if self._whole[member]:
                mask = self._rule.mask(latents, self._density, self._stream(member, self._purpose))
                self._cohort.set_mask(member, mask)

    def gradients(self, images: Tensor, labels: Tensor, label_smoothing: float = 0.0) -> tuple[Tensor, list[Tensor]]:
        """As the cohort's: each member's loss, and the gradient of each of `leaves`."""
        losses, gradients = self._cohort.gradients(images, labels, label_smoothing, masked=False)
        with torch.no_grad():
            for member in range(self._cohort.size):
                if self._whole[member]:
                    self._learn(member, self._cohort.view(gradients, member))
        return losses, [gradients[place] for place in self._trained]

    def _learn(self, member: int, gradients: State) -> None:
        """Turn a member's gradients with respect to effective weights into those of its latents, in place."""
        latents = self._of(member)
        kept = {name: mask[member] for name, mask in self._cohort.masks.items()}
        reached = self._rule.reach(latents, self._density, self._stream(member, self._purpose))
        for name in self._names:
            layer = Layer(
                latent=latents[name],
                weight=self._fixed[member][name],
                kept=kept[name],
                reached=reached[name],
                density=self._layer_density(name),
                gradient=gradients[name],
            )
            gradients[name].copy_(self._rule.gradient(layer))
        # Forward and backward to the inputs through what is kept; the gradient of the weights, of those that learn.
        self._spent[member] += 2 * masked_flops(self._flops, kept) + masked_flops(self._flops, kept | reached)

    def spent(self) -> list[float]:
        """FLOPs of each member's training so far, for one image of the batch."""
        spent: list[float] = self._spent.tolist()
        return spent

    def state(self) -> dict[str, Tensor]:
        """What it takes to go on from here, but for weights and masks."""
        return {"spent": self._spent} | {str(place): self._tensors[place] for place in self._own}

    def load(self, tensors: Mapping[str, Tensor]) -> None:
        """Go on from what `state` returned; raises KeyError or RuntimeError where it is of another cohort."""
        self._spent.copy_(tensors["spent"])
        for place in self._own:
            self._tensors[place].copy_(tensors[str(place)])
