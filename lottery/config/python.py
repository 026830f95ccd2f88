"""A config comes from Python, too: as a dict of the same keys as in YAML, and with changes that code asks for."""

from collections.abc import Mapping, Sequence
from os import PathLike, fspath
from typing import Any

import numpy as np

from lottery import registry
from lottery.config.choices import FROM_PYTHON
from lottery.config.file import Change, checked, put
from lottery.config.schema import Config
from lottery.errors import LotteryError

_FOLDER = {"data": "data", "model": "models"}
"""Section -> the registry folder that it names an entry of."""
_DEPTH = 20
"""As deep as a config in YAML may be nested."""


def of(values: Mapping[str, object], changes: Sequence[Change] = ()) -> Config:
    """Return the config that a dict says; raise LotteryError where it is none, with the key and what is wrong.

    Args:
        values: of the same keys as in YAML; a `name` may be left out.
        changes: what is changed in it first.
    """
    plain: dict[str, Any] = _plain(values, "config")
    plain.setdefault("name", "study")
    for change in changes:
        change(plain)
    return checked(plain, lambda place: "config", {FROM_PYTHON: True})  # noqa: ARG005


def setting(key: str, value: object) -> Change:
    """Return the change by which a config says `value` for a dotted `key`, as `--set key=value` does in a shell."""
    if not all(key.split(".")):
        raise LotteryError(f"settings: {key!r} is no key; write {{'train.batch_size': 60}}, say")

    def change(values: dict[str, Any]) -> list[str]:
        return put(values, key, _plain(value, key))

    return change


def standing_in(kind: str) -> Change:
    """Return the change by which a section, `data` or `model`, says that what it names is given from Python.

    What the section says of it besides stays, and what only the entry that it named before could do goes.
    """

    def change(values: dict[str, Any]) -> tuple[()]:
        section = values.get(kind, {})
        section = {"name": section} if isinstance(section, str) else section
        if not isinstance(section, dict):
            return ()  # which is said when the config is checked
        name = section.get("name", "given")
        other = isinstance(name, str) and name != "given" and name in registry.names(_FOLDER[kind])
        gone = set(registry.find(_FOLDER[kind], name).options.model_fields) if other else set()
        values[kind] = {key: part for key, part in section.items() if key not in gone} | {"name": "given"}
        return ()

    return change


def _plain(value: Any, place: str, depth: int = 0) -> Any:
    """Return a value as YAML would give it: of dicts, lists, texts and numbers; in dicts and lists of its own."""
    if depth > _DEPTH:
        raise LotteryError(f"{place}: nested deeper than any config is")
    if isinstance(value, Mapping):
        return {str(key): _plain(part, f"{place}.{key}", depth + 1) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(part, place, depth + 1) for part in value]
    if isinstance(value, np.generic):
        return value.item()
    return fspath(value) if isinstance(value, PathLike) else value
