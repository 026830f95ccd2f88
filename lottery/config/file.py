"""A config is written as a YAML file, and as `key.path=value` on the command line.

Errors name the file, the line, the key and the nearest valid name.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from lottery.config import bounded_yaml, complaints
from lottery.config.choices import RECORDED
from lottery.config.schema import Config
from lottery.errors import LotteryError


def load(path: Path, overrides: Sequence[str] = ()) -> Config:
    """Read a config.

    Args:
        overrides: `key.path=value`, the value in YAML, each applied in turn.

    Raises:
        LotteryError: the file can't be read or is not a valid config; one line says where and what.
    """
    try:
        if path.stat().st_size > bounded_yaml.LARGEST:
            raise LotteryError(f"{path}: can't be read: larger than any config is")
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "not a UTF-8 text"
        raise LotteryError(f"{path}: can't be read: {reason}") from error
    return parse(text, str(path), path.stem, overrides)


def parse(text: str, path: str, name: str, overrides: Sequence[str] = (), *, recorded: bool = False) -> Config:
    """Return the config that a YAML text says; else as `load`.

    Args:
        path: where it stands, for messages.
        name: of the study, where the text doesn't say.
        overrides: as for `load`.
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
    touched = [_override(values, override) for override in overrides]
    try:
        return Config.model_validate(values, context={RECORDED: recorded})
    except ValidationError as error:
        place, reason = complaints.first(error)
        given = any(f"{place}.".startswith(f"{key}.") or f"{key}.".startswith(f"{place}.") for key in touched)
        where = "--set" if given else f"{path}{complaints.line(text, place)}"
        raise LotteryError(f"{where}: {place}: {reason}" if place else f"{where}: {reason}") from None


def _override(values: dict[str, Any], override: str) -> str:
    """Apply one `key.path=value` in place; return the key."""
    key, equals, text = override.partition("=")
    *parents, last = key.split(".")
    if not equals or not all((*parents, last)):
        raise LotteryError(f"--set {override}: write key.path=value, such as train.batch_size=60")
    try:
        value = bounded_yaml.parse(text)
    except yaml.YAMLError:
        raise LotteryError(f"--set {override}: the value is not valid YAML") from None
    target = values
    for parent in parents:
        inner = target.get(parent)
        if isinstance(inner, str):  # the short form of a choice
            inner = {"name": inner}
        target[parent] = inner if isinstance(inner, dict) else {}
        target = target[parent]
    target[last] = value
    return key
