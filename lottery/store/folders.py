"""Folders in a run directory that others fill: figures and pages, trackers' own files."""

from pathlib import Path

from lottery.errors import LotteryError
from lottery.escape import visible


def own_folder(run: Path, name: str) -> Path:
    """Return the folder `name` of a run, made if need be; raise LotteryError where links would lead out of it."""
    folder = run / name
    if not folder.is_symlink():
        folder.mkdir(exist_ok=True)
    for found in (folder, *folder.iterdir()):
        refuse_link(found)
    return folder


def refuse_link(path: Path) -> None:
    """Raise LotteryError where a path is a symbolic link, which may lead anywhere."""
    if path.is_symlink():
        raise LotteryError(f"{visible(str(path))} is a symbolic link, which has no place in a run; remove it")
