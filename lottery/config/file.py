"""A config is written as a YAML file, and as `key.path=value` on the command line.

Errors name the file, the line, the key and the nearest valid name.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from os import PathLike
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from lottery import registry
from lottery.config import bounded_yaml, complaints, shipped
from lottery.config.choices import FROM_PYTHON, RECORDED
from lottery.config.schema import Config
from lottery.errors import LotteryError

Change = Callable[[dict[str, Any]], Iterable[str]]
"""Changes what a config says, in place, before it is checked; returns the keys whose values it gave."""


def names_config(name: str | PathLike[str]) -> bool:
    """Return whether a name, of what may be a config or a run, is a config's."""
    return Path(name).is_file() or Path(name).suffix in (".yaml", ".yml")


def load(path: Path, overrides: Sequence[str] = (), changes: Sequence[Change] | None = None) -> Config:
    """Read a config.

    Args:
        overrides: `key.path=value`, the value in YAML, each applied in turn.
        changes: what else is changed, where it is Python code that asks.

    Raises:
        LotteryError: the file can't be read or is not a valid config; one line says where and what.
    """
    if not path.exists():
        near = registry.suggestion(str(path), map(str, path.parent.glob("*.yaml")))
        raise LotteryError(f"{path} is not there{near}; {shipped.remedy(path.stem)}")
    try:
        if path.stat().st_size > bounded_yaml.LARGEST:
            raise LotteryError(f"{path}: can't be read: larger than any config is")
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "not a UTF-8 text"
        raise LotteryError(f"{path}: can't be read: {reason}") from error
    return parse(text, str(path), path.stem, overrides, changes)


def parse(
    text: str,
    path: str,
    name: str,
    overrides: Sequence[str] = (),
    changes: Sequence[Change] | None = None,
    *,
    recorded: bool = False,
) -> Config:
    """Return the config that a YAML text says; else as `load`.

    Args:
        path: where it stands, for messages.
        name: of the study, where the text doesn't say.
        overrides: as for `load`, and so are `changes`.
        recorded: whether it is a run's, whose plugins may not be there: what is unknown is then taken as it stands.
    """
    try:
        values = bounded_yaml.parse(text)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = f":{mark.line + 1}" if mark else ""
        raise LotteryError(f"{path}{line}: not valid YAML: {getattr(error, 'problem', error)}") from error
    if not isinstance(values, dict):
        raise LotteryError(f"{path}: a config is a mapping of keys such as name, data, model, train, pruning")
    values.setdefault("name", name)
    touched = {key: "--set" for override in overrides for key in _override(values, override)}
    touched |= {key: "settings" for change in changes or () for key in change(values)}
    context = {RECORDED: recorded, FROM_PYTHON: changes is not None}
    return checked(values, lambda place: _where(touched, place) or f"{path}{complaints.line(text, place)}", context)


def checked(values: dict[str, Any], where: Callable[[str], str], context: Mapping[str, bool]) -> Config:
    """Return the config of these values; else as `load`, where a message begins with `where` of the key says."""
    try:
        return Config.model_validate(values, context=dict(context))
    except ValidationError as error:
        place, reason = complaints.first(error)
        raise LotteryError(f"{where(place)}: {place}: {reason}" if place else f"{where(place)}: {reason}") from None


def put(values: dict[str, Any], key: str, value: object) -> list[str]:
    """Have a config say `value` for the dotted `key`; return the keys whose values it then has from there.

    A mapping is merged into the one that is there, one that names something or is empty takes its place.
    """
    *parents, last = key.split(".")
    for parent in parents:
        values = _section(values, parent)
    return list(_said(values, (*parents, last), value))


def _said(values: dict[str, Any], path: tuple[str, ...], value: object) -> Iterator[str]:
    *_, last = path
    if isinstance(value, dict) and value and "name" not in value:
        inner = _section(values, last)
        for key, part in value.items():
            yield from _said(inner, (*path, key), part)
    else:
        values[last] = value
        yield ".".join(map(str, path))


def _section(values: dict[str, Any], key: str) -> dict[str, Any]:
    """Return the mapping that a config has there, made of the short form of a choice, or of nothing."""
    inner = values.get(key)
    if isinstance(inner, str):
        inner = {"name": inner}
    values[key] = inner if isinstance(inner, dict) else {}
    section: dict[str, Any] = values[key]
    return section


def _where(touched: dict[str, str], place: str) -> str | None:
    """Return where the value at a place comes from, if not from the config itself."""
    for key, where in touched.items():
        if f"{place}.".startswith(f"{key}.") or f"{key}.".startswith(f"{place}."):
            return where
    return None


def _override(values: dict[str, Any], override: str) -> list[str]:
    """Apply one `key.path=value` in place; return the keys that it says."""
    key, equals, text = override.partition("=")
    if not equals or not all(key.split(".")):
        raise LotteryError(f"--set {override}: write key.path=value, such as train.batch_size=60")
    try:
        value = bounded_yaml.parse(text)
    except yaml.YAMLError:
        raise LotteryError(f"--set {override}: the value is not valid YAML") from None
    return put(values, key, value)
