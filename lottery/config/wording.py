"""What a value has to be, in words: a JSON Schema, as pydantic makes it of a type, for readers."""

from collections.abc import Mapping
from typing import Any

Schema = Mapping[str, Any]
_ENDLESS = 1e6
"""A bound as far off as this is there for the computer, and tells a reader nothing."""
_BOUNDS = (
    ("exclusiveMinimum", "above"),
    ("minimum", "at least"),
    ("exclusiveMaximum", "below"),
    ("maximum", "at most"),
)


def in_words(schema: Schema, definitions: Schema | None = None) -> str:
    """Return what a value has to be: `a number above 0, below 1`, `one of none, gradient`, `such as 2000it, 3ep`.

    Args:
        schema: of the value.
        definitions: what its references name.
    """
    known = definitions or {}
    if "$ref" in schema:
        return in_words(known.get(schema["$ref"].rpartition("/")[2], {}), known)
    if "anyOf" in schema and any("name" in one.get("properties", {}) for one in schema["anyOf"]):
        return f"a choice: {', '.join(name for one in schema['anyOf'] for name in one.get('enum', []))}"
    if "anyOf" in schema:
        return ", or ".join(dict.fromkeys(in_words(one, known) for one in schema["anyOf"]))
    if "enum" in schema:
        return f"one of {', '.join(map(yaml_text, schema['enum']))}"
    if "const" in schema:
        return yaml_text(schema["const"])
    return _of_type(schema, known)


def _of_type(schema: Schema, known: Schema) -> str:
    kind = schema.get("type")
    if kind in ("number", "integer"):
        bounds = [f"{word} {schema[key]:g}" for key, word in _BOUNDS if key in schema and abs(schema[key]) < _ENDLESS]
        return " ".join(["a whole number" if kind == "integer" else "a number", ", ".join(bounds)]).rstrip()
    if kind == "array":
        parts = schema.get("prefixItems")
        return f"{len(parts)} times {in_words(parts[0], known)}" if parts else f"a list, each {_item(schema, known)}"
    if kind == "object" and "properties" in schema:
        return f"a mapping of {', '.join(schema['properties'])}"
    if kind == "object":
        inner = schema.get("additionalProperties")
        values = in_words(inner, known) if isinstance(inner, Mapping) else "a value"
        return f"a mapping, each value {values}"
    if kind == "string":
        return f"such as {', '.join(schema['examples'])}" if "examples" in schema else "a text"
    return {"boolean": "true or false", "null": "null"}.get(str(kind), "anything")


def _item(schema: Schema, known: Schema) -> str:
    return in_words(schema.get("items", {}), known)


def yaml_text(value: object) -> str:
    """Return a value as it is written in YAML, in one line."""
    if isinstance(value, bool) or value is None:
        return {True: "true", False: "false", None: "null"}[value]
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(yaml_text, value))}]"
    if isinstance(value, Mapping):
        return f"{{{', '.join(f'{key}: {yaml_text(part)}' for key, part in value.items())}}}"
    return f"{value:g}" if isinstance(value, float) and float(f"{value:g}") == value else str(value)
