"""Which methods belong together: those of one function, some of whose options a name may fix."""

import re
from collections.abc import Sequence
from typing import Any

from lottery import registry
from lottery.config.wording import yaml_text
from lottery.registry import Entry


def families(kind: str) -> dict[str, list[Entry]]:
    """Return a kind's entries by the name that fixes no option, which comes first."""
    found: dict[str, list[Entry]] = {}
    entries = [registry.find(kind, name) for name in registry.names(kind)]
    for entry in sorted(entries, key=lambda one: one.name != stem(one)):
        found.setdefault(stem(entry), []).append(entry)
    return {name: [group[0], *sorted(group[1:], key=_place)] for name, group in sorted(found.items())}


def stem(entry: Entry) -> str:
    """Return the name of an entry's function, of which it may fix some options."""
    return entry.function.__name__.rstrip("_")


def variants(group: Sequence[Entry]) -> list[str]:
    """Return the names under which options are fixed, a line for the same options: `conv_2, conv_4: depth 2, 4`."""
    alike: dict[tuple[str, ...], list[Entry]] = {}
    for entry in group[1:]:
        alike.setdefault(tuple(entry.preset), []).append(entry)
    lines = []
    for keys, own in alike.items():
        fixed = "; ".join(f"{key} {', '.join(yaml_text(entry.preset[key]) for entry in own)}" for key in keys)
        names, how = ", ".join(entry.name for entry in own), f"with {fixed}" if fixed else "by another name"
        lines.append(f"{names}: {group[0].name} {how}")
    return lines


def _place(entry: Entry) -> list[Any]:
    """Return what puts names in order: numbers in them by size."""
    return [int(part) if part.isdigit() else part for part in re.split(r"(\d+)", entry.name)]
