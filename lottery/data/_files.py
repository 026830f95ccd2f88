"""Files that anybody may have written are found, and looked at before they are read."""

import os
import stat
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from lottery import words
from lottery.errors import LotteryError


def folder(root: str) -> Path:
    """Return the folder that `data.root` names; `~` is the home folder.

    Raises:
        LotteryError: it is a file, or can't be looked at.
    """
    try:
        path = Path(root).expanduser()
    except RuntimeError:  # nobody's home
        path = Path(root)
    with reading():
        if path.is_file():
            raise LotteryError(f"data.root: {path} is a file; name the folder that it is in")
    return path


def one_of(places: Iterable[Path], root: Path, name: str) -> Path | None:
    """Return the only one of some places where a data set was found; None where it is at none.

    Raises:
        LotteryError: it is at several, and which is meant can't be told.
    """
    found = list(dict.fromkeys(places))
    if len(found) > 1:
        raise LotteryError(
            f"data.root: {root} has {name} twice, in {found[0]} and in {found[1]}; name the one that is meant"
        )
    return found[0] if found else None


@contextmanager
def reading() -> Iterator[None]:
    """Have what the system refuses to read within the context named by a LotteryError."""
    try:
        yield
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise LotteryError(f"{error.filename}: can't be read ({reason}); mend it or remove it") from error


def regular(path: Path, largest: int) -> os.stat_result:
    """Return the status of a file that reading comes to the end of.

    Args:
        largest: bytes that such a file has at most.

    Raises:
        LotteryError: it is larger, or a folder, or a pipe or device, which would be waited for.
        OSError: it can't be looked at.
    """
    status = path.stat()
    if not stat.S_ISREG(status.st_mode):
        raise LotteryError(f"{path} is not a file, but a folder, a pipe or a device; remove it")
    if status.st_size > largest:
        raise LotteryError(f"{path} is larger than any such file ({words.of_bytes(largest)}); remove it")
    return status


def damaged(path: Path, what: str, whole: Path | None = None) -> LotteryError:
    """Return the error that says what is wrong with a file that can be downloaded, or the `whole` that it is in."""
    return LotteryError(
        f"{path} {what}; delete {whole or 'it'} to have it downloaded again, or set data.root to another folder"
    )
