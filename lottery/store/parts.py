"""Records that stand in `run.json`, within its own: see `lottery.store.about`."""

from typing import Annotated, Literal, NotRequired

from pydantic import Field, with_config
from pydantic_core import PydanticCustomError
from typing_extensions import TypedDict

from lottery.store.records import EXACT, STRICT, Arm, Execution, Index, Positive, Text

SIDE, CLASSES = 1 << 20, 1 << 24
"""Channels and pixels a side of an image, and classes, that data may have."""
SMALLEST, LARGEST = 1e-6, 1e6
"""Standard deviation that data may have at least, in units of 0..255, and at most, as their mean: of float32 images,
normalised by them, all stay numbers."""


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
    weights: Literal["rewind", "reinit", "final", "pruned"]
    mask: Literal["keep", "shuffle", "random", "invert"]
    draws: NotRequired[Annotated[int, Field(ge=1, le=1000)]]


@with_config(EXACT)
class ForkRecord(TypedDict):
    """What a forked run trains, and copies of it: see `lottery.studies.fork.Forked`."""

    levels: Annotated[list[Index], Field(min_length=1, max_length=1000)]
    arms: Annotated[list[Arm], Field(min_length=1, max_length=1000)]
    at: Annotated[list[Index], Field(min_length=1, max_length=1000)]
    copies: Annotated[int, Field(ge=1, le=1000)]


def channels(record: "DataRecord") -> "DataRecord":
    """Return the same, if each channel has a mean and a deviation."""
    if not record["shape"][0] == len(record["mean"]) == len(record["std"]):
        raise PydanticCustomError("channels", "write a mean and a std for each channel")
    return record


@with_config(STRICT)
class DataRecord(TypedDict):
    """The data that a run was made of."""

    shape: Annotated[list[Annotated[int, Field(ge=1, le=SIDE)]], Field(min_length=3, max_length=3)]
    """Channels, height and width of an image."""
    images: Annotated[list[Positive], Field(min_length=2, max_length=2)]
    """Number of training and test images."""
    classes: Annotated[int, Field(ge=1, le=CLASSES)]
    mean: list[Annotated[float, Field(ge=-LARGEST, le=LARGEST)]]
    """Per channel, of the training images, in units of 0..255: inputs are normalised by it, and by `std`."""
    std: list[Annotated[float, Field(ge=SMALLEST, le=LARGEST)]]
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
