"""What Python code hands over is what it has to be, or a line says what to give."""

import operator
from collections.abc import Iterable, Mapping, Sequence
from os import PathLike, fspath
from pathlib import Path

from lottery.errors import LotteryError
from lottery.escape import has_controls, shown


def path(given: object, what: str) -> Path:
    """Return a path; raise LotteryError where it is none, or one that couldn't be kept in a run's record."""
    name = fspath(given) if isinstance(given, str | PathLike) else None
    if not isinstance(name, str):
        raise LotteryError(f"{what} is {shown(given)}; give a path")
    if has_controls(name):
        raise LotteryError(f"{what} is {shown(given)}; write it in one line, without control characters, in UTF-8")
    return Path(name)


def paths(given: object, what: str) -> list[Path]:
    """Return several paths, or one; else as `path`."""
    several = isinstance(given, Iterable) and not isinstance(given, str | bytes | PathLike)
    return [path(one, what) for one in (given if several and isinstance(given, Iterable) else [given])]


def settings(given: object) -> dict[str, object]:
    """Return settings by dotted key, none where nothing is given; raise LotteryError where they are something else."""
    if given is None:
        return {}
    if not isinstance(given, Mapping) or not all(isinstance(key, str) for key in given):
        raise LotteryError(f"settings is {shown(given)}; write settings={{'train.batch_size': 60}}, say")
    return dict(given)


def whole(given: object, what: str, least: int) -> int:
    """Return a whole number of `least` or more; raise LotteryError where it is none."""
    if isinstance(given, bool) or not hasattr(given, "__index__") or operator.index(given) < least:
        raise LotteryError(f"{what} is {shown(given)}; give a whole number from {least} on")
    return operator.index(given)


def texts(given: object, what: str) -> tuple[str, ...]:
    """Return several texts, or one; raise LotteryError where it is something else."""
    several = [given] if isinstance(given, str) else given
    if not isinstance(several, Sequence) or not all(isinstance(one, str) for one in several):
        raise LotteryError(f"{what} is {shown(given)}; give a text, or a list of texts")
    return tuple(several)
