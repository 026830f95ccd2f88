"""What takes long to make of data is kept in the user's cache folder for the next study: decoded images.

It is never needed: what is missing or damaged there is made again. It lies in `XDG_CACHE_HOME/lottery`, or else in
`~/.cache/lottery`.
"""

import os
import re
import stat
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from lottery.errors import LotteryError, RunFailed
from lottery.store import files
from lottery.store.tensor_files import read_about, read_tensors, write_tensors
from lottery.streams import message

if TYPE_CHECKING:
    from torch import Tensor

_OURS = re.compile(r"[0-9a-f]{32}\.safetensors")
_UNFINISHED = re.compile(rf"\.{_OURS.pattern}\.[0-9]+\.tmp")
_AN_HOUR = 3600
"""Seconds after which nobody is still writing a file: its process was killed."""

_sealed = ContextVar("sealed", default=False)


@dataclass(frozen=True)
class Kept:
    """A file of the cache.

    Attributes:
        size: in bytes.
        made: when, in seconds since 1970.
        what: it was made of, in words.
    """

    path: Path
    size: int
    made: float
    what: str


def folder() -> Path:
    """Return where the cache is, or would be; raise LotteryError where there is no home folder."""
    named = os.environ.get("XDG_CACHE_HOME", "")
    try:
        return (Path(named) if Path(named).is_absolute() else Path.home() / ".cache") / "lottery"
    except RuntimeError:
        raise LotteryError("there is no home folder for what is kept of images; name one by XDG_CACHE_HOME") from None


@contextmanager
def sealed() -> Iterator[None]:
    """Have the cache read within the context, and nothing written to it."""
    token = _sealed.set(True)
    try:
        yield
    finally:
        _sealed.reset(token)


def tensors(
    key: str,
    what: str,
    make: Callable[[Path | None], dict[str, "Tensor"]],
    fits: Callable[[Mapping[str, "Tensor"]], bool],
) -> dict[str, "Tensor"]:
    """Return the tensors of a key, as they are kept, or as they are made now, and then kept.

    Args:
        key: 32 hexadecimal digits of a digest of all that the tensors depend on.
        what: they are made of, in words, for whoever lists the cache.
        make: given the file that they will be kept in, or None.
        fits: whether tensors can be what is made: a checksum may be right for whatever somebody wrote.
    """
    path = folder() / f"{key}.safetensors"
    if path.exists():
        try:
            found = read_tensors(path)
            if fits(found):
                return found
            message(f"{path} is damaged (it doesn't hold {what}): decoding again")
        except LotteryError as error:  # or somebody has cleared the cache meanwhile
            message(f"{error}: decoding again")
    if _sealed.get():
        return make(None)
    made = make(path)
    try:
        files.make_folders(Path(path.anchor), path.parent)
        write_tensors(path, made, {"what": what})
    except RunFailed as error:
        message(f"{str(error).splitlines()[0]} Next time they are decoded again.")
    return made


def kept() -> list[Kept]:
    """Return what the cache holds, oldest first; whatever else lies in its folder is left out."""
    found = [Kept(path, status.st_size, status.st_mtime, _what(path)) for path, status in _files(_OURS)]
    return sorted(found, key=lambda one: one.made)


def clear() -> tuple[int, int]:
    """Remove what the cache holds, and what killed processes have left of it; return how many files, and their bytes.

    A study that has read its images works on: they are in its memory.

    Raises:
        LotteryError: a file can't be removed.
    """
    old = time.time() - _AN_HOUR
    unfinished = [(path, status) for path, status in _files(_UNFINISHED) if status.st_mtime < old]
    count = size = 0
    for path, status in [*_files(_OURS), *unfinished]:
        try:
            path.unlink()
        except FileNotFoundError:  # somebody else clears it, too
            continue
        except OSError as error:
            raise LotteryError(f"{path}: can't be removed ({(error.strerror or '').lower()})") from None
        count, size = count + 1, size + status.st_size
    return count, size


def _files(name: re.Pattern[str]) -> list[tuple[Path, os.stat_result]]:
    """Return the files of such names in the cache; links are none, wherever they lead."""
    found = []
    with suppress(FileNotFoundError, NotADirectoryError), os.scandir(folder()) as entries:
        for entry in entries:
            status = entry.stat(follow_symlinks=False)
            if name.fullmatch(entry.name) and stat.S_ISREG(status.st_mode):
                found.append((Path(entry.path), status))
    return found


def _what(path: Path) -> str:
    try:
        about: Mapping[str, object] = read_about(path)
    except LotteryError:
        return "damaged"
    return str(about.get("what", "by an older lottery"))
