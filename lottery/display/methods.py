"""What can be written in a config, shown: all kinds of methods, one kind, one method in full."""

import inspect
from collections.abc import Iterator, Mapping
from pathlib import Path

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from lottery import registry
from lottery.config.wording import Schema, in_words, yaml_text
from lottery.display import known
from lottery.display.families import families, stem, variants
from lottery.outlines import kinds_like
from lottery.registry import KINDS, Entry

_LONGEST = 50
"""Characters of a method with its options that are written in one line."""


def every_kind() -> RenderableType:
    """Return all kinds of methods, with the names of each."""
    parts: list[RenderableType] = []
    for kind, meaning in KINDS.items():
        parts.append(Text.assemble((kind, "bold"), f": {meaning}"))
        groups = families(kind).values()
        alone = [_marked(group[0]) for group in groups]
        parts.append(Padding(Text(", ".join(alone)), (0, 0, 0, 2)))
        parts += [Padding(Text(line), (0, 0, 0, 2)) for group in groups for line in variants(group)]
    more = "lottery methods KIND lists the options of a kind's methods, lottery methods KIND NAME says all of one"
    return Group(*parts, Text(more, style="dim"))


def one_kind(kind: str) -> RenderableType:
    """Return a kind's methods, each with its options and what it does."""
    rows = Table.grid(padding=(0, 2))
    rows.add_column(no_wrap=True)
    rows.add_column()
    for group in families(kind).values():
        entry = group[0]
        rows.add_row(Text(_marked(entry), style="bold"), Text(entry.summary))
        if options := _options_in_a_line(entry):
            rows.add_row("", Text(options, style="dim"))
        for line in variants(group):
            rows.add_row("", Text(line))
    return Group(Text.assemble((kind, "bold"), f": {KINDS[kind]}"), Text(_written_at(kind)), rows)


def one_method(entry: Entry) -> RenderableType:
    """Return all that is known of a method: what it does, its options, where it is written."""
    prose, about = known.parsed(inspect.getdoc(entry.function) or "")
    parts: list[RenderableType] = [
        Text.assemble((entry.name, "bold"), f": one of the {entry.kind}, {KINDS[entry.kind]}")
    ]
    if entry.preset:
        fixed = ", ".join(f"{key} {yaml_text(value)}" for key, value in entry.preset.items())
        parts.append(Text(f"{stem(entry)} with {fixed}"))
    parts += [Padding(Text(paragraph), (1, 0, 0, 0)) for paragraph in prose]
    if said := entry.constants.get("WORDS"):
        parts.append(Padding(Text(f"In tables: {said}."), (1, 0, 0, 0)))
    own, section = known.properties(entry)
    parts += _option_table("options", own, about)
    parts += _option_table("and whatever the method", section, {})
    if also := variants(families(entry.kind)[stem(entry)]):
        parts += [Text(""), *map(Text, also)]
    parts += [Text(""), Text("in a config", style="bold")]
    parts += [Padding(Text(line), (0, 0, 0, 2)) for line in _example(entry, own)]
    parts += [Text(_written_at(entry.kind)), Text(f"from {_origin(entry)}", style="dim")]
    return Group(*parts)


def asked(kind: str | None, name: str | None) -> RenderableType:
    """Return what is asked for; a kind may be in the singular, or cut short.

    Raises:
        LookupError: there is no such kind, or name; the message says which there are.
    """
    if kind is None:
        return every_kind()
    found = kinds_like(kind)
    if len(found) == 1:
        return one_kind(found[0]) if name is None else one_method(registry.find(found[0], name))
    owners = [one for one in KINDS if kind in registry.names(one)]
    if len(owners) == 1 and name is None:
        return one_method(registry.find(owners[0], kind))
    names = [*KINDS, *(name for one in KINDS for name in registry.names(one))]
    near = "" if owners or found else registry.suggestion(kind, names)
    raise LookupError(f"there is no kind {kind!r}{near}; there are {', '.join(owners or found or KINDS)}")


def _marked(entry: Entry) -> str:
    """Return a name, with the file that it comes from where it is a user's."""
    return entry.name if entry.own else f"{entry.name} ({Path(_origin(entry)).name})"


def _origin(entry: Entry) -> str:
    place = inspect.getsourcefile(inspect.unwrap(entry.function))
    return f"{entry.origin.replace('.', '/')}.py" if entry.own or place is None else str(Path(place))


def _options_in_a_line(entry: Entry) -> str:
    fields = entry.options.model_fields.items()
    return ", ".join(key if field.is_required() else f"{key}={yaml_text(field.default)}" for key, field in fields)


def _written_at(kind: str) -> str:
    return f"written as {', '.join(key.path for key in known.keys_of(kind))}"


def _option_table(title: str, properties: Schema, about: Mapping[str, str]) -> Iterator[RenderableType]:
    if not properties:
        return
    rows = Table.grid(padding=(0, 2))
    rows.add_column(no_wrap=True)
    rows.add_column()
    for key, part in properties.items():
        default = (
            "needed" if part.get("needed") else f"default {yaml_text(part['default'])}" if "default" in part else ""
        )
        rows.add_row(Text(key), Text("; ".join(filter(None, [part.get("words", in_words(part)), default]))))
        if said := about.get(key) or part.get("description", ""):
            rows.add_row("", Text(" ".join(said.split()), style="dim"))
    yield Text("")
    yield Text(title, style="bold")
    yield Padding(rows, (0, 0, 0, 2))


def _example(entry: Entry, options: Schema) -> Iterator[str]:
    """Yield lines of YAML: the method as it is written, with its options."""
    given = {
        key: part.get("default", "...") for key, part in options.items() if part.get("needed") or "default" in part
    }
    key = known.keys_of(entry.kind)[0]
    *parents, last = key.path.split(".")
    indent = "  " * len(parents)
    for depth, parent in enumerate(parents):
        yield f"{'  ' * depth}{parent}:"
    value = yaml_text({"name": entry.name, **given}) if given else entry.name
    if len(value) <= _LONGEST:
        yield f"{indent}{last}: {f'[{value}]' if key.several else value}"
    else:
        yield f"{indent}{last}:"
        yield from (f"{indent}  {option}: {yaml_text(one)}" for option, one in {"name": entry.name, **given}.items())
