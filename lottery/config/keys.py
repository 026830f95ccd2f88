"""Every key of a config by its dotted path, without a config: what can be written there, as far as types tell."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from lottery.config.choices import Choice, NameOf, Section
from lottery.config.schema import Config

LOOKING_ON = ("probes", "analyses")
"""Keys of what only looks on: a run that retrains another's networks may have others."""


@dataclass(frozen=True)
class ConfigKey:
    """A config's key is a place where something can be written.

    Attributes:
        path: dotted: `train.optimizer`, `sparse.topology.interval`.
        field: its type, default and constraints, and what it is for.
        choice: the class of choice that it takes, if it takes one.
        kind: the registry folder of which it names an entry, if it names one.
        several: whether it takes a list of such names.
        values: that it is known to take, if they are few.
    """

    path: str
    field: FieldInfo
    choice: type[Choice] | None
    kind: str | None
    several: bool
    values: tuple[str, ...]


def config_keys(model: type[BaseModel] = Config, prefix: str = "") -> Iterator[ConfigKey]:
    """Yield the keys of a section and of the sections in it, in the order of the file."""
    for name, field in model.model_fields.items():
        if prefix and issubclass(model, Choice) and name == "name":
            continue
        path, types = f"{prefix}{name}", [field.annotation, *field.metadata, *_parts(field.annotation)]
        choice = next((one for one in types if isinstance(one, type) and issubclass(one, Choice)), None)
        section = next((one for one in types if isinstance(one, type) and issubclass(one, Section)), None)
        named = next((one.kind for one in types if isinstance(one, NameOf)), None)
        several = any(get_origin(one) is tuple for one in types) and bool(choice or named)
        kind = choice.kind if choice else named
        if section is None:
            yield ConfigKey(path, field, choice, kind, several, () if choice else _values(types, field))
        inner = section if choice is None or several else choice
        if inner is not None:
            yield from config_keys(inner, f"{path}.")


def _parts(annotation: Any) -> Iterator[Any]:
    """Yield what a type is made of, and what that is made of."""
    if get_origin(annotation) is Literal:
        return
    for part in get_args(annotation):
        yield part
        yield from _parts(part)


def _values(types: list[Any], field: FieldInfo) -> tuple[str, ...]:
    """Return the words that a key takes: its default first, where that is one."""
    found = [one for part in types if get_origin(part) is Literal for one in get_args(part)]
    found += [True, False] if bool in types else []
    found += [None] if type(None) in types else []
    default = [] if field.is_required() or field.default_factory or field.default is None else [field.default]
    said: dict[object, str] = {True: "true", False: "false", None: "null"}
    words = (said[one] if one is None or isinstance(one, bool) else str(one) for one in [*default, *found])
    return tuple(dict.fromkeys(word for word in words if not word.startswith("(")))
