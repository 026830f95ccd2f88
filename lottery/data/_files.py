"""Files that anybody may have written are found, and looked at before they are read."""

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from lottery import words
from lottery.errors import LotteryError


def folder(root: str) -> Path:
    """Return the folder that `data.root` names; `~` is the home folder."""
    try:
        return Path(root).expanduser()
    except RuntimeError:  # nobody's home
        return Path(root)


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
    return LotteryError(f"{path} {what}; delete {whole or 'it'} to have it downloaded again")
