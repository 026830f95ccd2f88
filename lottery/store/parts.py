"""Records that stand in `run.json`, within its own: see `lottery.store.about`."""

from typing import Annotated, Literal

from pydantic import Field, with_config
from pydantic_core import PydanticCustomError
from typing_extensions import TypedDict

from lottery.store.records import EXACT, STRICT, Amount, Execution, Index, Positive, Text


@with_config(EXACT)
class LayoutRecord(TypedDict):
    """A layout as it is kept: see `lottery.studies.layout.Layout`."""

    execution: Execution
    chunk: Annotated[int, Field(ge=1, le=1 << 20)]
    workers: Annotated[int, Field(ge=1, le=4096)]
    threads: Annotated[int, Field(ge=1, le=4096)]
    device: Literal["cpu", "cuda", "mps"]
    splits: Index


@with_config(EXACT)
class RewindRecord(TypedDict):
    """What a rewound run retrains: see `lottery.studies.rewind.Asked`."""

    level: Index
    to: Index
    weights: Literal["rewind", "reinit", "final"]
    mask: Literal["keep", "shuffle", "random", "invert"]


def channels(record: "DataRecord") -> "DataRecord":
    """Return the same, if each channel has a mean and a deviation."""
    if not record["shape"][0] == len(record["mean"]) == len(record["std"]):
        raise PydanticCustomError("channels", "write a mean and a std for each channel")
    return record


@with_config(STRICT)
class DataRecord(TypedDict):
    """The data that a run was made of."""

    shape: Annotated[list[Positive], Field(min_length=3, max_length=3)]
    """Channels, height and width of an image."""
    images: Annotated[list[Positive], Field(min_length=2, max_length=2)]
    """Number of training and test images."""
    classes: Positive
    mean: list[Amount]
    """Per channel, of the training images, in units of 0..255: inputs are normalised by it, and by `std`."""
    std: list[Annotated[float, Field(gt=0, le=3.5e38)]]
    sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
    """Of all images and labels: see `lottery.studies.same_data`."""


@with_config(STRICT)
class PluginRecord(TypedDict):
    """A plugin that a run used: its file, or null if a Python session's, a digest of its code, its `KIND.NAME`s."""

    path: Text | None
    sha256: Text
    entries: Annotated[list[Text], Field(min_length=1)]


@with_config(STRICT)
class MetricRecord(TypedDict):
    """A metric, as the task of a run describes it: see `lottery.tasks.Metric`."""

    name: Text
    unit: Text
    scale: Annotated[float, Field(allow_inf_nan=False)]
    digits: Annotated[int, Field(ge=0, le=20)]
    higher_is_better: bool
