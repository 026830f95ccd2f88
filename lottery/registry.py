"""The folder is the registry.

A file's stem is the name that a user writes in YAML, and the function of that name in it is the implementation: adding
a method means adding one file. The function's keyword-only parameters are its options in YAML; their annotations and
defaults are checked and written out like those of any other setting. A file may list `VARIANTS`, further names under
which some of the options are fixed (`resnet_20` is `resnet` with depth 20). Files that start with an underscore are
helpers.

What a user brings is registered beside that, by `@lottery.register("scores")`, from wherever it stands: see
`lottery.registering`, `lottery.plugins`.
"""

import difflib
import importlib
import inspect
import pkgutil
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache, cached_property
from typing import Any

from pydantic import BaseModel, ConfigDict, create_model

KINDS = {
    "data": "what to learn from",
    "tasks": "what to learn: by which loss, told apart by which metrics",
    "models": "networks",
    "initializers": "how weights are drawn",
    "sparse_initializers": "how the weights of a sparse network are drawn, once its mask is known",
    "optimizers": "how weights move",
    "schedules": "the learning rate's factor, step by step",
    "penalties": "terms that training minimises beside the task's loss",
    "scores": "which weights matter; the lowest go first",
    "allocation": "how many weights each layer keeps",
    "topology": "which weights are active, moved while a sparse network trains",
    "latent": "what is trained in place of a sparse network's weights",
    "arms": "controls that are trained beside a ticket",
    "probes": "what is measured of networks while they train",
    "trackers": "where a study is mirrored while it trains",
    "analyses": "what became of a run's networks, found once they are trained",
}
"""Folder of the package -> what its entries are."""

CONSTANTS = {
    "models": {"VARIANTS"},
    "allocation": {"VARIANTS"},
    "scores": {"VARIANTS", "TRAITS", "ROUNDS"},
    "topology": {"VARIANTS", "TRAITS"},
    "penalties": {"TRAITS"},
    "arms": {"TRAITS", "ORDER", "WORDS"},
    "probes": {"TRAITS", "SHOWN"},
    "analyses": {"SHOWN"},
}
"""Folder -> the constants by which a file says more of itself; the folder's docstring explains them."""

TRAITS = {
    "scores": {"data", "trained"},
    "topology": {"gradient", "trace", "static", "dense_start"},
    "penalties": {"optima"},
    "arms": {"fresh"},
    "probes": {"moves"},
    "data": {"from_python"},
    "models": {"from_python"},
}
"""Folder -> the traits that its files may have."""

_registered: dict[str, dict[str, "Entry"]] = {kind: {} for kind in KINDS}
"""What users brought."""


@dataclass(frozen=True)
class Entry:
    """An entry is one name of one folder: its function, the options that the name fixes, what the file says of it.

    Attributes:
        constants: name -> value of the file's public constants (`TRAITS`, ...), which the folder's docstring explains.
        own: whether it is one of this package's, rather than one that a user brought.
    """

    kind: str
    name: str
    function: Callable[..., Any]
    preset: Mapping[str, Any]
    constants: Mapping[str, Any]
    own: bool = True

    @property
    def traits(self) -> frozenset[str]:
        """Return the file's `TRAITS`: what whoever calls the function has to know of it."""
        return frozenset(self.constants.get("TRAITS", ()))

    @property
    def summary(self) -> str:
        """Return the first line of the function's docstring."""
        return (inspect.getdoc(self.function) or "").partition("\n")[0]

    @property
    def origin(self) -> str:
        """Return the name of the module that its function stands in."""
        return self.function.__module__

    @cached_property
    def options(self) -> type[BaseModel]:
        """Return a pydantic model of the options that a user may set."""
        fields: dict[str, Any] = {
            parameter.name: (parameter.annotation, ... if parameter.default is parameter.empty else parameter.default)
            for parameter in inspect.signature(self.function, eval_str=True).parameters.values()
            if parameter.kind is parameter.KEYWORD_ONLY and parameter.name not in self.preset
        }
        settings = ConfigDict(extra="forbid", frozen=True)
        return create_model(f"{self.kind}.{self.name}", __config__=settings, **fields)

    def __call__(self, /, *arguments: Any, **options: Any) -> Any:
        """Call the function, with the options that the name fixes."""
        return self.function(*arguments, **self.preset, **options)


def add(entries: Iterable[Entry]) -> None:
    """Make entries that a user brought known; see `lottery.registering`, which checks them first."""
    for entry in entries:
        _registered[entry.kind][entry.name] = entry


def brought() -> list[Entry]:
    """Return every entry that a user brought."""
    return [entry for entries in _registered.values() for entry in entries.values()]


def forget(origin: str) -> None:
    """Take back what a module registered."""
    for kind, entries in _registered.items():
        _registered[kind] = {name: entry for name, entry in entries.items() if entry.origin != origin}


@contextmanager
def all_or_nothing() -> Iterator[None]:
    """Take back what was registered within the context where that ends in an exception."""
    before = {kind: dict(entries) for kind, entries in _registered.items()}
    try:
        yield
    except BaseException:
        _registered.update(before)
        raise


def names(kind: str) -> list[str]:
    """Return every name of the folder `kind`, sorted."""
    return sorted(entries(kind))


def find(kind: str, name: str) -> Entry:
    """Return the entry called `name`; raises LookupError that names the nearest one and lists them all."""
    there = entries(kind)
    if name not in there:
        raise LookupError(f"{name!r} is none of the {kind}{suggestion(name, there)}; there are {', '.join(there)}")
    return there[name]


def suggestion(name: str, valid: Any) -> str:
    """Return ` (did you mean 'x'?)` for the nearest of the valid names, or an empty string."""
    near = difflib.get_close_matches(name, list(valid), n=1, cutoff=0.5)
    return f" (did you mean {near[0]!r}?)" if near else ""


def entries(kind: str) -> dict[str, Entry]:
    """Return every entry of the folder `kind` by its name, sorted."""
    brought = _registered[kind]
    return dict(sorted((_own(kind) | brought).items())) if brought else _own(kind)


@cache
def _own(kind: str) -> dict[str, Entry]:
    """Return the entries of the folder itself, sorted by name."""
    package = importlib.import_module(f"lottery.{kind}")
    entries = []
    for found in pkgutil.iter_modules(package.__path__):
        if found.name.startswith("_"):
            continue
        module = importlib.import_module(f"{package.__name__}.{found.name}")
        constants = {key: value for key, value in vars(module).items() if key.isupper() and not key.startswith("_")}
        entries += made(kind, getattr(module, found.name), constants, own=True)
    return {entry.name: entry for entry in sorted(entries, key=lambda entry: entry.name)}


def made(kind: str, function: Callable[..., Any], constants: Mapping[str, Any], *, own: bool) -> list[Entry]:
    """Return the entries that a function makes: one of its own name, and one for each variant."""
    # `global` is a keyword of Python, so its file and its function are called `global_`.
    variants = {function.__name__.rstrip("_"): {}} | constants.get("VARIANTS", {})
    return [Entry(kind, name, function, preset, constants, own) for name, preset in variants.items()]
