"""From a config to all that a study works with; everything that can be wrong with a config is found here."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import torch
from torch import nn

from lottery import devices
from lottery.config.schema import Config, Data, Pruning, Sparse
from lottery.config.values import Duration
from lottery.cost.flops import layer_flops
from lottery.data import Dataset
from lottery.data._download import Missing
from lottery.errors import LotteryError
from lottery.networks import masks, parameters
from lottery.networks.behaviour import Behaviour, behaviour
from lottery.networks.cohort import Network, State, initialise
from lottery.networks.masks import matches
from lottery.networks.small_dense import scale_for
from lottery.seeds import seeded, stream
from lottery.store.files import spelt
from lottery.studies.checks import check
from lottery.training.batches import Batches, Resident
from lottery.training.evolution import Course


@dataclass(frozen=True)
class Setting:
    """A config made real.

    Attributes:
        dataset: the caller's own, where the data isn't what the config names.
        build: makes the network anew, drawing from the global generators what its code draws.
        template: the network; its weights mean nothing, only its structure.
        behaviour: of the network in training.
        shapes: name -> shape of the prunable weights.
        flops: name of a weight, prunable or not -> FLOPs of its layer for one image, dense.
        epoch: steps of one epoch.
        length: steps of the dense training.
        every: steps between evaluations.
    """

    config: Config
    device: torch.device
    dataset: Dataset | None
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
        """A replicate's initialization, or with further names another one that is as independent as another seed."""
        initializer = self.config.model.initializer
        return initialise(
            self.build,
            lambda shape, generator: initializer.entry(shape, generator, **initializer.options),
            self.config.seed,
            replicate,
            *name,
        )

    def dense(self, state: State) -> Network:
        """A state as a network that nothing is pruned of."""
        return Network(state, masks.full(state, list(self.shapes)))

    @property
    def like(self) -> Network:
        """Names, shapes and types of a network's tensors; its numbers mean nothing."""
        return self.dense(parameters.tensors(self.template))

    def course(self, level: int) -> Course | None:
        """How masks move while a level's networks train; None where they don't."""
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
        """Names of the weights that masks may prune: those of all layers but the excluded ones."""
        return [name for name in self.shapes if not any(matches(name, pattern) for pattern in exclude)]

    def sparse_densities(self, level: int) -> float | dict[str, float]:
        """Density of a level that is sparse from the start: of all its weights ranked together, or of each layer."""
        sparse = self.config.sparse
        assert sparse is not None
        return self.allocate(sparse, sparse.densities[level - 1])

    def allocate(self, section: Pruning | Sparse, density: float) -> float | dict[str, float]:
        """What the section's allocation makes of a density, for all layers but those that the section excludes.

        Raises:
            LotteryError: this density can't be had; the message names the section.
        """
        shapes = {name: self.shapes[name] for name in self.included(section.exclude)}
        key = "sparse" if isinstance(section, Sparse) else "pruning"
        allocation = section.allocation
        try:
            densities: float | dict[str, float] = allocation.entry(density, shapes, **allocation.options)
        except ValueError as error:
            raise LotteryError(f"{key}.allocation: {allocation.name}: {error}") from None
        return densities

    def batches(self, replicates: list[int]) -> Batches:
        """Training batches for members of these replicates."""
        return Batches(self.data, replicates, self.config.train.batch_size, self.config.seed)

    def on(self, device: torch.device) -> "Setting":
        """The same on another device."""
        config = self.config.model_copy(update={"device": str(device)})
        return prepare(config, self.dataset)

    @property
    def rewind_step(self) -> int | None:
        """Step of the dense training that tickets are rewound to; None where trained weights are kept."""
        rewind = self.config.pruning.rewind
        return rewind.steps(self.epoch) if isinstance(rewind, Duration) else None


def prepare(config: Config, dataset: Dataset | None = None, *, download_anywhere: bool = False) -> Setting:
    """Find the device, load the data, build the network, and check that they fit the config and each other.

    Args:
        config: of the study.
        dataset: data of your own, in place of what the config names.
        download_anywhere: whether data that are missing may be downloaded to outside the working directory: configs
            may be a stranger's.

    Raises:
        LotteryError: they don't; the message names the key.
    """
    device = devices.resolve(config.device)
    places = len(devices.places(config.device, device))
    if config.workers != "auto" and config.workers > places and not devices.can_fork(device):
        raise LotteryError(f"workers: {config.workers} can't be had on {device} of this machine; write 1 or auto")
    devices.configure(device, config.train.precision, config.deterministic)
    own = dataset
    try:
        dataset = dataset or _load(config.data, download_anywhere)
        data = Resident(
            dataset,
            validation=config.data.validation,
            seed=config.seed,
            replicates=config.replicates,
            device=device,
            crop=config.data.augment.crop,
            flip=config.data.augment.flip,
        )
    except (MemoryError, RuntimeError) as error:
        raise LotteryError(f"data: can't be held in memory ({str(error).splitlines()[0]})") from error
    build, template, conduct = _network(config, dataset, device)
    shapes = _shapes(config, template)
    epoch = Batches(data, [0], config.train.batch_size, config.seed).steps_per_epoch
    setting = Setting(
        config=config,
        device=device,
        dataset=own,
        data=data,
        build=build,
        template=template,
        behaviour=conduct,
        shapes=shapes,
        flops=layer_flops(template, dataset.shape, {**shapes, **parameters.matrices(template)}),
        epoch=epoch,
        length=round(config.train.stretch * config.train.length.steps(epoch)),
        every=config.train.evaluate_every.steps(epoch),
    )
    check(setting)
    return setting


def _load(data: Data, download_anywhere: bool) -> Dataset:
    """The data set, downloaded first where it is missing."""
    try:
        dataset: Dataset = data.entry(**data.options)
    except Missing as missing:
        missing.download(download_anywhere)
        dataset = data.entry(**data.options)
    return dataset


def _network(
    config: Config, dataset: Dataset, device: torch.device
) -> tuple[Callable[[], nn.Module], nn.Module, Behaviour]:
    """Return what makes the network, one that it made, and how that behaves, if it fits the images and the memory."""
    entry, options = config.model.entry, config.model.options
    try:
        if config.model.small_dense is not None:
            covered = partial(parameters.prunable, only=config.model.prunable, exclude=config.model.exclude)
            options["scale"] = scale_for(
                entry, options, dataset.shape, dataset.classes, config.model.small_dense, covered
            )
        build = partial(entry, dataset.shape, dataset.classes, **options)
        _check_memory(build, device)
        with seeded(stream(config.seed, "template")):  # what no state dict has is as it is drawn here
            template = build()
        return build, template, behaviour(template, dataset.shape, dataset.classes)
    except (ValueError, RuntimeError, TypeError, OverflowError) as error:
        images = "x".join(map(str, dataset.shape))
        raise LotteryError(f"model: {str(error).splitlines()[0]}; the images are {images}") from error


def _check_memory(build: Callable[[], nn.Module], device: torch.device) -> None:
    """Raise LotteryError where a network has no room, before it takes it."""
    try:
        with seeded(stream(0)), torch.device("meta"):
            sketch = build()
    except (RuntimeError, NotImplementedError):
        return  # a constructor that needs numbers can't be asked; if there is more to it, the network itself says so
    if any(isinstance(parameter, nn.UninitializedParameter) for parameter in sketch.parameters()):
        raise LotteryError(
            "model: has lazy layers, whose sizes are not known yet; have the function that makes it call it once on "
            "torch.zeros(2, *shape), then return it"
        )
    needed = 4 * sum(parameter.numel() for parameter in sketch.parameters())
    free = devices.free_memory(device)
    if 3 * needed > free:  # weights, gradients, masks
        raise LotteryError(
            f"model: {needed // 4:,} parameters take {spelt(3 * needed)} to train, and {spelt(free)} are free"
        )


def _shapes(config: Config, template: nn.Module) -> dict[str, torch.Size]:
    """Return the weights that masks cover, if the config's patterns name any."""
    only, exclude = config.model.prunable, config.model.exclude
    there = parameters.trainable(template)
    for key, patterns in (("prunable", only or ()), ("exclude", exclude)):
        for pattern in patterns:
            if not any(matches(name, pattern) for name in there):
                raise LotteryError(f"model.{key}: no parameter is called {pattern!r}; there are {', '.join(there)}")
    shapes = parameters.prunable(template, only, exclude)
    if not shapes:
        raise LotteryError(f"model: has no weights that masks cover; name some by model.prunable: {', '.join(there)}")
    return shapes
