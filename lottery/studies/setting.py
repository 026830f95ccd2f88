"""A setting: a config made real, with all that a study works with."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor, nn

from lottery import answers, brought
from lottery.arms import main_arm
from lottery.config.pruning import Pruning
from lottery.config.schema import Config
from lottery.config.sparse import Sparse
from lottery.config.values import Duration
from lottery.data import Dataset
from lottery.errors import LotteryError
from lottery.models._own import Given
from lottery.networks import masks, parameters
from lottery.networks.behaviour import Behaviour
from lottery.networks.key import Key
from lottery.networks.masks import matches
from lottery.networks.network import Network, State, initialise
from lottery.store.parts import DataRecord
from lottery.tasks import Task
from lottery.training.batches import Resident
from lottery.training.course import Course
from lottery.training.recipe import Recipe


@dataclass(frozen=True)
class Setting:
    """A config made real.

    Attributes:
        dataset: the caller's own, where the data isn't what the config names.
        about_data: what a run keeps of the data.
        model: what makes the caller's own, where the network isn't what the config names.
        build: makes the network anew, drawing from the global generators what its code draws.
        template: the network; its weights mean nothing, only its structure.
        shapes: name -> shape of the prunable weights.
        flops: name of a weight, prunable or not -> FLOPs of its layer for one image, dense.
        epoch: steps of one epoch.
        length: steps of the dense training.
        every: steps between evaluations.
    """

    config: Config
    device: torch.device
    dataset: Dataset | None
    model: Given | None
    about_data: DataRecord
    data: Resident
    build: Callable[[], nn.Module]
    template: nn.Module
    behaviour: Behaviour
    shapes: dict[str, torch.Size]
    flops: dict[str, int]
    epoch: int
    length: int
    every: int

    def initial(self, replicate: int, *name: str | int) -> State:
        """Return a replicate's initialization, or with further names one that is as independent as another seed's."""
        initializer = self.config.model.initializer
        entry, options = initializer.entry, initializer.options

        def draw(shape: torch.Size, generator: torch.Generator) -> Tensor:
            return answers.tensor(entry, entry(shape, generator, **options), torch.empty(shape, device="meta"))

        return initialise(self.build, draw, self.config.seed, replicate, *name)

    def dense(self, state: State) -> Network:
        """Return a state as a network that nothing is pruned of."""
        return Network(state, masks.full(state, list(self.shapes)))

    @cached_property
    def like(self) -> Network:
        """Return a network of the names, shapes and types of all others; its numbers mean nothing."""
        return self.dense(parameters.tensors(self.template))

    @cached_property
    def recipe(self) -> Recipe:
        """Return how a dense network is trained, and whatever else starts from an initialization of its own."""
        train = self.config.train
        return Recipe(
            length=self.length,
            start=0,
            stop=self.length,
            batch_size=train.batch_size,
            epoch=self.epoch,
            optimizer=train.optimizer,
            schedule=train.schedule,
            stretch=train.stretch,
            label_smoothing=train.label_smoothing,
            penalties=train.penalties,
        )

    def main(self, replicate: int, level: int) -> Key:
        """Return the key of the network that a level is about, which its controls stand beside."""
        return Key(replicate, level, main_arm(level, sparse=self.config.sparse is not None))

    @cached_property
    def task(self) -> Task:
        """Return what networks learn."""
        task: Task = self.config.task.entry(**self.config.task.options)
        return task

    @property
    def pruned(self) -> list[str]:
        """Return the names of the weights that are pruned: those of all layers but the excluded ones."""
        sparse = self.config.sparse
        return self.included(self.config.pruning.exclude if sparse is None else sparse.exclude)

    def course(self, level: int) -> Course | None:
        """Return how masks move while a level's networks train; None where they don't."""
        sparse = self.config.sparse
        if level == 0 or sparse is None or "static" in sparse.topology.entry.traits:
            return None
        # A point given in steps is one of the training that isn't stretched.
        stretch = self.config.train.stretch
        start, end = (
            round(stretch * point.of(self.epoch, round(self.length / stretch)))
            for point in (sparse.topology.start, sparse.topology.end)
        )
        return Course(
            topology=sparse.topology,
            density=self.sparse_densities(level),
            start=start,
            end=end,
            length=self.length,
            interval=sparse.topology.interval.steps(self.epoch),
            names=self.included(sparse.exclude),
            seed=self.config.seed,
        )

    def included(self, exclude: Sequence[str]) -> list[str]:
        """Return the names of the weights that masks may prune: those of all layers but the excluded ones."""
        return [name for name in self.shapes if not any(matches(name, pattern) for pattern in exclude)]

    def sparse_densities(self, level: int) -> float | dict[str, float]:
        """Return the density of a level that is sparse from the start: of all its weights, or of each layer."""
        sparse = self.config.sparse
        assert sparse is not None
        return self.allocate(sparse, sparse.densities[level - 1])

    def allocate(self, section: Pruning | Sparse, density: float) -> float | dict[str, float]:
        """Return what the section's allocation makes of a density, for all layers but those that the section excludes.

        Raises:
            LotteryError: this density can't be had; the message names the section.
        """
        shapes = {name: self.shapes[name] for name in self.included(section.exclude)}
        key = "sparse" if isinstance(section, Sparse) else "pruning"
        allocation = section.allocation
        place = f"{key}.allocation: {allocation.name}"
        with brought.told(place):
            try:
                answer = allocation.entry(density, dict(shapes), **allocation.options)
            except ValueError as error:
                raise LotteryError(f"{place}: {error}") from None
        return answers.densities(allocation.entry, answer, shapes)

    @property
    def rewind_step(self) -> int | None:
        """Step of the dense training that tickets are rewound to; None where trained weights are kept."""
        rewind = self.config.pruning.rewind
        return rewind.steps(self.epoch) if isinstance(rewind, Duration) else None
