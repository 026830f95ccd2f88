"""What probes and analyses found, as it stands in a run's JSON lines: names and types."""

import json
from collections.abc import Sequence
from typing import Annotated, Any, Literal, NotRequired

from pydantic import AfterValidator, Field, TypeAdapter, with_config
from pydantic_core import PydanticCustomError
from typing_extensions import TypedDict

from lottery.store.records import STRICT, Arm, Index, Positive, Time

Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,60}$")]
"""Of a probe or an analysis, which is that of its function and of its file."""
_LARGEST = 1e300
_DEEPEST = 4


def _found(value: Any, deep: int = 0) -> Any:
    """Return the same, if it is what probes and analyses may find: what is computed of it stays a number."""
    if isinstance(value, dict) and deep < _DEEPEST:
        return {name: _found(part, deep + 1) for name, part in value.items()}
    if isinstance(value, list) and deep < _DEEPEST:
        return [_found(part, deep + 1) for part in value]
    if isinstance(value, int | float) and not abs(value) <= _LARGEST:
        raise PydanticCustomError("found", "{value} is larger than any that is found", {"value": f"{value!r:.40}"})
    if value is not None and not isinstance(value, bool | int | float | str):
        raise PydanticCustomError("found", "lists or mappings in one another, deeper than {deep}", {"deep": _DEEPEST})
    return value


Digest = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
Values = Annotated[dict[str, Any], AfterValidator(_found)]


@with_config(STRICT)
class Probing(TypedDict):
    """One network at one step of its training, as a probe found it: a line of `probes.jsonl`."""

    replicate: Index
    level: Index
    arm: Arm
    order: Index
    step: Index
    """Steps behind it; of a mask that moves, once that is done."""
    probe: Name
    when: Literal["step", "before", "after"]
    """Before and after: a mask that moved at this step."""
    images: Positive
    """Training images that the probe may look at."""
    values: Values
    """Empty where the network had diverged."""
    seconds: Time
    """That it took to find them."""


@with_config(STRICT)
class Analysed(TypedDict):
    """A piece that an analysis found: a line of `analysis/NAME.jsonl`."""

    options: Values
    of: Annotated[dict[str, int | float | str], AfterValidator(_found)]
    """What it is of, such as replicate, level, arm."""
    values: Values
    seconds: Time
    code: NotRequired[Digest]
    """Of the code that found it, where that is a user's own; what other code found is looked for anew."""


FOUND = TypeAdapter(Values)
PROBINGS = TypeAdapter(list[Probing])
ANALYSED = TypeAdapter(list[Analysed])


def by_options(lines: Sequence[Analysed]) -> list[list[Analysed]]:
    """Return what an analysis found, options by options: those that were asked for last come last."""
    groups: dict[str, list[Analysed]] = {}
    for line in lines:
        groups.setdefault(json.dumps(line["options"], sort_keys=True), []).append(line)
    return [*groups.values()]
