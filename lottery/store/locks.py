"""One process at a time works on a run directory."""

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

try:
    import fcntl
except ImportError:  # Windows has no such locks, and none of ours
    fcntl = None  # type: ignore[assignment]

_held: dict[Path, int] = {}
"""Lock files that this process holds, by descriptor."""


class Locked(Exception):
    """Another process holds the lock."""


@contextmanager
def lock(folder: Path) -> Iterator[None]:
    """Hold the lock of `folder` within the context; within one process it may be taken again.

    The system lets go of it when the process ends, however it ends: there is no stale lock to clean up.

    Raises:
        Locked: another process has it.
    """
    path = _file(folder)
    if path in _held or fcntl is None:
        yield
        return
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0), 0o666)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(descriptor)
        raise Locked from None
    _held[path] = descriptor
    try:
        yield
    finally:
        del _held[path]
        os.close(descriptor)


def is_locked(folder: Path) -> bool:
    """Return whether some process works in `folder`."""
    try:
        with lock(folder):
            return False
    except (Locked, OSError):
        return True


def is_lost(folder: Path) -> bool:
    """Return whether this process locked `folder`, and its lock is there no more: renamed, replaced or deleted."""
    path = _file(folder)
    if path not in _held:
        return False
    try:
        return not os.path.samestat(path.lstat(), os.fstat(_held[path]))
    except OSError:
        return True


def place(folder: Path) -> Path | None:
    """Return where the folder that was locked as `folder` is now; None where it is deleted, or nobody can tell."""
    descriptor = _held.get(_file(folder))
    try:
        now = Path(f"/proc/self/fd/{descriptor}").readlink()
        return now.parent if descriptor is not None and os.path.samestat(now.lstat(), os.fstat(descriptor)) else None
    except OSError:
        return None


def _file(folder: Path) -> Path:
    return (folder / ".lock").absolute()


def _let_go() -> None:
    """Let go of the locks in a forked worker, which must not keep them when its parent is gone."""
    for descriptor in _held.values():
        with suppress(OSError):
            os.close(descriptor)
    _held.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_let_go)
