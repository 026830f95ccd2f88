"""What is known of one method: where it is written, its options, what its docstring says."""

import re

from lottery.config.keys import ConfigKey, config_keys
from lottery.config.wording import Schema, in_words
from lottery.registry import Entry


def keys_of(kind: str) -> list[ConfigKey]:
    """Return the keys of a config that name one of a kind."""
    return [key for key in config_keys() if key.kind == kind]


def properties(entry: Entry) -> tuple[Schema, Schema]:
    """Return the JSON Schemas of a method's options, and of what its section takes whatever the method."""
    choice = next((key.choice for key in keys_of(entry.kind) if key.choice), None)
    if choice is None:
        return entry.options.model_json_schema().get("properties", {}), {}
    schema = choice.model_json_schema()
    known = schema.get("$defs", {})
    shape = next(one for one in schema["anyOf"] if one.get("properties", {}).get("name") == {"const": entry.name})
    found = {
        key: {**part, "words": in_words(part, known), "needed": key in shape["required"]}
        for key, part in shape["properties"].items()
        if key != "name"
    }
    own = {key: part for key, part in found.items() if key not in choice.model_fields}
    return own, {key: part for key, part in found.items() if key in choice.model_fields}


def parsed(text: str) -> tuple[list[str], dict[str, str]]:
    """Return the paragraphs of a docstring, and what it says of each argument."""
    prose, *sections = re.split(r"^(Args|Raises|Returns|Attributes):\n", text, flags=re.MULTILINE)
    paragraphs = [" ".join(part.split()) for part in prose.split("\n\n") if part.strip()]
    named = dict(zip(sections[::2], sections[1::2], strict=True)).get("Args", "")
    found = re.findall(r"^    (\w+): (.*(?:\n(?:     .*|$))*)", named, flags=re.MULTILINE)
    return paragraphs, {name: " ".join(words.split()) for name, words in found}
