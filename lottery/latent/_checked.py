"""A rule of a user's own is given copies, and what it returns is checked: see `lottery.answers`."""

from collections.abc import Mapping
from dataclasses import replace

import torch
from torch import Tensor

from lottery import answers
from lottery.latent import Densities, Layer, Rule
from lottery.networks.masks import Mask
from lottery.registry import Entry


class Checked(Rule):
    """The rule is another one, which a user brought."""

    def __init__(self, entry: Entry, rule: object) -> None:
        """Take what an entry returned; raise RunFailed where it is no rule."""
        if not isinstance(rule, Rule):
            raise answers.wrong(entry, f"a {type(rule).__name__}", "an object of a class of lottery.latent.Rule's")
        self._entry, self._rule = entry, rule
        self.freezes = rule.freezes  # type: ignore[misc]  # of its class

    def start(self, weight: Tensor, density: float, generator: torch.Generator) -> Tensor:
        """See `Rule`."""
        return answers.tensor(
            self._entry, self._rule.start(weight.clone(), density, generator), weight, " as what a latent starts as"
        )

    def fixed(self, weight: Tensor, density: float) -> Tensor:
        """See `Rule`."""
        return answers.tensor(self._entry, self._rule.fixed(weight.clone(), density), weight, " as fixed weights")

    def mask(self, latents: Mapping[str, Tensor], density: Densities, generator: torch.Generator) -> Mask:
        """See `Rule`."""
        return self._mask(latents, self._rule.mask(answers.apart(self._entry, latents), density, generator), "mask")

    def reach(self, latents: Mapping[str, Tensor], density: Densities, generator: torch.Generator) -> Mask:
        """See `Rule`."""
        return self._mask(latents, self._rule.reach(answers.apart(self._entry, latents), density, generator), "reach")

    def gradient(self, layer: Layer) -> Tensor:
        """See `Rule`."""
        given = replace(
            layer,
            latent=layer.latent.clone(), weight=layer.weight.clone(), kept=layer.kept.clone(),
            reached=layer.reached.clone(), gradient=layer.gradient.clone(),
        )  # fmt: skip
        return answers.tensor(self._entry, self._rule.gradient(given), layer.latent, " as gradient")

    def _mask(self, latents: Mapping[str, Tensor], found: object, what: str) -> Mask:
        like = {name: torch.empty_like(latent, dtype=torch.bool, device="meta") for name, latent in latents.items()}
        mask: Mask = answers.tensors(self._entry, found, like, f" as {what}")
        return mask
