"""Which plugins a run was made with is kept in it, and compared whenever somebody goes on with it."""

import hashlib
import sys
from collections.abc import Iterator, Sequence
from importlib.metadata import entry_points
from pathlib import Path
from types import ModuleType

from lottery import brought, escape, registry
from lottery.config.choices import entries
from lottery.config.schema import Config
from lottery.errors import LotteryError
from lottery.plugins import GROUP, file_of, text_of
from lottery.registry import Entry
from lottery.store.about import About
from lottery.store.parts import PluginRecord
from lottery.streams import message


def used(config: Config) -> list[PluginRecord]:
    """Return which plugins a config's choices come from, what these choices are, and a digest of what is in them."""
    found: dict[str, list[Entry]] = {}
    for kind, name in sorted(set(entries(config))):
        entry = registry.find(kind, name)
        if not entry.own:
            found.setdefault(entry.origin, []).append(entry)
    return [
        {
            "path": None if origin == "__main__" else str(file_of(sys.modules[origin])),
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


def note_changes(about: About) -> None:
    """Tell whoever looks on which plugins of a run that is read alone are others than they were.

    Raises:
        LotteryError: one isn't loaded.
    """
    require(about, accept_changes=True)
    try:
        require(about)
    except LotteryError as error:
        what, _, _ = str(error).partition("; ")
        message(f"{what}; the run's tensors are what they were, and its network is what that code says now")


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
    installed = {file_of(module) for name, module in [*sys.modules.items()] if name.partition(".")[0] in packages}
    paths = dict.fromkeys(plugin["path"] for plugin in _latest(about) if plugin["path"])
    return [f"--plugin {escape.shell(path)}" for path in paths if Path(path) not in installed]


def code_of(entry: Entry) -> str | None:
    """Return a digest of the code that an entry which was brought is made of; None of this package's own."""
    return None if entry.own else _digest([entry])


def _registered(name: str) -> Entry | None:
    kind, _, own = name.partition(".")
    return registry.find(kind, own) if kind in registry.KINDS and own in registry.names(kind) else None


def _digest(entries: Sequence[Entry]) -> str:
    """Return a digest of the files that entries of one module are made of; of a session's, of the functions' source."""
    digest = hashlib.sha256()
    origin = entries[0].origin
    if origin == "__main__":  # a script or a notebook: it changes all the time
        for entry in entries:
            digest.update(brought.text(entry.function).encode())
        return digest.hexdigest()
    for content in sorted(hashlib.sha256(text_of(file)).digest() for file in _files(origin)):
        digest.update(content)  # whatever the files are called
    return digest.hexdigest()


def _files(origin: str) -> set[Path]:
    """Return the file of a module, and those that it takes anything from and that lie beside it or in its package."""
    top, _, _ = origin.partition(".")
    first = file_of(sys.modules[origin])
    found: set[Path] = set()
    if first is None:
        return found
    home, left, seen = first.parent, [origin], {origin}
    while left:
        name = left.pop()
        file = file_of(sys.modules.get(name))
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
