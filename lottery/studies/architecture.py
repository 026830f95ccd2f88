"""The network of a config: what makes it, and what training has to know of it."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial

import torch
from torch import nn

from lottery import brought, devices, words
from lottery.config.data_and_model import Model
from lottery.config.schema import Config
from lottery.errors import LotteryError
from lottery.models import _own
from lottery.models._own import Given
from lottery.networks import parameters
from lottery.networks.masks import matches
from lottery.networks.small_dense import scale_for
from lottery.seeds import seeded, stream

Build = Callable[[], nn.Module]
"""Makes a network anew."""


@contextmanager
def fitting(shape: tuple[int, int, int]) -> Iterator[None]:
    """Raise LotteryError for whatever goes wrong within the context, where a network for such images is made."""
    images = "x".join(map(str, shape))
    try:
        with brought.told("model"):
            yield
    except (ValueError, RuntimeError, TypeError, OverflowError) as error:
        raise LotteryError(f"model: {str(error).partition(chr(10))[0]}; the images are {images}") from error


def builder(model: Model, shape: tuple[int, int, int], classes: int, given: Given | None = None) -> Build:
    """Return what makes the network of a config's section: its entry, or what the caller gave in place of it.

    Raises:
        ValueError: the config wants it smaller, and it has no option for that.
    """
    if given is not None:
        if model.small_dense is not None:
            raise ValueError("small_dense: a network that is given from Python has no option `scale`")
        return partial(given, shape, classes)
    entry, options = model.entry, model.options
    if model.small_dense is not None:
        covered = partial(parameters.prunable, only=model.prunable, exclude=model.exclude)
        options["scale"] = scale_for(entry, options, shape, classes, model.small_dense, covered)
    return partial(entry, shape, classes, **options)


def template(build: Build, config: Config) -> nn.Module:
    """Return the network whose structure all of a study's have; what no state dict has is as it is drawn here."""
    with seeded(stream(config.seed, "template")):
        made: object = build()
    if not isinstance(made, nn.Module):  # a user's function may return anything
        raise LotteryError(f"model: {config.model.name} returns a {type(made).__name__}; return a torch.nn.Module")
    return made


def identified(config: Config, made: nn.Module, given: Given | None, *, accept_changes: bool = False) -> Config:
    """Return the config, which says which network was given, if any.

    Args:
        accept_changes: whether its code may be other than it was, with the same layers.

    Raises:
        LotteryError: it says so already, and that was another one.
    """
    if given is None or config.model.name != "given":
        return config
    found = {"digest": _own.digest(made), "code": _own.code(made)}
    before = config.model.options
    for key, differs in (("digest", "its layers or tensors differ"), ("code", "its code has changed since")):
        if key == "code" and accept_changes:
            continue
        if before.get(key) not in (None, found[key]):
            raise LotteryError(
                f"model: {given.name} is another network than {before.get('of')} was: {differs}; give the same one"
                f"{', or say accept_changes=True' if key == 'code' else ', or start another run for this one'}"
            )
    named = config.model.model_copy(update={"of": given.name, **found})
    same = all(before.get(key) == value for key, value in found.items())
    return config if same else config.model_copy(update={"model": named})


def check_memory(build: Build, device: torch.device) -> None:
    """Raise LotteryError where a network has no room, before it takes it."""
    try:
        with seeded(stream(0)), torch.device("meta"):
            sketch = build()
    except Exception:
        return  # a constructor that needs numbers can't be asked; if there is more to it, the network itself says so
    if not isinstance(sketch, nn.Module):
        return
    if any(isinstance(parameter, nn.UninitializedParameter) for parameter in sketch.parameters()):
        raise LotteryError(
            "model: has lazy layers, whose sizes are not known yet; have the function that makes it call it once on "
            "torch.zeros(2, *shape), then return it"
        )
    needed = 4 * sum(parameter.numel() for parameter in sketch.parameters())
    free = devices.free_memory(device)
    if 3 * needed > free:  # weights, gradients, masks
        raise LotteryError(
            f"model: {needed // 4:,} parameters take {words.of_bytes(3 * needed)} to train, and "
            f"{words.of_bytes(free)} are free"
        )


def shapes(config: Config, made: nn.Module) -> dict[str, torch.Size]:
    """Return the weights that masks cover; raise LotteryError where the config's patterns name none."""
    only, exclude = config.model.prunable, config.model.exclude
    there = parameters.trainable(made)
    for key, patterns in (("prunable", only or ()), ("exclude", exclude)):
        for pattern in patterns:
            if not any(matches(name, pattern) for name in there):
                raise LotteryError(f"model.{key}: no parameter is called {pattern!r}; there are {', '.join(there)}")
    covered = parameters.prunable(made, only, exclude)
    if not covered:
        raise LotteryError(f"model: has no weights that masks cover; name some by model.prunable: {', '.join(there)}")
    return covered
