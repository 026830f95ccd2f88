"""What registry entries are called and which options they have, read off their files without running them.

The shell asks for this at every press of the tab key, and waits: importing the entries, and torch with them, takes
seconds. What can't be told from the text alone is left out.
"""

import ast
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from lottery.registry import KINDS

Values = tuple[str, ...]
"""Such as an option may have, as they are written in YAML, the default among them; nothing where it may be anything."""

_LARGEST = 1 << 20
"""Most bytes of a file that is read."""


@dataclass(frozen=True)
class Outline:
    """An outline is one name of one folder, and option -> the values that it is known to take."""

    kind: str
    name: str
    options: Mapping[str, Values]


def outlines(kind: str, plugins: Iterable[Path] = ()) -> dict[str, Outline]:
    """Return the outlines of a folder's entries by name, with those that the files of plugins register."""
    found = dict(_own(kind))
    for path in plugins:
        with suppress(RecursionError):  # nested deeper than any code is
            found |= _registered(kind, _parsed(path))
    return dict(sorted(found.items()))


def _registered(kind: str, tree: ast.Module | None) -> dict[str, Outline]:
    """Return the outlines of what a plugin's text registers as entries of a folder."""
    found: dict[str, Outline] = {}
    for node in tree.body if tree else []:
        if not isinstance(node, ast.FunctionDef | ast.ClassDef):
            continue
        for one in node.decorator_list:
            if isinstance(one, ast.Call) and ast.unparse(one.func).endswith("register") and one.args:
                said = {part.arg: part.value for part in one.keywords}
                if _value(one.args[0]) == kind:
                    found |= _outlines(kind, node, _presets(_value(said.get("variants"))))
    return found


def _presets(variants: object) -> dict[str, Mapping[str, object]]:
    """Return name -> options of what should be variants, and of which a stranger's file may have made anything."""
    own = variants if isinstance(variants, dict) else {}
    return {name: preset for name, preset in own.items() if isinstance(name, str) and isinstance(preset, dict)}


@cache
def _own(kind: str) -> dict[str, Outline]:
    found: dict[str, Outline] = {}
    for path in sorted((Path(__file__).parent / kind).glob("[!_]*.py")):
        tree = _parsed(path)
        for function in tree.body if tree else []:
            if tree and isinstance(function, ast.FunctionDef) and function.name == path.stem:
                found |= _outlines(kind, function, _variants(tree))
    return found


def _parsed(path: Path) -> ast.Module | None:
    try:
        if not path.is_file() or path.stat().st_size > _LARGEST:  # a pipe would be waited for
            return None
        return ast.parse(path.read_text(encoding="utf-8"))
    except (OSError, SyntaxError, ValueError, RecursionError, MemoryError):  # the parser's stack is full
        return None


def _outlines(
    kind: str, node: ast.FunctionDef | ast.ClassDef, variants: Mapping[str, Mapping[str, object]]
) -> dict[str, Outline]:
    """Return the outlines of a function, or of a class, whose options are those of its `__init__`."""
    makers = [node] if isinstance(node, ast.FunctionDef) else [*_methods(node, "__init__")]
    options = {
        one.arg: _values(one.annotation, default)
        for maker in makers
        for one, default in zip(maker.args.kwonlyargs, maker.args.kw_defaults, strict=True)
    }
    names: Mapping[str, Mapping[str, object]] = {node.name.rstrip("_"): {}} | dict(variants)
    return {
        name: Outline(kind, name, {key: values for key, values in options.items() if key not in preset})
        for name, preset in names.items()
    }


def _methods(node: ast.ClassDef, name: str) -> Iterator[ast.FunctionDef]:
    return (one for one in node.body if isinstance(one, ast.FunctionDef) and one.name == name)


def _values(annotation: ast.expr | None, default: ast.expr | None) -> Values:
    first = [] if default is None else [yaml_word(_value(default))]
    if isinstance(annotation, ast.Subscript) and ast.unparse(annotation.value).endswith("Literal"):
        parts = annotation.slice.elts if isinstance(annotation.slice, ast.Tuple) else [annotation.slice]
        first += [yaml_word(_value(part)) for part in parts]
    elif isinstance(annotation, ast.Name) and annotation.id == "bool":
        first += ["true", "false"]
    return tuple(dict.fromkeys(word for word in first if word))


def yaml_word(value: object) -> str:
    """Return a value as it is written in YAML in one word; nothing for one that takes more."""
    if isinstance(value, bool) or value is None:
        return {True: "true", False: "false", None: ""}[value]
    return str(value) if isinstance(value, str | int | float) else ""


def _value(node: ast.expr | None) -> Any:
    """Return the value of a literal; None for anything else."""
    try:
        return None if node is None else ast.literal_eval(node)
    except (ValueError, TypeError):
        return None


def _variants(tree: ast.Module) -> Mapping[str, Mapping[str, object]]:
    """Return a file's `VARIANTS`, which may be computed from other constants of this package's own file."""
    known: dict[str, object] = {"__builtins__": {"range": range, "dict": dict}}
    for node in tree.body:
        target = (
            node.targets[0]
            if isinstance(node, ast.Assign)
            else node.target
            if isinstance(node, ast.AnnAssign)
            else None
        )
        if isinstance(target, ast.Name) and isinstance(node, ast.Assign | ast.AnnAssign) and node.value is not None:
            try:
                known[target.id] = eval(compile(ast.Expression(node.value), "constants", "eval"), known)
            except Exception:  # it needs what isn't imported, as no variants do
                continue
    found = known.get("VARIANTS", {})
    return found if isinstance(found, dict) else {}


def kinds_like(word: str) -> list[str]:
    """Return the kinds that a word may mean: itself, in the singular or plural, or all that it begins."""
    for candidate in (word, f"{word}s", word.removesuffix("s")):
        if candidate in KINDS:
            return [candidate]
    return [kind for kind in KINDS if word and kind.startswith(word)]
