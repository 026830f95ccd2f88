"""What stands in a run's `run.json`: names and types."""

from typing import Annotated, Literal, NotRequired

from pydantic import AfterValidator, Field, TypeAdapter, with_config
from pydantic_core import PydanticCustomError
from typing_extensions import TypedDict

from lottery.store.parts import DataRecord, ForkRecord, LayoutRecord, MetricRecord, PluginRecord, RewindRecord, channels
from lottery.store.records import STRICT, Index, Text

SCHEMA = 3
"""The number of the run directory's format, one higher whenever an older `lottery` can't read it, or misreads it."""

Argument = Annotated[str, Field(max_length=1 << 20, pattern=r"^[^\x00-\x1f\x7f-\x9f]*$")]
"""Of a command line: as long as a system takes one."""


@with_config(STRICT)
class About(TypedDict):
    """A run: what was run, by what, on what, and how it stands."""

    schema: Annotated[int, Field(ge=SCHEMA, le=SCHEMA)]
    id: Text
    study: Literal["train", "prune", "rewind", "fork"]
    status: Literal["running", "finished", "interrupted", "failed"]
    started: Text
    finished: Text | None
    command: NotRequired[list[Argument]]
    parent: NotRequired[Text | None]
    parent_id: NotRequired[Text]
    rewind: NotRequired[RewindRecord]
    fork: NotRequired[ForkRecord]
    plugins: NotRequired[list[PluginRecord]]
    data: NotRequired[Annotated[DataRecord, AfterValidator(channels)]]
    metrics: NotRequired[Annotated[list[MetricRecord], Field(min_length=1)]]
    layout: NotRequired[LayoutRecord | None]
    layout_because: NotRequired[Text]
    device: NotRequired[Text]
    versions: NotRequired[dict[str, Text]]
    platform: NotRequired[Text]
    commit: NotRequired[Text | None]
    dirty: NotRequired[bool | None]
    seed: NotRequired[Annotated[int, Field(ge=0)]]
    replicates: NotRequired[Index]
    host: NotRequired[Text]
    process: NotRequired[Index]


def _about(record: About) -> About:
    """Return the same, if a retraining says of what, and nothing else does."""
    made = {kind for kind in ("rewind", "fork") if kind in record}
    if made != {record["study"]} & {"rewind", "fork"} or (record.get("parent") is not None and not made):
        raise PydanticCustomError("rewind", "a study called rewind or fork says of what, and no other has it or parent")
    return record


ABOUT = TypeAdapter(Annotated[About, AfterValidator(_about)])
