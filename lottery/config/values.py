"""These types of single values are shared by the sections of a config and the options of registry entries."""

import re
from typing import Annotated, Any, ClassVar, Self

from pydantic import AfterValidator, Field, GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic_core import PydanticCustomError, core_schema

_DURATION = r"(0|[1-9][0-9]{0,11})(it|ep)"


class Duration(str):
    """A duration is a length of training: `2000it` (optimizer steps) or `3ep` (passes over the training split)."""

    __slots__ = ()
    pattern = _DURATION
    examples: ClassVar = ["2000it", "3ep"]
    wanted = "a duration: write steps as 2000it, epochs as 3ep"

    @classmethod
    def parse(cls, text: str) -> Self:
        """Return `text` as one of this class; raises ValueError where it isn't one."""
        if not re.fullmatch(cls.pattern, text):
            raise ValueError(f"{text!r} is not {cls.wanted}")
        return cls(text)

    def steps(self, epoch: int) -> int:
        """Return the length in optimizer steps, where one pass over the training split takes `epoch` steps."""
        return int(self[:-2]) * (epoch if self.endswith("ep") else 1)

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> core_schema.CoreSchema:
        def validate(value: Any) -> Duration:
            try:
                return cls.parse(str(value))
            except ValueError as error:
                raise PydanticCustomError("duration", "{reason}", {"reason": str(error)}) from None

        return core_schema.no_info_plain_validator_function(
            validate, serialization=core_schema.plain_serializer_function_ser_schema(str)
        )

    @classmethod
    def __get_pydantic_json_schema__(
        cls, schema: core_schema.CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        return {"type": "string", "pattern": f"^{cls.pattern}$", "examples": cls.examples}


class Point(Duration):
    """A point is a step of training: `2000it`, `3ep`, or a share of its length, `75%`."""

    __slots__ = ()
    pattern = rf"({_DURATION}|(100|[0-9]{{1,2}})%)"
    examples: ClassVar = ["2000it", "3ep", "75%"]
    wanted = "a point of training: write 2000it, 3ep, or 75%"

    def of(self, epoch: int, length: int) -> int:
        """Return its step, where an epoch and the whole of training take so many steps."""
        return int(self[:-1]) * length // 100 if self.endswith("%") else self.steps(epoch)


Proportion = Annotated[float, Field(gt=0, lt=1, allow_inf_nan=False)]
"""Strictly between 0 and 1."""
Density = Annotated[float, Field(gt=0, le=1, allow_inf_nan=False)]
"""A kept fraction of weights."""
Positive = Annotated[float, Field(gt=0, le=1e30)]
"""Bounded so that the numbers of a tensor can hold it, and what is computed of it."""
Finite = Annotated[float, Field(ge=-1e30, le=1e30)]
"""Of either sign."""
NonNegative = Annotated[float, Field(ge=0, le=1e30)]
Momentum = Annotated[float, Field(ge=0, lt=1, allow_inf_nan=False)]
Count = Annotated[int, Field(ge=1, le=1 << 31)]
Few = Annotated[int, Field(ge=1, le=1000)]
"""Of what takes time or memory each, such as points of a curve."""
Folder = Annotated[str, Field(max_length=4096, pattern=r"^[^\x00]*$")]
"""A path; which of them are there is asked when it is used."""


def _whole_above_one(value: float) -> float:
    if value >= 1 and value != int(value):
        raise PydanticCustomError("number", "write a whole number, or a fraction below 1")
    return int(value) if value >= 1 or value == 0 else value


NumberOrFraction = Annotated[float, Field(ge=0, allow_inf_nan=False), AfterValidator(_whole_above_one)]
"""From 1 on a whole number of things, below 1 a fraction of those there are."""
