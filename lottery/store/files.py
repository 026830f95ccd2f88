"""Files that appear whole or not at all, and that tell when they are damaged: tensors, JSON, JSON lines, text.

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
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from safetensors import SafetensorError, safe_open

from lottery import escape
from lottery.errors import LotteryError, RunFailed

if TYPE_CHECKING:  # else only where tensors are read or written: listing runs does without torch
    from torch import Tensor

Record = dict[str, Any]
"""A JSON object."""

_LARGEST_TEXT = 1 << 24
"""Bytes of a file of JSON or text that are read at most: a hostile one doesn't fill the memory."""
_NO_ROOM = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}


def spelt(count: float) -> str:
    """Bytes in words: `3.4 MiB`."""
    units = ["B", "KiB", "MiB", "GiB", "TiB"]
    while count >= 1024 and len(units) > 1:
        count /= 1024
        units.pop(0)
    return f"{count:.1f} {units[0]}" if units[0] != "B" else f"{count:.0f} B"


# Writing


def make_folders(root: Path, folder: Path) -> None:
    """Make `folder`, which lies in `root`, and those between; `root` itself is never made.

    Raises:
        RunFailed: `root` isn't there, or the disk is full, read-only, or not ours.
    """
    with _writing(folder, 0):
        path = root
        for name in folder.relative_to(root).parts:
            path = path / name
            if not path.is_dir():
                path.mkdir()
                _flush(path.parent)


def write_whole(path: Path, write: Callable[[Path], Any], size: int = 0) -> None:
    """Let `write` write a file beside `path`, then move it into its place; its folder has to be there.

    After a crash at any moment there is the old file or the new one, and never a part of one.

    Args:
        path: of the file.
        write: writes the file that it is given.
        size: bytes that it needs, for the message if they aren't there.

    Raises:
        RunFailed: the folder isn't there, or the disk is full, read-only, or not ours.
    """
    beside = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    with _writing(path, size):
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
def _writing(path: Path, size: int) -> Iterator[None]:
    try:
        yield
    except (OSError, SafetensorError) as error:
        number = error.errno if isinstance(error, OSError) else None
        told = str(error)  # safetensors passes the system's message on, without its number
        if number in _NO_ROOM or any(os.strerror(code) in told for code in _NO_ROOM):
            free = spelt(shutil.disk_usage(_existing(path)).free)
            needed = f"{spelt(size)} needed, " if size else ""
            reason, remedy = f"no space left ({needed}{free} free)", "Make room"
        else:
            reason = (os.strerror(number) if number else told).lower()
            remedy = "Make that folder writable"
        raise RunFailed(
            f"{path}: can't be written: {reason}.\n"
            f"{remedy}, then go on with `lottery resume`; nothing finished is lost."
        ) from error


def _existing(path: Path) -> Path:
    """The nearest folder above `path` that is there."""
    return next(parent for parent in path.absolute().parents if parent.exists())


def _flush(path: Path) -> None:
    """Have the disk hold what was written to a file, or what a folder lists."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def write_text(path: Path, text: str) -> None:
    """Replace a text file, in UTF-8."""
    write_whole(path, lambda beside: beside.write_text(text, encoding="utf-8"), len(text))


def write_tensors(path: Path, tensors: Mapping[str, "Tensor"], about: Record | None = None) -> None:
    """Replace a safetensors file; `about` is a JSON object that is kept with the tensors."""
    import safetensors.torch

    contiguous = {name: tensor.contiguous() for name, tensor in tensors.items()}
    text = json.dumps(about or {})
    # One key alone: safetensors writes several in any order, and the same tensors are to give the same bytes.
    metadata = {"lottery": json.dumps({"about": text, "checksum": _tensor_checksum(contiguous, text)})}
    size = sum(tensor.numel() * tensor.element_size() for tensor in contiguous.values())
    write_whole(path, lambda beside: safetensors.torch.save_file(contiguous, beside, metadata), size)


def write_json(path: Path, value: Record) -> None:
    """Replace a JSON file."""
    write_text(path, json.dumps(value | {"checksum": _json_checksum(value)}, indent=1) + "\n")


def write_lines(path: Path, records: Iterable[Record]) -> None:
    """Replace a file of JSON lines."""
    write_text(path, _lines(records))


def append_lines(path: Path, records: Iterable[Record]) -> None:
    """Add to a file of JSON lines; `flush` has the disk hold them."""
    text = _lines(records)
    with _writing(path, len(text)), path.open("a", encoding="utf-8") as file:
        file.write(text)


def flush(path: Path) -> None:
    """Have the disk hold a file, if it is there."""
    with _writing(path, 0), suppress(FileNotFoundError):
        _flush(path)


# Reading


def read_text(path: Path) -> str:
    """A text file, in UTF-8, of bounded size."""
    return _bytes(path).decode("utf-8", errors="surrogateescape")


def _bytes(path: Path, largest: int = _LARGEST_TEXT) -> bytes:
    try:
        if not path.is_file():  # a pipe would be waited for
            raise LotteryError(f"{path} is missing")
        if path.stat().st_size > largest:
            raise LotteryError(f"{path} is damaged (larger than {spelt(largest)})")
        return path.read_bytes()
    except OSError as error:
        raise LotteryError(f"{path} can't be read ({error.strerror})") from error


def read_tensors(path: Path, like: Mapping[str, "Tensor"] | None = None) -> dict[str, "Tensor"]:
    """The tensors of a safetensors file, on the CPU; of the names, shapes and types of `like`, where that is given."""
    return read_tensors_about(path, like)[0]


def read_tensors_about(path: Path, like: Mapping[str, "Tensor"] | None = None) -> tuple[dict[str, "Tensor"], Record]:
    """The same, and the JSON object that is kept with them."""
    if not path.is_file():
        raise LotteryError(f"{path} is missing")
    try:
        try:
            metadata, tensors = _read(path, "np")
        except TypeError:  # a type that numpy lacks, such as bfloat16
            metadata, tensors = _read(path, "pt")
        ours = json.loads(metadata["lottery"])
        text = ours["about"]
        if ours["checksum"] != _tensor_checksum(tensors, text):
            raise LotteryError(f"{path} is damaged (its checksum does not match)")
        about = json.loads(text)
    except (SafetensorError, OSError, ValueError, LookupError, TypeError, RuntimeError, AttributeError) as error:
        if any(words in str(error) for words in ("Cannot allocate memory", "can't allocate memory")):
            raise MemoryError(str(error)) from error
        raise LotteryError(f"{path} is damaged ({escape.visible(str(error))[:200]})") from error
    if not isinstance(about, dict):
        raise LotteryError(f"{path} is damaged (its description is not an object)")
    if like is not None:
        for name in like.keys() | tensors.keys():
            found, wanted = tensors.get(name), like.get(name)
            if found is None or wanted is None or (found.shape, found.dtype) != (wanted.shape, wanted.dtype):
                named = escape.visible(name)
                raise LotteryError(f"{path} does not fit the model of config.yaml: {named} is another or missing")
    return tensors, about


def _read(path: Path, framework: str) -> tuple[dict[str, str], dict[str, "Tensor"]]:
    """A safetensors file's metadata, and its tensors, read as `np` or `pt`.

    With each tensor that safetensors makes for torch itself, it leaves 56 bytes behind for good.
    """
    import torch

    from lottery import devices

    size, free = path.stat().st_size, devices.free_memory(torch.device("cpu"))
    if size > free:  # a file with holes takes next to nothing on a disk
        raise LotteryError(f"{path} is damaged ({spelt(size)}, and {spelt(free)} of memory are free)")
    with safe_open(path, framework=framework) as file:
        tensors = {name: torch.as_tensor(file.get_tensor(name)) for name in file.keys()}  # noqa: SIM118
        return file.metadata() or {}, tensors


def peek(path: Path) -> Record:
    """The object in a JSON file, whatever its checksum."""
    try:
        value = json.loads(_bytes(path).decode("utf-8"))
    except (ValueError, RecursionError) as error:
        raise LotteryError(f"{path} is damaged ({error})") from error
    if not isinstance(value, dict):
        raise LotteryError(f"{path} is damaged (not an object)")
    return value


def read_json(path: Path) -> Record:
    """The object in a JSON file."""
    value = peek(path)
    if value.pop("checksum", None) != _json_checksum(value):
        raise LotteryError(f"{path} is damaged, or was changed by hand (its checksum does not match)")
    return value


def checked_lines(path: Path) -> list[bytes]:
    """The JSON objects of a file of JSON lines, not parsed yet, none where there is no file.

    A last line that a crash tore is left out.
    """
    if not path.exists():
        return []
    text = _bytes(path, largest=1 << 32)
    if text.startswith(b"\n") or b"\n\n" in text:  # each would take more memory than it has bytes
        raise LotteryError(f"{path} is damaged (it has empty lines)")
    lines = text.split(b"\n")
    return [_object(path, number, line) for number, line in enumerate(lines[:-1], start=1)]


def read_lines(path: Path) -> list[Record]:
    """The records of a file of JSON lines, as of `checked_lines`."""
    try:
        # At once: twice as fast as one by one.
        records: list[Record] = json.loads(b"[" + b",".join(checked_lines(path)) + b"]")
    except (ValueError, RecursionError) as error:
        raise LotteryError(f"{path} is damaged ({error})") from error
    return records


# Checksums


def text_checksum(text: str) -> str:
    """Of a text."""
    return hashlib.blake2b(text.encode("utf-8", errors="surrogateescape"), digest_size=16).hexdigest()


def _json_checksum(value: Record) -> str:
    return text_checksum(json.dumps(value, sort_keys=True))


def _tensor_checksum(tensors: Mapping[str, "Tensor"], about: str) -> str:
    import torch

    digest = hashlib.blake2b(about.encode(), digest_size=16)
    for name in sorted(tensors):
        tensor = tensors[name].detach().cpu().contiguous()
        digest.update(repr((name, str(tensor.dtype), tuple(tensor.shape))).encode())
        if tensor.numel():
            digest.update(tensor.flatten().view(torch.uint8).numpy().data)
    return digest.hexdigest()


_MARK = b', "crc": "'


def _lines(records: Iterable[Record]) -> str:
    texts = [json.dumps(_finite(record)) for record in records]
    return "".join(f'{text[:-1]}, "crc": "{zlib.crc32(text.encode()):08x}"}}\n' for text in texts)


def _object(path: Path, number: int, line: bytes) -> bytes:
    """The JSON object of a line, without its checksum, which is compared."""
    text, mark, end = line.rpartition(_MARK)
    text += b"}"
    if not mark or end != b'%08x"}' % zlib.crc32(text):
        raise LotteryError(f"{path}, line {number} is damaged; remove that line to go on without it")
    return text


def _finite(record: Record) -> Record:
    """JSON has no NaN and no infinity: they become null."""
    return {
        key: None if isinstance(value, float) and not math.isfinite(value) else value for key, value in record.items()
    }
