"""Plugins are users' own files and packages, whose functions are entries of registry folders like this package's own.

They are named on the command line (`--plugin FILE`), in the environment, by an installed package or from Python, never
by a config or a run: those may be a stranger's, and mustn't run code. A run keeps which plugins it used, and what was
in them.
"""

import hashlib
import importlib.util
import inspect
import os
import sys
import traceback
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, redirect_stdout
from importlib.metadata import entry_points
from pathlib import Path
from types import ModuleType

from lottery import escape, registry
from lottery.config.choices import entries
from lottery.config.schema import Config
from lottery.errors import LotteryError
from lottery.registry import Entry
from lottery.store.about import About
from lottery.store.parts import PluginRecord
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
        if alike and _file(module) == path and module.__name__ not in ("__main__", name):
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
    return sorted({file for name in modules - {"__main__"} if (file := _file(sys.modules.get(name)))})


def used(config: Config) -> list[PluginRecord]:
    """Return which plugins a config's choices come from, what these choices are, and a digest of what is in them."""
    found: dict[str, list[Entry]] = {}
    for kind, name in sorted(set(entries(config))):
        entry = registry.find(kind, name)
        if not entry.own:
            found.setdefault(entry.origin, []).append(entry)
    return [
        {
            "path": None if origin == "__main__" else str(_file(sys.modules[origin])),
            "sha256": _digest(own),
            "entries": [f"{entry.kind}.{entry.name}" for entry in own],
        }
        for origin, own in found.items()
    ]


def require(about: About, *, accept_changes: bool = False) -> None:
    """Raise LotteryError where a plugin that a run used isn't loaded, or is another than it was, unless that will do.

    Of several states of a plugin that the run has seen, the last one counts.
    """
    for plugin in _latest(about):
        path = plugin["path"]
        named = f"{', '.join(plugin['entries'])} of {path or 'a Python session'}"
        there = [_registered(entry) for entry in plugin["entries"]]
        own = [entry for entry in there if entry is not None]
        if len(own) < len(there):
            remedy = f"add --plugin {escape.shell(path)}" if path else "go on there, by lottery.resume(...)"
            raise LotteryError(f"{about['id']} uses {named}, which isn't loaded: {remedy}")
        if not accept_changes and (any(entry.own for entry in own) or _digest(own) != plugin["sha256"]):
            raise LotteryError(
                f"{about['id']} uses {named}, which has changed since, or a file that it imports; put it back as it "
                "was, or add --accept-changes, and the run keeps that it did"
            )


def changes(about: About, config: Config) -> list[PluginRecord]:
    """Return the plugins that a config uses and that aren't what the run last saw of them."""
    latest = _latest(about)
    return [plugin for plugin in used(config) if plugin not in latest]


def _latest(about: About) -> list[PluginRecord]:
    return [*{tuple(plugin["entries"]): plugin for plugin in about.get("plugins", [])}.values()]


def flags(about: About) -> list[str]:
    """Return what a command that goes on with a run has to be given: `--plugin` and a file, for each that it used.

    However it was loaded: an environment may be another one tomorrow. An installed package is loaded by itself.
    """
    packages = {point.module.partition(".")[0] for point in entry_points(group=GROUP)}
    installed = {_file(module) for name, module in [*sys.modules.items()] if name.partition(".")[0] in packages}
    paths = dict.fromkeys(plugin["path"] for plugin in _latest(about) if plugin["path"])
    return [f"--plugin {escape.shell(path)}" for path in paths if Path(path) not in installed]


def _registered(name: str) -> Entry | None:
    kind, _, own = name.partition(".")
    return registry.find(kind, own) if kind in registry.KINDS and own in registry.names(kind) else None


def _digest(entries: Sequence[Entry]) -> str:
    """Return a digest of the files that entries of one module are made of; of a session's, of the functions' source."""
    digest = hashlib.sha256()
    origin = entries[0].origin
    if origin == "__main__":  # a script or a notebook: it changes all the time
        for entry in entries:
            digest.update(_source(entry).encode())
        return digest.hexdigest()
    run = {_file(module): getattr(module, _TEXT) for module in [*sys.modules.values()] if hasattr(module, _TEXT)}
    for content in sorted(hashlib.sha256(run.get(file) or file.read_bytes()).digest() for file in _files(origin)):
        digest.update(content)  # whatever the files are called
    return digest.hexdigest()


def _source(entry: Entry) -> str:
    try:
        return inspect.getsource(entry.function)
    except (OSError, TypeError):
        return entry.name


def _files(origin: str) -> set[Path]:
    """Return the file of a module, and those that it takes anything from and that lie beside it or in its package."""
    top, _, _ = origin.partition(".")
    first = _file(sys.modules[origin])
    found: set[Path] = set()
    if first is None:
        return found
    home, left, seen = first.parent, [origin], {origin}
    while left:
        name = left.pop()
        file = _file(sys.modules.get(name))
        same_package = name.partition(".")[0] == top
        if file is None or not (same_package or _beside(file, home, name)):
            continue
        found.add(file)
        new = set(_modules(sys.modules[name])) - seen
        seen |= new
        left += sorted(new)
    return found


def _beside(file: Path, home: Path, name: str) -> bool:
    """Return whether a module's file is one of a user's own, below the plugin's folder."""
    if name.partition(".")[0] in ("lottery", "__main__") or not file.is_relative_to(home):
        return False
    packages = {"site-packages", "dist-packages"}
    return home.name not in packages and packages.isdisjoint(file.relative_to(home).parts)


def _modules(module: ModuleType) -> Iterator[str]:
    """Return the names of the modules that a module's globals are, or come from."""
    for value in [*vars(module).values()]:
        name = value.__name__ if isinstance(value, ModuleType) else getattr(value, "__module__", None)
        if isinstance(name, str):
            yield name


def _file(module: ModuleType | None) -> Path | None:
    name = getattr(module, "__file__", None)
    return Path(name).resolve() if isinstance(name, str) else None


def _reason(error: BaseException, path: str) -> str:
    """Return what went wrong in a plugin, in one line, with the plugin's own line."""
    lines = [str(frame.lineno) for frame in traceback.extract_tb(error.__traceback__) if frame.filename == path]
    if isinstance(error, SyntaxError) and error.lineno:
        lines = [str(error.lineno)]
    where = f"line {lines[-1]}: " if lines else ""
    said = str(error).strip().partition("\n")[0]
    return f"{where}{type(error).__name__}{f': {said}' if said else ''}"
