"""Find a data set's files, or download them once through torchvision."""

import contextlib
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from lottery.errors import LotteryError

T = TypeVar("T")


def obtain(name: str, root: str, read: Callable[[], T], *, looked_for: str, where: Path) -> T:
    """What `read` returns; where it finds no files, they are downloaded first.

    Args:
        name: torchvision's name for the data set.
        root: folder of data sets, to download into.
        read: reads the files; raises FileNotFoundError where they are missing, ValueError where they are damaged.
        looked_for: the files, for the error message.
        where: the folder that they should be in.

    Raises:
        LotteryError: the files are neither there nor to be had, or damaged.
    """
    try:
        try:
            return read()
        except FileNotFoundError:
            _download(name, root, f"{name} is not in {where} (looked for {looked_for})")
            return read()
    except ValueError as error:
        raise LotteryError(f"{error}; delete it to have it downloaded again") from error


def _download(name: str, root: str, missing: str) -> None:
    import torchvision

    print(f"{missing}: downloading it", file=sys.stderr)
    try:
        # torchvision prints to stdout, which is for results.
        with contextlib.redirect_stdout(sys.stderr):
            getattr(torchvision.datasets, name)(root, download=True)
    except (OSError, RuntimeError) as error:
        reason = str(error).strip().partition("\n")[0]
        raise LotteryError(
            f"{missing} and could not be downloaded ({reason}).\nPut the files there, or set data.root to their folder."
        ) from error
