"""Which run is meant by a name: a path, a directory's name, its study's, or how one of them begins."""

import re
from collections.abc import Iterable, Sequence
from pathlib import Path

from lottery.config import shipped
from lottery.errors import LotteryError
from lottery.registry import suggestion
from lottery.store import files, places
from lottery.store.reader import Reader
from lottery.streams import message

_STAMP = re.compile(r"\d{4}-\d\d-\d\d_\d\d-\d\d-\d\d_(?=.)")
_MOST_LISTED = 4


def study_name(run: Path) -> str:
    """Return what a run directory is called after its time stamp: the name of its study.

    A study that began in the same second as another of its name has a number behind it, which is no part of that.
    """
    stamp = _STAMP.match(run.name)
    if stamp is None:
        return run.name
    first, _, number = run.name.rpartition("-")
    twin = number.isdigit() and len(first) > stamp.end() and run.with_name(first).is_dir()
    return (first if twin else run.name)[stamp.end() :]


def runs_called(name: str, runs_dir: Path) -> list[Path]:
    """Return the runs that a name may mean, oldest first: all of a study's, or else all whose names begin so.

    Args:
        name: a study's, or the beginning of one, or of a directory's: of a time stamp, too. In front of it may stand
            another folder than `runs_dir`.
    """
    folder, wanted = (runs_dir, name) if Path(name).name == name else (Path(name).parent, Path(name).name)
    there = places.runs(folder) if wanted else []
    named = [run for run in there if study_name(run) == wanted]
    return named or [run for run in there if run.name.startswith(wanted) or study_name(run).startswith(wanted)]


def find_run(name: str, runs_dir: Path, *, newest: bool = False, unfinished: bool = False) -> Reader:
    """Return the run that a user means by a path, a name, or `latest`.

    What `rewind` or `fork` made of a study has that study's name: it is meant where nothing else is, or by its own time
    stamp.

    Args:
        newest: whether the name of a study means the newest of its runs, where there are several; this is then said.
        unfinished: whether of several the one is meant that isn't finished, where that is one; this is then said.

    Raises:
        LotteryError: there is none, or the name may mean several, which are listed.
    """
    return Reader.open(find_path(name, runs_dir, newest=newest, unfinished=unfinished))


def find_path(name: str, runs_dir: Path, *, newest: bool = False, unfinished: bool = False) -> Path:
    """Return the directory of the run that a user means, whatever is in it; else as `find_run`."""
    if name == "latest":
        paths = places.runs(runs_dir)
        if not paths:
            raise LotteryError(f"there are no runs in {runs_dir} yet; {shipped.BEGIN}")
        return paths[-1]
    for path in (Path(name), runs_dir / name):
        if name and (path / places.RECORD).is_file():
            return path
    found = runs_called(name, runs_dir)
    if unfinished and len(found) > 1:
        left = [run for run in found if _record(run).get("status", "finished") != "finished"]
        if len(left) == 1:
            message(f"{name}: {left[0].name}, the one of {len(found)} runs that isn't finished")
            return left[0]
    if len(found) > 1:
        stamp = Path(name).name
        studied = [run for run in found if run.name.startswith(stamp) or not {"rewind", "fork"} & {*_record(run)}]
        found = studied or found
    if len(found) > 1 and newest and study_name(found[-1]) == Path(name).name:
        message(f"{name}: {found[-1].name}, the newest of {len(found)} runs of that name")
        return found[-1]
    if len(found) > 1:
        raise LotteryError(f"{name} may mean {len(found)} runs: {_listed(found)}; write out which one")
    if found:
        return found[0]
    for path in (Path(name), runs_dir / name):
        if path.exists():
            return path  # which isn't one, as whoever opens it is told
    there = places.runs(runs_dir)
    near = suggestion(name, [*(run.name for run in there), *map(study_name, there), *_configs(Path(name).parent)])
    known = f" (`lottery init {name}` writes a config of that name)" if name in shipped.names() else near
    raise LotteryError(f"{name} is not there{known}; `lottery runs` lists the runs that are")


def find_parent(run: Reader) -> Reader:
    """Return the run that a run retrains networks of: where it was, or else of all beside the run the one of its id.

    Raises:
        LotteryError: it is at neither place, or can't be read.
    """
    path, wanted = Path(str(run.record.get("parent"))), run.record.get("parent_id")
    beside = [one for one in places.runs(run.path.resolve().parent) if one != path]
    for one in (path, *beside):
        if _record(one).get("id") == wanted:
            return Reader.open(one)
    if path.is_dir():
        Reader.open(path)  # raises what is wrong with it
    there = "is another run now" if path.is_dir() else "is not there"
    raise LotteryError(f"{path} {there}, nor does {wanted} lie beside {run.path}, where it may be put")


def _record(run: Path) -> files.Record:
    """Return what a run's record says, whether it is whole or not; nothing where it can't be read."""
    try:
        return files.peek(run / places.RECORD)
    except LotteryError:
        return {}


def _listed(runs: Sequence[Path]) -> str:
    """Return the names of runs, the newest first, as many as anybody reads."""
    shown = [run.name for run in reversed(runs)][:_MOST_LISTED]
    return ", ".join([*shown, *(["..."] if len(runs) > len(shown) else [])])


def _configs(folder: Path) -> Iterable[str]:
    return (str(path) for path in folder.glob("*.yaml"))
