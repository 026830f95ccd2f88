"""A network of the caller's own: from whatever makes it to a function like the others of this folder."""

import functools
import hashlib
import inspect
import pickle
import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from torch import nn

from lottery import brought
from lottery.errors import LotteryError

Factory = Callable[..., nn.Module]
"""Makes a network: of no arguments, or of (shape, classes), as the functions of this folder; a class may do so, too."""

HOW = "give a function, or a class, of no arguments or of (shape, classes), which makes it anew for each replicate"


@dataclass(frozen=True)
class Given:
    """A given network is made by the caller's own function or class.

    Attributes:
        factory: what makes it.
        of_the_data: whether that is told shape and classes.
    """

    factory: Factory
    of_the_data: bool

    def __call__(self, shape: tuple[int, int, int], classes: int) -> nn.Module:
        """Return the network, as every function of this folder does."""
        try:
            made: object = self.factory(shape, classes) if self.of_the_data else self.factory()
        except (TypeError, ValueError) as error:
            if not _takes_any(self.factory):
                raise
            reason, given = str(error).partition("\n")[0], "shape and classes" if self.of_the_data else "none"
            raise LotteryError(
                f"model: {self.name} takes any number of arguments, and fails when it is given {given} ({reason}); "
                f"{HOW}: model=lambda shape, classes: Net(...)"
            ) from error
        if not isinstance(made, nn.Module):
            raise LotteryError(
                f"model: {self.name} returned {type(made).__name__}, and has to return a torch.nn.Module"
            )
        return made

    @property
    def name(self) -> str:
        """Return what it is called: `module.Class`."""
        named: Any = self.factory
        while isinstance(named, functools.partial):
            named = named.func
        if not hasattr(named, "__qualname__"):
            named = type(named)
        return f"{named.__module__}.{named.__qualname__}".replace(".<locals>", "").removeprefix("__main__.")[:100]

    def refuse_other_processes(self) -> None:
        """Raise LotteryError where a process that shares no memory with this one can't be told what makes it."""
        try:
            pickle.dumps(self.factory)
            main = sys.modules["__main__"]
            there = getattr(self.factory, "__module__", "") != "__main__" or hasattr(main, "__file__")
        except (pickle.PicklingError, AttributeError, TypeError):
            there = False
        if not there:
            raise LotteryError(
                f"model: {self.name} can't be sent to processes of several GPUs; define it at the top of a file of its "
                "own and import it, or say device='cuda:0'"
            )


def given(factory: object) -> Given:
    """Return a given network of what makes it: a function, or a class, of no arguments or of (shape, classes).

    Raises:
        LotteryError: it is something else.
    """
    if isinstance(factory, nn.Module):
        raise LotteryError(f"model: this is a network; {HOW}: model=lambda: {type(factory).__name__}(...)")
    if not callable(factory):
        raise LotteryError(f"model: {type(factory).__name__} is no function; {HOW}")
    try:
        signature = inspect.signature(factory)
    except (TypeError, ValueError):
        return Given(factory, of_the_data=False)
    if _takes(signature):
        return Given(factory, of_the_data=[*signature.parameters][:2] == ["shape", "classes"])
    if _takes(signature, "shape", "classes"):
        return Given(factory, of_the_data=True)
    shown = str(signature).partition(" ->")[0]
    raise LotteryError(f"model: {getattr(factory, '__name__', 'this')}{shown} takes other arguments; {HOW}")


def digest(template: nn.Module) -> str:
    """Return a digest of a network: of its modules' names, kinds, settings, its tensors' names, shapes, types."""
    modules = [(name, type(module).__qualname__, module.extra_repr()) for name, module in template.named_modules()]
    tensors = [
        (name, tuple(one.shape), str(one.dtype))
        for name, one in (*template.named_parameters(), *template.named_buffers())
    ]
    return _short([modules[1:], tensors])


def code(template: nn.Module) -> str:
    """Return a digest of the classes that a network is made of and that no library has."""
    kinds = {kind for module in template.modules() for kind in type(module).__mro__}
    return _short(sorted(brought.text(kind) for kind in kinds if not brought.is_library(kind)))


def _short(what: object) -> str:
    return hashlib.sha256(repr(what).encode()).hexdigest()[:12]


def _takes_any(factory: Factory) -> bool:
    """Return whether it doesn't say how many arguments it takes: `*args`."""
    try:
        parameters = inspect.signature(factory).parameters.values()
    except (TypeError, ValueError):
        return True
    return any(one.kind is one.VAR_POSITIONAL for one in parameters)


def _takes(signature: inspect.Signature, *arguments: str) -> bool:
    try:
        signature.bind(*arguments)
    except TypeError:
        return False
    return True
