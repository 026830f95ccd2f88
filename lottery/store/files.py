"""Files of JSON, JSON lines and text appear whole or not at all, and tell when they are damaged.

Everything is written beside its place, flushed to the disk, and renamed into it; folders are flushed, too. Everything
carries a checksum. What can't be read raises LotteryError, what can't be written RunFailed; both name the file and what
to do.
"""

import errno
import hashlib
import json
import math
import os
import shutil
import stat
import zlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from lottery import words
from lottery.errors import LotteryError, RunFailed

Record = dict[str, Any]
"""A JSON object as it was parsed; what is checked has a type of its own (`lottery.store.records`)."""

_LARGEST_TEXT = 1 << 24
"""Bytes of a file of JSON or text that are read at most: a hostile one doesn't fill the memory."""
THEN = "go on with `lottery resume`; nothing finished is lost"
"""What is said to do once there is room."""
_NO_ROOM = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}


# Writing


def make_folders(root: Path, folder: Path, then: str = THEN) -> None:
    """Make `folder`, which lies in `root`, and those between; `root` itself is never made.

    Raises:
        RunFailed: `root` isn't there, or the disk is full, read-only, or not ours.
    """
    with _writing(folder, 0, then):
        path = root
        for name in folder.relative_to(root).parts:
            path = path / name
            if not path.is_dir():
                path.mkdir()
                _flush(path.parent)


def write_whole(path: Path, write: Callable[[Path], Any], size: int = 0, then: str = THEN) -> None:
    """Let `write` write a file beside `path`, then move it into its place; its folder has to be there.

    After a crash at any moment there is the old file or the new one, and never a part of one. `size` is the bytes that
    it needs, for the message if they aren't there, and `then` what it says to do once they are.

    Raises:
        RunFailed: the folder isn't there, or the disk is full, read-only, or not ours.
    """
    beside = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    with _writing(path, size, then):
        try:
            # Whatever way of its own `write` has to make a file, the rights of this one are those that the user wants.
            rights = _make_file(beside)
            write(beside)
            if stat.S_IMODE(beside.stat().st_mode) != rights:
                beside.chmod(rights)
            _flush(beside)
            beside.replace(path)
            _flush(path.parent)
        except BaseException:
            with suppress(OSError):
                beside.unlink()
            raise


def _make_file(path: Path) -> int:
    """Make an empty file; returns the rights that the process's umask leaves it."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | getattr(os, "O_NOFOLLOW", 0), 0o666)
    try:
        return stat.S_IMODE(os.fstat(descriptor).st_mode)
    finally:
        os.close(descriptor)


@contextmanager
def _writing(path: Path, size: int, then: str = THEN) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if error.errno in _NO_ROOM:
            free = words.of_bytes(shutil.disk_usage(_existing(path)).free)
            needed = f"{words.of_bytes(size)} needed, " if size else ""
            reason, remedy = f"no space left ({needed}{free} free)", "Make room"
        else:
            reason = (os.strerror(error.errno) if error.errno else str(error)).lower()
            odd = path if error.errno == errno.EISDIR else _in_the_way(path)
            remedy = f"Remove {odd}, in whose place something else belongs" if odd else "Make that folder writable"
        raise RunFailed(f"{path}: can't be written: {reason}.\n{remedy}, then {then}.") from error


def _existing(path: Path) -> Path:
    """Return the nearest folder above `path` that is there."""
    return next(parent for parent in path.absolute().parents if parent.exists())


def _in_the_way(path: Path) -> Path | None:
    """Return what is no folder and stands above `path`, or in its place and is no file."""
    for folder in reversed(path.parents):
        if folder.exists() and not folder.is_dir():
            return folder
    return path if path.exists() and not path.is_file() and not path.is_dir() else None


def _flush(path: Path) -> None:
    """Have the disk hold what was written to a file, or what a folder lists."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def write_text(path: Path, text: str, then: str = THEN) -> None:
    """Replace a text file, in UTF-8."""
    write_whole(path, lambda beside: beside.write_text(text, encoding="utf-8"), len(text), then)


def write_json(path: Path, value: Record) -> None:
    """Replace a JSON file."""
    write_text(path, json.dumps(value | {"checksum": _json_checksum(value)}, indent=1) + "\n")


def write_lines(path: Path, records: Iterable[Record], then: str = THEN) -> None:
    """Replace a file of JSON lines."""
    write_text(path, _lines(records), then)


def append_lines(path: Path, records: Iterable[Record], then: str = THEN) -> None:
    """Add to a file of JSON lines; `flush` has the disk hold them, `then` is what to do once there is room again."""
    text = _lines(records)
    with _writing(path, len(text), then), path.open("a", encoding="utf-8") as file:
        file.write(text)


def drop_torn(path: Path, then: str = THEN) -> None:
    """Drop the last line of a file of JSON lines where a crash tore it, so that the next one is added to whole ones."""
    with _writing(path, 0, then), suppress(FileNotFoundError), path.open("rb+") as file:
        text = file.read()
        if not text.endswith(b"\n"):
            file.truncate(text.rfind(b"\n") + 1)


def flush(path: Path) -> None:
    """Have the disk hold a file, if it is there."""
    with _writing(path, 0), suppress(FileNotFoundError):
        _flush(path)


# Reading


def read_text(path: Path) -> str:
    """Return the text of a file in UTF-8 of bounded size."""
    return _bytes(path).decode("utf-8", errors="surrogateescape")


def _bytes(path: Path, largest: int = _LARGEST_TEXT) -> bytes:
    try:
        if not path.is_file():  # a pipe would be waited for
            raise LotteryError(f"{path} is {'no file; remove what stands there' if path.exists() else 'missing'}")
        if path.stat().st_size > largest:
            raise LotteryError(f"{path} is damaged (larger than {words.of_bytes(largest)})")
        return path.read_bytes()
    except OSError as error:
        raise LotteryError(f"{path} can't be read ({error.strerror})") from error


def peek(path: Path) -> Record:
    """Return the object in a JSON file, whatever its checksum."""
    try:
        value = json.loads(_bytes(path).decode("utf-8"))
    except (ValueError, RecursionError) as error:
        raise LotteryError(f"{path} is damaged ({error})") from error
    if not isinstance(value, dict):
        raise LotteryError(f"{path} is damaged (not an object)")
    return value


def read_json(path: Path) -> Record:
    """Return the object in a JSON file."""
    value = peek(path)
    if value.pop("checksum", None) != _json_checksum(value):
        raise LotteryError(f"{path} is damaged, or was changed by hand (its checksum does not match)")
    return value


def checked_lines(path: Path) -> list[bytes]:
    """Return the JSON objects of a file of JSON lines, not parsed yet, none where there is no file.

    A last line that a crash tore is left out.
    """
    if not path.exists():
        return []
    text = _bytes(path, largest=1 << 32)
    if text.startswith(b"\n") or b"\n\n" in text:  # each would take more memory than it has bytes
        raise LotteryError(f"{path} is damaged (it has empty lines)")
    lines = text.split(b"\n")
    return [_object(path, number, line) for number, line in enumerate(lines[:-1], start=1)]


# Checksums


def text_checksum(text: str) -> str:
    """Return the checksum of a text."""
    return hashlib.blake2b(text.encode("utf-8", errors="surrogateescape"), digest_size=16).hexdigest()


def _json_checksum(value: Record) -> str:
    return text_checksum(json.dumps(value, sort_keys=True))


_MARK = b', "crc": "'


def _lines(records: Iterable[Record]) -> str:
    texts = [json.dumps(_finite(record)) for record in records]
    return "".join(f'{text[:-1]}, "crc": "{zlib.crc32(text.encode()):08x}"}}\n' for text in texts)


def _object(path: Path, number: int, line: bytes) -> bytes:
    """Return the JSON object of a line, without its checksum, which is compared."""
    text, mark, end = line.rpartition(_MARK)
    text += b"}"
    if not mark or end != b'%08x"}' % zlib.crc32(text):
        raise LotteryError(f"{path}, line {number} is damaged; remove that line to go on without it")
    return text


def _finite(record: Record) -> Record:
    """Return a record without NaN and infinity, which JSON lacks: they become null."""
    return {
        key: None if isinstance(value, float) and not math.isfinite(value) else value for key, value in record.items()
    }
