"""A config is built of sections of known keys, choices of registry entries with their options, and names of entries."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, get_args

from pydantic import (
    BaseModel,
    ConfigDict,
    GetCoreSchemaHandler,
    GetJsonSchemaHandler,
    ValidationError,
    ValidationInfo,
    model_validator,
)
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, PydanticCustomError, core_schema

from lottery import registry
from lottery.config import complaints
from lottery.errors import LotteryError

RECORDED = "recorded"
"""Key of the validation context, true where the config is a run's."""
FROM_PYTHON = "from_python"
"""Key of the validation context, true where Python code asks for the config to be checked."""


class Section(BaseModel):
    """A section is a mapping of known keys."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    @model_validator(mode="before")
    @classmethod
    def _known_keys(cls, value: Any) -> Any:
        if isinstance(value, Mapping):
            _refuse_unknown(value, cls.model_fields)
        elif not isinstance(value, BaseModel):
            raise PydanticCustomError("section", "Write a mapping of {keys}", {"keys": ", ".join(cls.model_fields)})
        return value


class Choice(BaseModel):
    """A choice names an entry of a registry folder, with options; in YAML it is a name, or a mapping with `name`."""

    model_config = ConfigDict(frozen=True, extra="allow", use_attribute_docstrings=True)
    kind: ClassVar[str]
    argument: ClassVar[str | None] = None
    """Of `lottery.train` and its like, which takes what the choice names."""

    name: str

    @property
    def entry(self) -> registry.Entry:
        """Return the entry that is named; raise LotteryError where a run's config names one that isn't there."""
        try:
            return registry.find(self.kind, self.name)
        except LookupError as error:
            raise LotteryError(f"{error.args[0]}; name a plugin that has it by --plugin FILE") from None

    @property
    def traits(self) -> frozenset[str]:
        """Return what the entry's file says of it in `TRAITS`; nothing where it isn't there."""
        return self.entry.traits if self.name in registry.names(self.kind) else frozenset()

    @property
    def options(self) -> dict[str, Any]:
        """Return the keyword arguments for the entry's function: all of its options, defaults filled in."""
        return dict(self.model_extra or {})

    @model_validator(mode="before")
    @classmethod
    def _with_options(cls, value: Any, info: ValidationInfo) -> Any:
        if isinstance(value, BaseModel):
            return value
        if isinstance(value, str):
            value = {"name": value}
        if not isinstance(value, Mapping) or not isinstance(value.get("name"), str):
            raise PydanticCustomError("choice", "{reason}", {"reason": cls._unnamed(value, info)})
        try:
            model = registry.find(cls.kind, value["name"]).options
        except LookupError as error:
            if _recorded(info):
                return value
            raise PydanticCustomError(
                "unknown_name", "{reason}; a plugin may bring more (--plugin FILE)", {"reason": str(error.args[0])}
            ) from None
        _refuse_unknown(value, [*cls.model_fields, *model.model_fields])
        own = {key: part for key, part in value.items() if key in cls.model_fields}
        try:
            options = model.model_validate({key: part for key, part in value.items() if key not in own})
        except ValidationError as error:
            place, reason = complaints.first(error)
            raise PydanticCustomError("option", "{reason}", {"reason": reason, "option": place}) from None
        return own | {key: getattr(options, key) for key in model.model_fields}

    @classmethod
    def _unnamed(cls, value: object, info: ValidationInfo) -> str:
        """Return what is wrong with a choice that names nothing."""
        reason = f"write the name of one of the {cls.kind}, or a mapping with `name`"
        if isinstance(value, Mapping) and value and "name" not in value:
            beside = ", ".join(str(key)[:40] for key in [*value][:5])
            reason = f"none of the {cls.kind} is named yet; write `name` beside {beside}"
        given = cls.argument and info.context and info.context.get(FROM_PYTHON)
        return f"{reason}; or give {cls.argument}=..." if given else reason

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


@dataclass(frozen=True)
class NameOf:
    """The marker says that a text names an entry of a registry folder, which has no options here."""

    kind: str

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        """Return the schema of a text, and after it the check."""
        return core_schema.with_info_after_validator_function(self._known, handler(source))

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        """Return the JSON Schema of a text that is one of the names."""
        return handler(schema) | {"enum": registry.names(self.kind)}

    def _known(self, name: str, info: ValidationInfo) -> str:
        try:
            registry.find(self.kind, name)
        except LookupError as error:
            if _recorded(info):
                return name
            raise PydanticCustomError(
                "unknown_name", "{reason}; a plugin may bring more (--plugin FILE)", {"reason": str(error.args[0])}
            ) from None
        return name


def entries(config: BaseModel) -> Iterator[tuple[str, str]]:
    """Return kind and name of every entry that a config, or a section of one, names."""
    if isinstance(config, Choice):
        yield config.kind, config.name
    for name, field in type(config).model_fields.items():
        value = getattr(config, name)
        for part in value if isinstance(value, tuple) else (value,):
            if isinstance(part, BaseModel):
                yield from entries(part)
            elif (kind := _kind_of(field.annotation)) is not None and isinstance(part, str):
                yield kind, part


def _kind_of(annotation: Any) -> str | None:
    """Return the kind that the names of a `tuple[Annotated[str, NameOf(kind)], ...]` are of."""
    parts = [mark for part in get_args(annotation) for mark in getattr(part, "__metadata__", ())]
    return next((mark.kind for mark in parts if isinstance(mark, NameOf)), None)


def _recorded(info: ValidationInfo) -> bool:
    """Return whether this is a run's config: what it names may have been a plugin's, and is readable without that."""
    return bool(info.context and info.context.get(RECORDED))


def _refuse_unknown(value: Mapping[Any, Any], valid: Iterable[str]) -> None:
    for key in value:
        if key not in valid:
            raise PydanticCustomError(
                "unknown_key",
                "unknown key{near}; valid keys: {valid}",
                {"near": registry.suggestion(str(key), valid), "valid": ", ".join(valid), "option": str(key)},
            )
