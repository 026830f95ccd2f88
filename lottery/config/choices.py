"""The two building blocks of a config: sections of known keys, and choices of registry entries with their options."""

from collections.abc import Iterable, Mapping
from typing import Any, ClassVar

from pydantic import BaseModel, ConfigDict, GetJsonSchemaHandler, ValidationError, model_validator
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, PydanticCustomError

from lottery import registry
from lottery.config import complaints


class Section(BaseModel):
    """A mapping of known keys."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    @model_validator(mode="before")
    @classmethod
    def _known_keys(cls, value: Any) -> Any:
        if isinstance(value, Mapping):
            _refuse_unknown(value, cls.model_fields)
        return value


class Choice(BaseModel):
    """An entry of one of the registry folders, with its options; in YAML its name alone, or a mapping with `name`."""

    model_config = ConfigDict(frozen=True, extra="allow", use_attribute_docstrings=True)
    kind: ClassVar[str]

    name: str

    @property
    def entry(self) -> registry.Entry:
        """The entry that is named."""
        return registry.find(self.kind, self.name)

    @property
    def options(self) -> dict[str, Any]:
        """Keyword arguments for the entry's function: all of its options, defaults filled in."""
        return dict(self.model_extra or {})

    @model_validator(mode="before")
    @classmethod
    def _with_options(cls, value: Any) -> Any:
        if isinstance(value, BaseModel):
            return value
        if isinstance(value, str):
            value = {"name": value}
        if not isinstance(value, Mapping) or not isinstance(value.get("name"), str):
            raise PydanticCustomError(
                "choice", "write the name of one of the {kind}, or a mapping with `name`", {"kind": cls.kind}
            )
        try:
            model = registry.find(cls.kind, value["name"]).options
        except LookupError as error:
            raise PydanticCustomError("unknown_name", "{reason}", {"reason": str(error.args[0])}) from None
        _refuse_unknown(value, [*cls.model_fields, *model.model_fields])
        own = {key: part for key, part in value.items() if key in cls.model_fields}
        try:
            options = model.model_validate({key: part for key, part in value.items() if key not in own})
        except ValidationError as error:
            place, reason = complaints.first(error)
            raise PydanticCustomError("option", "{reason}", {"reason": reason, "option": place}) from None
        return own | {key: getattr(options, key) for key in model.model_fields}

    @classmethod
    def __get_pydantic_json_schema__(cls, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        common = handler.resolve_ref_schema(handler(schema))
        own = {key: part for key, part in common["properties"].items() if key != "name"}
        needed = [key for key in common.get("required", []) if key != "name"]
        names, shapes = [], []
        for name in registry.names(cls.kind):
            options = registry.find(cls.kind, name).options.model_json_schema()
            required = [*needed, *options.get("required", [])]
            if not required:
                names.append(name)
            shapes.append(
                {
                    "type": "object",
                    "description": registry.find(cls.kind, name).summary,
                    "properties": {"name": {"const": name}} | own | options.get("properties", {}),
                    "required": ["name", *required],
                    "additionalProperties": False,
                }
            )
        return {"title": cls.__name__, "anyOf": [{"enum": names}, *shapes]}


def _refuse_unknown(value: Mapping[Any, Any], valid: Iterable[str]) -> None:
    for key in value:
        if key not in valid:
            raise PydanticCustomError(
                "unknown_key",
                "unknown key{near}; valid keys: {valid}",
                {"near": registry.suggestion(str(key), valid), "valid": ", ".join(valid), "option": str(key)},
            )
