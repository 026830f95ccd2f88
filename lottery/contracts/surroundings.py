"""What everything in a process shares is found changed, and put back."""

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch


def _environment(before: dict[str, str]) -> None:
    for name in os.environ.keys() - before.keys():
        del os.environ[name]
    os.environ.update(before)


def _path(before: list[str]) -> None:
    sys.path[:] = before


_SHARED: dict[str, tuple[Callable[[], Any], Callable[[Any], object]]] = {
    "torch's default dtype": (torch.get_default_dtype, torch.set_default_dtype),
    "torch's default device": (torch.get_default_device, torch.set_default_device),
    "whether torch computes gradients": (torch.is_grad_enabled, torch.set_grad_enabled),
    "torch's number of threads": (torch.get_num_threads, torch.set_num_threads),
    "the working directory": (os.getcwd, os.chdir),
    "environment variables": (lambda: dict(os.environ), _environment),
    "sys.path": (lambda: [*sys.path], _path),
}
"""Name -> what tells how it stands, and what puts it back."""


@contextmanager
def put_back() -> Iterator[list[str]]:
    """Put back whatever is changed within the context; the list that it provides then names that."""
    before, changed = {name: look() for name, (look, _) in _SHARED.items()}, list[str]()
    try:
        yield changed
    finally:
        for name, (look, put) in _SHARED.items():
            if look() != before[name]:
                put(before[name])
                changed.append(name)
