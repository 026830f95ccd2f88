"""The folder is the registry.

A file's stem is the name that a user writes in YAML, and the function of that name in it is the implementation: adding
a method means adding one file. The function's keyword-only parameters are its options in YAML; their annotations and
defaults are checked and written out like those of any other setting. A file may list `VARIANTS`, further names under
which some of the options are fixed (`resnet_20` is `resnet` with depth 20). Files that start with an underscore are
helpers.
"""

import difflib
import importlib
import inspect
import pkgutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
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
    "scores": "which weights matter; the lowest go first",
    "allocation": "how many weights each layer keeps",
    "topology": "which weights are active, moved while a sparse network trains",
    "latent": "what is trained in place of a sparse network's weights",
    "arms": "controls that are trained beside a ticket",
    "trackers": "where a study is mirrored while it trains",
}
"""Folder of the package -> what its entries are."""


@dataclass(frozen=True)
class Entry:
    """An entry is one name of one folder: its function, the options that the name fixes, what the file says of it.

    Attributes:
        constants: name -> value of the file's public constants (`TRAITS`, ...), which the folder's docstring explains.
    """

    kind: str
    name: str
    function: Callable[..., Any]
    preset: Mapping[str, Any]
    constants: Mapping[str, Any]

    @property
    def traits(self) -> frozenset[str]:
        """Return the file's `TRAITS`: what whoever calls the function has to know of it."""
        return frozenset(self.constants.get("TRAITS", ()))

    @property
    def summary(self) -> str:
        """Return the first line of the function's docstring."""
        return (inspect.getdoc(self.function) or "").partition("\n")[0]

    @property
    def options(self) -> type[BaseModel]:
        """Return a pydantic model of the options that a user may set."""
        return _options(self.kind, self.name)

    def __call__(self, *arguments: Any, **options: Any) -> Any:
        """Call the function, with the options that the name fixes."""
        return self.function(*arguments, **self.preset, **options)


def names(kind: str) -> list[str]:
    """Return every name of the folder `kind`, sorted."""
    return sorted(_entries(kind))


def find(kind: str, name: str) -> Entry:
    """Return the entry called `name`; raises LookupError that names the nearest one and lists them all."""
    entries = _entries(kind)
    if name not in entries:
        raise LookupError(f"{name!r} is none of the {kind}{suggestion(name, entries)}; there are {', '.join(entries)}")
    return entries[name]


def suggestion(name: str, valid: Any) -> str:
    """Return ` (did you mean 'x'?)` for the nearest of the valid names, or an empty string."""
    near = difflib.get_close_matches(name, list(valid), n=1, cutoff=0.5)
    return f" (did you mean {near[0]!r}?)" if near else ""


@cache
def _entries(kind: str) -> dict[str, Entry]:
    package = importlib.import_module(f"lottery.{kind}")
    entries = {}
    for found in pkgutil.iter_modules(package.__path__):
        if found.name.startswith("_"):
            continue
        module = importlib.import_module(f"{package.__name__}.{found.name}")
        function = getattr(module, found.name)
        # `global` is a keyword of Python, so its file and its function are called `global_`.
        stem = found.name.rstrip("_")
        constants = {key: value for key, value in vars(module).items() if key.isupper() and not key.startswith("_")}
        for name, preset in ({stem: {}} | constants.get("VARIANTS", {})).items():
            entries[name] = Entry(kind, name, function, preset, constants)
    return dict(sorted(entries.items()))


@cache
def _options(kind: str, name: str) -> type[BaseModel]:
    entry = find(kind, name)
    fields: dict[str, Any] = {
        parameter.name: (parameter.annotation, ... if parameter.default is parameter.empty else parameter.default)
        for parameter in inspect.signature(entry.function, eval_str=True).parameters.values()
        if parameter.kind is parameter.KEYWORD_ONLY and parameter.name not in entry.preset
    }
    return create_model(f"{kind}.{name}", __config__=ConfigDict(extra="forbid", frozen=True), **fields)
