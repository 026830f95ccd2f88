"""Plugins are users' own files and packages, whose functions are entries of registry folders like this package's own.

They are named on the command line (`--plugin FILE`), in the environment, by an installed package or from Python, never
by a config or a run: those may be a stranger's, and mustn't run code. What a run keeps of them is said in
`lottery.studies.same_code`.
"""

import hashlib
import importlib.util
import os
import sys
import traceback
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, redirect_stdout
from importlib.metadata import entry_points
from pathlib import Path
from types import ModuleType

from lottery import registry
from lottery.errors import LotteryError
from lottery.streams import message

ENVIRONMENT = "LOTTERY_PLUGINS"
"""Files to load, separated as in PATH."""
GROUP = "lottery.plugins"
"""Entry points of installed packages that are loaded."""
_FAILURES = (Exception, SystemExit, GeneratorExit)
"""What code that isn't ours may end in, for whatever reason."""
_TEXT = "__lottery_read__"
"""Attribute of a plugin's module: what stood in its file when it was run."""


def load(files: Iterable[str | Path] = ()) -> None:
    """Load plugins: these files, those that the environment names, and those of installed packages; each once.

    Raises:
        LotteryError: a file isn't there, can't be run, or registers what can't be an entry. An installed package of
            which this is true is left out, with a message.
    """
    for point in sorted(entry_points(group=GROUP), key=lambda point: point.name):
        if point.module not in sys.modules:
            try:
                with registry.all_or_nothing(), redirect_stdout(sys.stderr):
                    point.load()
            except _FAILURES as error:
                message(f"plugin {point.name} ({point.value}) is left out: {_reason(error, '')}")
    named = [Path(name) for name in os.environ.get(ENVIRONMENT, "").split(os.pathsep) if name]
    for file in [*named, *map(Path, files)]:
        load_file(file)


def load_file(file: Path) -> ModuleType:
    """Run a plugin's file, unless that was done since it last changed, and return its module.

    Files beside it may be imported there.

    Raises:
        LotteryError: as for `load`; nothing of the file is registered then.
    """
    try:
        path = Path(os.path.realpath(file.expanduser()))  # links that lead in a circle are read below, or not
        text = path.read_bytes()
    except (OSError, ValueError, RuntimeError) as error:  # no path at all, of no user
        reason = (getattr(error, "strerror", None) or str(error)).lower()
        raise LotteryError(f"plugin {file}: can't be read: {reason}") from None
    # Of a name that no other module has, and the same in every process.
    name = f"{path.stem}_{hashlib.sha256(os.fsencode(path)).hexdigest()[:8]}"
    for module in [*sys.modules.values()]:
        # The name first: following links of some two thousand files would take longer than all else.
        alike = str(getattr(module, "__file__", None)).endswith(path.name)
        if alike and file_of(module) == path and module.__name__ not in ("__main__", name):
            return module  # somebody imported it
    if name in sys.modules and getattr(sys.modules[name], _TEXT) == text:
        return sys.modules[name]
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None:
        raise LotteryError(f"plugin {file}: not a Python file (.py)")
    module = importlib.util.module_from_spec(spec)
    setattr(module, _TEXT, text)
    if str(path.parent) not in sys.path:
        sys.path.append(str(path.parent))  # last, so that no file there hides a library
    before = sys.modules.pop(name, None)
    sys.modules[name] = module
    alias = path.stem if _would_find(path.stem, path) else name
    sys.modules[alias] = module  # files beside it that import it get it, and don't run it again
    try:
        with registry.all_or_nothing(), redirect_stdout(sys.stderr):  # results alone go to stdout
            registry.forget(name)
            with _unwritten():
                exec(compile(text, path, "exec"), vars(module))  # these very bytes, whatever was compiled before
    except _FAILURES as error:
        for called in {name, alias}:
            sys.modules.pop(called, None)
            if before is not None:
                sys.modules[called] = before
        reason = str(error) if isinstance(error, LotteryError) else _reason(error, str(path))
        raise LotteryError(reason if reason.startswith(str(path)) else f"plugin {file}: {reason}") from error
    return module


def _would_find(name: str, path: Path) -> bool:
    """Return whether an import of this name would run this file, rather than a library of the same name."""
    try:
        spec = importlib.util.find_spec(name) if name.isidentifier() else None
    except ValueError:  # of a module that was made by hand
        return False
    return spec is not None and spec.origin is not None and Path(os.path.realpath(spec.origin)) == path


@contextmanager
def _unwritten() -> Iterator[None]:
    """Have nothing compiled written beside what is imported within the context: a dry run writes nothing."""
    before, sys.dont_write_bytecode = sys.dont_write_bytecode, True
    try:
        yield
    finally:
        sys.dont_write_bytecode = before


def loaded() -> list[Path]:
    """Return the files of all that was brought, which another process loads to have the same."""
    modules = {entry.origin for entry in registry.brought()}
    return sorted({file for name in modules - {"__main__"} if (file := file_of(sys.modules.get(name)))})


def file_of(module: ModuleType | None) -> Path | None:
    """Return the file that a module was read from, links followed; None where it has none."""
    name = getattr(module, "__file__", None)
    return Path(name).resolve() if isinstance(name, str) else None


def text_of(file: Path) -> bytes:
    """Return what stood in a module's file when `load_file` ran it; where it didn't, what stands there now."""
    ours = [module for module in [*sys.modules.values()] if hasattr(module, _TEXT)]
    return next((getattr(module, _TEXT) for module in ours if file_of(module) == file), None) or file.read_bytes()


def _reason(error: BaseException, path: str) -> str:
    """Return what went wrong in a plugin, in one line, with the plugin's own line."""
    lines = [str(frame.lineno) for frame in traceback.extract_tb(error.__traceback__) if frame.filename == path]
    if isinstance(error, SyntaxError) and error.lineno:
        lines = [str(error.lineno)]
    where = f"line {lines[-1]}: " if lines else ""
    said = str(error).strip().partition("\n")[0]
    return f"{where}{type(error).__name__}{f': {said}' if said else ''}"
