"""From a config to all that a study works with; everything that can be wrong with a config is found here."""

from dataclasses import dataclass
from fnmatch import fnmatchcase

import torch
from torch import nn

from lottery import devices, masks
from lottery.analysis.flops import layer_flops
from lottery.batches import Batches, Resident
from lottery.cohort import Network, State, initialise, prunable
from lottery.config import Config
from lottery.data import Dataset
from lottery.errors import LotteryError
from lottery.files import spelt
from lottery.values import Duration


@dataclass(frozen=True)
class Setting:
    """A config made real.

    Attributes:
        dataset: the caller's own, where the data isn't what the config names.
        template: the network; its weights mean nothing, only its structure.
        shapes: name -> shape of the prunable weights.
        flops: name of a prunable weight -> FLOPs of its layer for one image, dense.
        epoch: steps of one epoch.
        length: steps of the dense training.
        every: steps between evaluations.
    """

    config: Config
    device: torch.device
    dataset: Dataset | None
    data: Resident
    template: nn.Module
    shapes: dict[str, torch.Size]
    flops: dict[str, int]
    epoch: int
    length: int
    every: int

    def initial(self, replicate: int, *name: str | int) -> State:
        """A replicate's initialization, or with further names another one that is as independent as another seed."""
        initializer = self.config.model.initializer
        return initialise(
            self.template,
            lambda shape, generator: initializer.entry(shape, generator, **initializer.options),
            self.config.seed,
            replicate,
            *name,
        )

    @property
    def like(self) -> Network:
        """Names, shapes and types of a network's tensors; its numbers mean nothing."""
        state = self.template.state_dict()
        return Network(state, masks.full(state, list(self.shapes)))

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


def prepare(config: Config, dataset: Dataset | None = None) -> Setting:
    """Find the device, load the data, build the network, and check that they fit the config and each other.

    Args:
        config: of the study.
        dataset: data of your own, in place of what the config names.

    Raises:
        LotteryError: they don't; the message names the key.
    """
    device = devices.resolve(config.device)
    places = len(devices.places(config.device, device))
    if config.workers != "auto" and config.workers > places and not devices.can_fork(device):
        raise LotteryError(f"workers: {config.workers} can't be had on {device} of this machine; write 1 or auto")
    devices.configure(device, config.train.precision, config.deterministic)
    _check_device(config, device)
    own = dataset
    try:
        dataset = dataset or config.data.entry(**config.data.options)
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
    template = _build(config, dataset, device)
    epoch = Batches(data, [0], config.train.batch_size, config.seed).steps_per_epoch
    setting = Setting(
        config=config,
        device=device,
        dataset=own,
        data=data,
        template=template,
        shapes=prunable(template),
        flops=layer_flops(template, dataset.shape),
        epoch=epoch,
        length=config.train.length.steps(epoch),
        every=config.train.evaluate_every.steps(epoch),
    )
    _check_pruning(setting)
    return setting


def _build(config: Config, dataset: Dataset, device: torch.device) -> nn.Module:
    """The network, if it fits the images and the memory."""
    entry, options = config.model.entry, config.model.options
    try:
        # Modules draw default weights when they are made: those numbers are not taken from anybody's generator.
        with torch.random.fork_rng(devices=[]):
            with torch.device("meta"):
                sketch: nn.Module = entry(dataset.shape, dataset.classes, **options)
            needed = 4 * sum(parameter.numel() for parameter in sketch.parameters())
            free = devices.free_memory(device)
            if 3 * needed > free:  # weights, gradients, masks
                raise LotteryError(
                    f"model: {needed // 4:,} parameters take {spelt(3 * needed)} to train, and {spelt(free)} are free"
                )
            template: nn.Module = entry(dataset.shape, dataset.classes, **options)
    except (ValueError, RuntimeError, TypeError, OverflowError) as error:
        images = "x".join(map(str, dataset.shape))
        raise LotteryError(f"model: {str(error).splitlines()[0]}; the images are {images}") from error
    return template


def _check_device(config: Config, device: torch.device) -> None:
    if device.type != "cuda":
        for key, asked in (
            ("precision: tf32", config.train.precision == "tf32"),
            ("cuda_graph", config.train.cuda_graph),
        ):
            if asked:
                raise LotteryError(f"train.{key} needs an NVIDIA GPU, and the device is {device}")


def _check_pruning(setting: Setting) -> None:
    pruning = setting.config.pruning
    if setting.rewind_step is not None and setting.rewind_step >= setting.length:
        raise LotteryError(
            f"pruning.rewind: {pruning.rewind} is not before the end of training, at {setting.length}it; "
            "to keep trained weights write learning_rate or finetune"
        )
    if pruning.rewind == "learning_rate" and pruning.retrain and pruning.retrain.steps(setting.epoch) > setting.length:
        raise LotteryError(f"pruning.retrain: {pruning.retrain} is longer than training, {setting.length}it")
    for key, patterns in (("fractions", pruning.fractions), ("exclude", pruning.exclude)):
        for pattern in patterns:
            if not any(matches(name, pattern) for name in setting.shapes):
                layers = ", ".join(name.removesuffix(".weight") for name in setting.shapes)
                raise LotteryError(f"pruning.{key}: no layer is called {pattern!r}; there are {layers}")
    if all(any(matches(name, pattern) for pattern in pruning.exclude) for name in setting.shapes):
        raise LotteryError("pruning.exclude: leaves no layer to prune")


def matches(name: str, pattern: str) -> bool:
    """Whether the layer of weight `name` matches a shell-style pattern."""
    return fnmatchcase(name.removesuffix(".weight"), pattern)
