"""What can be wrong with a config once data, network and device are there; each message names the key."""

from collections.abc import Iterable, Mapping, Sequence

import torch

from lottery.config.sparse import Sparse
from lottery.errors import LotteryError
from lottery.networks.masks import matches
from lottery.studies.layout import cant_stack
from lottery.studies.selection import check_data
from lottery.studies.setting import Setting

_MOST_STEPS = 10**12
"""Of one network's training: a year of thirty thousand a second."""


def check(setting: Setting) -> None:
    """Raise LotteryError where a config can't be carried out as it is."""
    _check_device(setting)
    train, retrain = setting.config.train, setting.config.pruning.retrain
    if not setting.length:
        raise LotteryError(f"train.stretch: {train.stretch:g} leaves not a single step of {train.length}")
    for key, steps in (("train.length", setting.length), ("pruning.retrain", retrain and retrain.steps(setting.epoch))):
        if steps and steps > _MOST_STEPS:
            raise LotteryError(f"{key}: {steps:,} steps are more than anybody can train; lower it")
    _check_pruning(setting)
    left = setting.data.train_index.shape[1]
    for probe in setting.config.probes:
        if probe.images > left:
            raise LotteryError(f"probes: {probe.name} wants {probe.images} training images, and there are {left}")
    if setting.config.sparse is not None:
        _check_sparse(setting, setting.config.sparse)


def _check_device(setting: Setting) -> None:
    train, device = setting.config.train, setting.device
    asked = {"precision: tf32": train.precision == "tf32", "cuda_graph": train.cuda_graph}
    for key, wanted in asked.items():
        if wanted and device.type != "cuda":
            raise LotteryError(f"train.{key} needs an NVIDIA GPU, and the device is {device}")
    if train.cuda_graph and setting.behaviour.noisy:
        raise LotteryError("train.cuda_graph: the network draws random numbers while it trains, which no graph replays")
    if setting.config.execution == "stacked" and (reason := cant_stack(setting)):
        raise LotteryError(f"execution: the network can't be stacked ({reason}); write looped, or auto")


def _check_pruning(setting: Setting) -> None:
    pruning = setting.config.pruning
    if setting.rewind_step is not None and setting.rewind_step >= setting.length:
        raise LotteryError(
            f"pruning.rewind: {pruning.rewind} is not before the end of training, at {setting.length}it; "
            "to keep trained weights write learning_rate or finetune"
        )
    if pruning.rewind == "learning_rate" and pruning.retrain and pruning.retrain.steps(setting.epoch) > setting.length:
        raise LotteryError(f"pruning.retrain: {pruning.retrain} is longer than training, {setting.length}it")
    _check_patterns(setting, "pruning.fractions", pruning.fractions)
    _check_patterns(setting, "pruning.exclude", pruning.exclude)
    if not setting.included(pruning.exclude):
        raise LotteryError("pruning.exclude: leaves no layer to prune")
    check_data(setting, pruning.score)
    # Whatever an allocation can do for two densities it can do for those between.
    for level in (1, pruning.iterations):
        setting.allocate(pruning, (1 - pruning.fraction) ** level)


def check_rounds(setting: Setting, densities: Sequence[float | Mapping[str, float]]) -> None:
    """Raise LotteryError where a round of pruning leaves nothing to train: such a network answers the same to all.

    `densities` are those of the pruned layers after each round, from the first one on: see `plan.layer_densities`.
    """
    shapes = {name: setting.shapes[name] for name in setting.included(setting.config.pruning.exclude)}
    for level, density in enumerate(densities, start=1):
        if not kept(shapes, density):
            fewer = f", or pruning.iterations to {level - 1}" if level > 1 else ""
            raise LotteryError(
                f"pruning.fraction: {setting.config.pruning.fraction:g} leaves not a single weight at level {level}; "
                f"the last level with a network is {level - 1}: lower pruning.fraction{fewer}"
            )


def kept(shapes: Mapping[str, torch.Size], density: float | Mapping[str, float]) -> int:
    """Return the number of weights kept at a density of all layers or of each, as `masks.keep_top` counts them."""
    sizes = {name: shape.numel() for name, shape in shapes.items()}
    if isinstance(density, Mapping):
        return sum(round(density[name] * size) for name, size in sizes.items())
    return round(density * sum(sizes.values()))


def _check_patterns(setting: Setting, key: str, patterns: Iterable[str]) -> None:
    for pattern in patterns:
        if not any(matches(name, pattern) for name in setting.shapes):
            layers = ", ".join(name.removesuffix(".weight") for name in setting.shapes)
            raise LotteryError(f"{key}: no layer is called {pattern!r}; there are {layers}")


def _check_sparse(setting: Setting, sparse: Sparse) -> None:
    if sparse.latent is not None and setting.config.train.cuda_graph:
        raise LotteryError(f"train.cuda_graph: steps of sparse.latent: {sparse.latent.name} can't be captured")
    _check_patterns(setting, "sparse.exclude", sparse.exclude)
    if not setting.included(sparse.exclude):
        raise LotteryError("sparse.exclude: leaves no layer to prune")
    check_data(setting, sparse.score)
    shapes = {name: setting.shapes[name] for name in setting.included(sparse.exclude)}
    for level, density in enumerate(sparse.densities, start=1):
        given = setting.sparse_densities(level)
        each = given if isinstance(given, dict) else dict.fromkeys(shapes, given)
        if not kept(shapes, given):
            raise LotteryError(f"sparse.density: {density} leaves not a single weight")
        course = setting.course(level)
        if course is None:
            continue
        name = sparse.topology.name
        if course.end > setting.length:
            raise LotteryError(
                f"sparse.topology.end: step {course.end:,} is after the end of training, {setting.length:,}"
            )
        if course.start + course.interval > course.end:
            raise LotteryError(
                f"sparse.topology: the first update of {name}, at step {course.start + course.interval:,}, comes after "
                f"the last, at {course.end:,}; lower interval or start, or raise end"
            )
        if all(round(each[key] * shape.numel()) == shape.numel() for key, shape in shapes.items()):
            raise LotteryError(f"sparse.density: at {density} there is no free weight for {name} to grow")
