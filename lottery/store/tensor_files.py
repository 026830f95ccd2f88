"""Files of tensors, in safetensors' format, are whole or not there and have a checksum, like those of `files`.

What can't be read raises LotteryError, what can't be written RunFailed.
"""

import errno
import hashlib
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from safetensors import SafetensorError, safe_open

from lottery import escape, words
from lottery.errors import LotteryError
from lottery.store.files import Record, write_whole

if TYPE_CHECKING:  # else only where tensors are read or written: listing runs does without torch
    from torch import Tensor


def write_tensors(path: Path, tensors: Mapping[str, "Tensor"], about: Record | None = None) -> None:
    """Replace a safetensors file; `about` is a JSON object that is kept with the tensors."""
    contiguous = {name: tensor.contiguous() for name, tensor in tensors.items()}
    text = json.dumps(about or {})
    # One key alone: safetensors writes several in any order, and the same tensors are to give the same bytes.
    metadata = {"lottery": json.dumps({"about": text, "checksum": _tensor_checksum(contiguous, text)})}
    size = sum(tensor.numel() * tensor.element_size() for tensor in contiguous.values())
    write_whole(path, lambda beside: _save(beside, contiguous, metadata), size)


def _save(path: Path, tensors: dict[str, "Tensor"], metadata: dict[str, str]) -> None:
    import safetensors.torch

    try:
        safetensors.torch.save_file(tensors, path, metadata)
    except SafetensorError as error:  # it passes the system's message on, without its number
        number = next((code for code in errno.errorcode if os.strerror(code) in str(error)), None)
        raise (OSError(str(error)) if number is None else OSError(number, str(error))) from error


def read_tensors(path: Path, like: Mapping[str, "Tensor"] | None = None) -> dict[str, "Tensor"]:
    """Return the tensors of a safetensors file, on the CPU, if they have the names, shapes and types of `like`."""
    return read_tensors_about(path, like)[0]


def read_tensors_about(path: Path, like: Mapping[str, "Tensor"] | None = None) -> tuple[dict[str, "Tensor"], Record]:
    """Return the tensors, as `read_tensors` does, and the JSON object that is kept with them."""
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
        if any(told in str(error) for told in ("Cannot allocate memory", "can't allocate memory")):
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


def read_about(path: Path) -> Record:
    """Return the JSON object that is kept with the tensors of a file; they aren't read, nor is anything compared."""
    try:
        with safe_open(path, framework="np") as file:
            about = json.loads(json.loads(file.metadata()["lottery"])["about"])
    except (SafetensorError, OSError, ValueError, LookupError, TypeError, RuntimeError) as error:
        raise LotteryError(f"{path} is damaged ({escape.visible(str(error))[:200]})") from error
    return about if isinstance(about, dict) else {}


def _read(path: Path, framework: str) -> tuple[dict[str, str], dict[str, "Tensor"]]:
    """Return a safetensors file's metadata, and its tensors, read as `np` or `pt`.

    With each tensor that safetensors makes for torch itself, it leaves 56 bytes behind for good.
    """
    import torch

    from lottery import devices

    size, free = path.stat().st_size, devices.free_memory(torch.device("cpu"))
    if size > free:  # a file with holes takes next to nothing on a disk
        raise LotteryError(f"{path} is damaged ({words.of_bytes(size)}, and {words.of_bytes(free)} of memory are free)")
    with safe_open(path, framework=framework) as file:
        tensors = {name: torch.as_tensor(file.get_tensor(name)) for name in file.keys()}  # noqa: SIM118
        return file.metadata() or {}, tensors


def _tensor_checksum(tensors: Mapping[str, "Tensor"], about: str) -> str:
    import torch

    digest = hashlib.blake2b(about.encode(), digest_size=16)
    for name in sorted(tensors):
        tensor = tensors[name].detach().cpu().contiguous()
        digest.update(repr((name, str(tensor.dtype), tuple(tensor.shape))).encode())
        if tensor.numel():
            digest.update(tensor.flatten().view(torch.uint8).numpy().data)
    return digest.hexdigest()
