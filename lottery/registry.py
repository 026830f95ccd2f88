"""The folder is the registry.

A file's stem is the name that a user writes in YAML, and the function of that name in it is the implementation: adding
a method means adding one file. The function's keyword-only parameters are its options in YAML; their annotations and
defaults are checked and written out like those of any other setting. A file may list `VARIANTS`, further names under
which some of the options are fixed (`resnet_20` is `resnet` with depth 20). Files that start with an underscore are
helpers.

What a user brings is registered beside that, by `@register("scores")`, from wherever it stands: see `lottery.plugins`.
"""

import difflib
import importlib
import inspect
import pkgutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache, cached_property
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, create_model
from pydantic.errors import PydanticUserError

from lottery.errors import LotteryError

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

CONSTANTS = {
    "models": {"VARIANTS"},
    "allocation": {"VARIANTS"},
    "scores": {"VARIANTS", "TRAITS", "ROUNDS"},
    "topology": {"VARIANTS", "TRAITS"},
    "arms": {"TRAITS", "ORDER", "WORDS"},
}
"""Folder -> the constants by which a file says more of itself; the folder's docstring explains them."""

_registered: dict[str, dict[str, "Entry"]] = {kind: {} for kind in KINDS}
"""What users brought."""

F = TypeVar("F", bound=Callable[..., Any])


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

    def __call__(self, *arguments: Any, **options: Any) -> Any:
        """Call the function, with the options that the name fixes."""
        return self.function(*arguments, **self.preset, **options)


def register(kind: str, **constants: Any) -> Callable[[F], F]:
    """Return a decorator that makes a function an entry of a folder, under its own name, without a trailing `_`.

    The function takes what the folder's docstring says, and its options by keyword, each with a type.

    Args:
        kind: of `KINDS`, such as `scores`.
        constants: what a file of that folder would say of itself, in lower case: `traits={"fresh"}`, `order=4`,
            `variants={"deep": {"depth": 20}}`.

    Raises:
        LotteryError: the function can't be one, or another one has its name; the message says where it stands.
    """
    if not isinstance(kind, str):
        raise LotteryError('write @lottery.register("scores"), say, above a function: the kind of what it is')
    if kind not in KINDS:
        raise LotteryError(f"register({kind!r}): there is no such kind{suggestion(kind, KINDS)}: {', '.join(KINDS)}")
    valid = {name.lower() for name in CONSTANTS.get(kind, ())}
    for key in constants:
        if key not in valid:
            takes = f"take {', '.join(sorted(valid))}" if valid else "take none"
            raise LotteryError(f"register({kind!r}, {key}=...): {kind} {takes}{suggestion(key, valid)}")

    def add(function: F) -> F:
        if not (inspect.isfunction(function) or inspect.isclass(function)):
            raise LotteryError(f"register({kind!r}): {function!r} is neither a function nor a class")
        said = {key.upper(): value for key, value in constants.items()}
        entries = _made(kind, function, said, own=False)
        for entry in entries:
            _check(entry)
        _registered[kind] |= {entry.name: entry for entry in entries}
        return function

    return add


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


def _entries(kind: str) -> dict[str, Entry]:
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
        entries += _made(kind, getattr(module, found.name), constants, own=True)
    return {entry.name: entry for entry in sorted(entries, key=lambda entry: entry.name)}


def _made(kind: str, function: Callable[..., Any], constants: Mapping[str, Any], *, own: bool) -> list[Entry]:
    """Return the entries that a function makes: one of its own name, and one for each variant."""
    # `global` is a keyword of Python, so its file and its function are called `global_`.
    variants = {function.__name__.rstrip("_"): {}} | constants.get("VARIANTS", {})
    return [Entry(kind, name, function, preset, constants, own) for name, preset in variants.items()]


def _check(entry: Entry) -> None:
    """Raise LotteryError where a user's function can't be an entry, or its name is taken."""
    where = f"{_place(entry.function)}: {entry.name}"
    there = _entries(entry.kind).get(entry.name)
    if there is not None and (there.own or there.origin != entry.origin):
        owner = "lottery has" if there.own else f"{_place(there.function)} registers"
        raise LotteryError(f"{where}: {owner} {entry.kind} of that name already; give the function another one")
    if not (entry.function.__doc__ or "").strip():  # its own, rather than one that a class inherits
        raise LotteryError(f"{where}: has no docstring; its first line is what `lottery methods` says of it")
    parameters = inspect.signature(entry.function).parameters.values()
    usual = next(iter(_own(entry.kind).values()))
    given, wanted = _positional(entry.function), _positional(usual.function)
    if len(given) != len(wanted) or any(one.kind is one.VAR_KEYWORD for one in parameters):
        call = ", ".join([*wanted, "*", "OPTION: TYPE = DEFAULT"])
        raise LotteryError(f"{where}({', '.join(map(str, parameters))}): write {entry.name}({call}), options if any")
    for one in parameters:
        if one.kind is one.KEYWORD_ONLY and one.annotation is one.empty:
            raise LotteryError(f"{where}: option {one.name} has no type; write {one.name}: float = ..., say")
    try:
        entry.options.model_json_schema()
    except (PydanticUserError, NameError, TypeError) as error:
        reason = str(error).partition("\n")[0]
        raise LotteryError(f"{where}: an option's type can't be written in a config: {reason}") from None


def _positional(function: Callable[..., Any]) -> list[str]:
    parameters = inspect.signature(function).parameters.values()
    return [one.name for one in parameters if one.kind in (one.POSITIONAL_ONLY, one.POSITIONAL_OR_KEYWORD)]


def _place(function: Callable[..., Any]) -> str:
    """Return the file and line of a function."""
    try:
        return f"{inspect.getsourcefile(function)}:{inspect.getsourcelines(function)[1]}"
    except (OSError, TypeError):  # of a session that keeps no source
        return str(function.__module__)
