"""Files that appear whole or not at all: written beside their place and renamed into it. Tensors, JSON, JSON lines.

What can't be read raises LotteryError, which names the file.
"""

import json
import os
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor

from lottery.errors import LotteryError

Record = dict[str, Any]
"""A JSON object."""


def write_whole(path: Path, write: Callable[[Path], Any]) -> None:
    """Let `write` write a file beside `path`, then rename it into its place; folders are made."""
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    write(beside)
    beside.replace(path)


def write_text(path: Path, text: str) -> None:
    """Replace a text file, in UTF-8."""
    write_whole(path, lambda beside: beside.write_text(text, encoding="utf-8"))


def write_tensors(path: Path, tensors: Mapping[str, Tensor], metadata: dict[str, str] | None = None) -> None:
    """Replace a safetensors file."""
    contiguous = {name: tensor.contiguous() for name, tensor in tensors.items()}
    write_whole(path, lambda beside: save_file(contiguous, beside, metadata))


def read_tensors(path: Path) -> dict[str, Tensor]:
    """The tensors of a safetensors file, on the CPU."""
    try:
        return load_file(path)
    except FileNotFoundError:
        raise LotteryError(f"{path} is missing") from None
    except (SafetensorError, OSError) as error:
        raise LotteryError(f"{path} is damaged ({error})") from error


def read_about(path: Path) -> Record:
    """The JSON object that `metadata["about"]` of a safetensors file holds."""
    try:
        with safe_open(path, framework="pt") as file:
            about: Record = json.loads(file.metadata()["about"])
            return about
    except (SafetensorError, OSError, ValueError, KeyError, TypeError) as error:
        raise LotteryError(f"{path} is damaged ({error})") from error


def write_json(path: Path, value: Record) -> None:
    """Replace a JSON file."""
    write_text(path, json.dumps(value, indent=1) + "\n")


def read_json(path: Path) -> Record:
    """The object in a JSON file."""
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise LotteryError(f"{path} is damaged ({error})") from error
    if not isinstance(value, dict):
        raise LotteryError(f"{path} is damaged (not an object)")
    return value


def write_lines(path: Path, records: Iterable[Record]) -> None:
    """Replace a file of JSON lines."""
    write_text(path, _lines(records))


def append_lines(path: Path, records: Iterable[Record]) -> None:
    """Add to a file of JSON lines."""
    with path.open("a", encoding="utf-8") as file:
        file.write(_lines(records))


def read_lines(path: Path) -> list[Record]:
    """The records of a file of JSON lines, none where there is no file; a last line that a crash tore is left out."""
    if not path.exists():
        return []
    lines = path.read_bytes().split(b"\n")
    try:
        return [json.loads(line) for line in lines[:-1]]
    except ValueError as error:
        raise LotteryError(f"{path} is damaged ({error})") from error


def _lines(records: Iterable[Record]) -> str:
    return "".join(json.dumps(record) + "\n" for record in records)
