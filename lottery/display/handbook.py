"""Every key of a config, and every name that it may have, in Markdown: of the docstrings that stand beside them."""

import inspect
from collections.abc import Iterable, Iterator
from itertools import groupby
from typing import Any

from pydantic import BaseModel, create_model

from lottery.config.choices import Choice
from lottery.config.keys import ConfigKey, config_keys
from lottery.config.schema import Config
from lottery.config.wording import in_words, yaml_text
from lottery.display import known
from lottery.display.families import families, variants
from lottery.registry import KINDS, Entry

_HEAD = """\
# Config, key by key

A config is a YAML file. Every key may be left out, and so may every option that has a default; `--set key.path=value`
gives one on the command line. Lengths of training are written in steps (`2000it`) or epochs (`3ep`), points of it as a
share, too (`75%`). Where one of several methods is chosen, write its name, or a mapping of its name and options:

```yaml
optimizer: adam
optimizer: {name: adam, lr: 1.2e-3}
```
"""


def handbook() -> str:
    """Return all that can be written in a config: what it means, its type, its default."""
    keys = list(config_keys())
    sections = {_top(key) for key in keys if "." in key.path}
    lines = [_HEAD, "## The study", "", *_described(key for key in keys if _top(key) not in sections)]
    for name, group in groupby(keys, key=_top):
        if name in sections:
            lines += [f"## Section: {name}", "", _said(name), "", *_described(group)]
    for kind, meaning in KINDS.items():
        lines += [f"## Kind: {kind}", "", f"{_capital(meaning)}. {_places(kind)}", "", *_named(kind)]
    return "\n".join(lines)


def _top(key: ConfigKey) -> str:
    return key.path.partition(".")[0]


def _said(section: str) -> str:
    """Return what a section says of itself."""
    annotation = Config.model_fields[section].annotation
    parts = [annotation, *getattr(annotation, "__args__", ())]
    model = next(one for one in parts if isinstance(one, type) and issubclass(one, BaseModel))
    return _line(model.__doc__)


def _described(keys: Iterable[ConfigKey]) -> Iterator[str]:
    for key in keys:
        meaning = _line(key.field.description or (key.choice.__doc__ if key.choice else ""))
        yield from (f"### `{key.path}`", "", f"{meaning} *{_type(key)}{_default(key)}.*", "")


def _type(key: ConfigKey) -> str:
    if key.kind:
        return f"{'A list of names' if key.several else 'A name'} of kind [{key.kind}](#kind-{key.kind})"
    annotation: Any = key.field.annotation
    model: type[BaseModel] = create_model("Key", value=(annotation, key.field))
    return _capital(in_words(model.model_json_schema()["properties"]["value"]))


def _default(key: ConfigKey) -> str:
    if key.path == "name":
        return "; by default the file's name"
    if key.field.is_required():
        return "; needed"
    value = key.field.get_default(call_default_factory=True)
    if value is None:
        return "; by default none"
    return f"; by default `{value.name if isinstance(value, Choice) else yaml_text(value)}`"


def _places(kind: str) -> str:
    paths = [f"`{key.path}`" for key in known.keys_of(kind)]
    return f"Written as {' or '.join(paths)}."


def _named(kind: str) -> Iterator[str]:
    for group in families(kind).values():
        yield f"**`{group[0].name}`**: {' '.join(known.parsed(inspect.getdoc(group[0].function) or '')[0])}"
        yield ""
        listed = [f"- {line}" for line in [*_options(group[0]), *variants(group)]]
        yield from [*listed, ""] if listed else []


def _options(entry: Entry) -> Iterator[str]:
    about = known.parsed(inspect.getdoc(entry.function) or "")[1]
    for name, part in known.properties(entry)[0].items():
        default = f"; by default `{yaml_text(part['default'])}`" if "default" in part else "; needed"
        yield f"`{name}`: {about.get(name, '')} *{_capital(part.get('words') or in_words(part))}{default}.*"


def _capital(text: str) -> str:
    return text[0].upper() + text[1:]


def _line(text: str | None) -> str:
    return " ".join((text or "").split())
