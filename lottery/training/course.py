"""This module says when masks move while a sparse network trains."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch

from lottery.config.sparse import Topology
from lottery.networks.masks import Mask
from lottery.networks.network import State
from lottery.topology import Moment


@dataclass(frozen=True)
class Course:
    """A course is a config's topology, in steps.

    Attributes:
        density: at the end of training: of the weights that take part, ranked together, or of each layer.
        start: step from which on masks may move; the first update is an interval later.
        end: no update comes after it.
        interval: between updates.
        names: of the weights that take part.
    """

    topology: Topology
    density: float | Mapping[str, float]
    start: int
    end: int
    length: int
    interval: int
    names: Sequence[str]
    seed: int

    @property
    def replaces_step(self) -> bool:
        """Return whether an update takes the place of a training step, whose dense gradients it is given."""
        return "gradient" in self.topology.entry.traits

    @property
    def traces(self) -> bool:
        """Return whether a moving sum of dense gradients is kept along all steps."""
        return "trace" in self.topology.entry.traits

    def due(self, step: int) -> bool:
        """Return whether masks move at a step: at the last one of each interval, so that none is moved untrained."""
        return self.start < step + 1 <= self.end and (step + 1 - self.start) % self.interval == 0

    def moment(
        self, step: int, weights: State, mask: Mask, generator: torch.Generator, gradients: State, trace: State
    ) -> Moment:
        """Return one network at a step of the course."""
        return Moment(
            weights=weights, mask=mask, gradients=gradients, trace=trace, generator=generator, step=step,
            start=self.start, end=self.end, length=self.length, interval=self.interval, density=self.density,
        )  # fmt: skip
