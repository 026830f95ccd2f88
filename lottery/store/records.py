"""What stands in a run's JSON files: names and types. What is read from a run directory is checked against them.

A line of `metrics.jsonl` is an Evaluation, of `levels.jsonl` a Summary; `run.json` holds About.
"""

from typing import Annotated, Any, Literal, NotRequired

from pydantic import AfterValidator, ConfigDict, Field, TypeAdapter, ValidationError, with_config
from pydantic_core import PydanticCustomError
from typing_extensions import TypedDict

from lottery.config.complaints import first
from lottery.errors import LotteryError

SCHEMA = 2
"""Of the run directory; raised whenever an older `lottery` could not read it, or would read it wrongly."""

Index = Annotated[int, Field(ge=0, le=1 << 48)]
Operations = Annotated[int, Field(ge=0, le=10**24)]
"""Of a training: a ResNet-50 on ImageNet takes some 1e18."""
Share = Annotated[float, Field(ge=0, le=1)]
Positive = Annotated[int, Field(ge=1, le=1 << 48)]
Loss = Annotated[float, Field(ge=-3.5e38, le=3.5e38)]
"""As far as float32 goes: whatever is computed of such numbers stays a number."""
Rate = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Time = Annotated[float, Field(ge=0, le=1e15)]
"""In seconds or epochs: more than any training takes, and means and squares of it stay numbers."""
Text = Annotated[str, Field(max_length=4096, pattern=r"^[^\x00-\x1f\x7f-\x9f]*$")]
"""Without control characters, which a terminal would obey."""
Argument = Annotated[str, Field(max_length=1 << 20, pattern=r"^[^\x00-\x1f\x7f-\x9f]*$")]
"""Of a command line: as long as a system takes one."""
Arm = Annotated[str, Field(pattern=r"^[a-z][a-z_]{0,30}$")]

_STRICT = ConfigDict(strict=True, extra="allow")
_EXACT = ConfigDict(strict=True, extra="forbid")


@with_config(_STRICT)
class Evaluation(TypedDict):
    """One network at one step, evaluated on one split."""

    replicate: Index
    arm: Arm
    level: Index
    step: Index
    epoch: Time
    split: Literal["train", "validation", "test"]
    loss: Loss | None
    """Mean cross entropy in nats; of the training split, over the batches since the last line. Null: not finite."""
    accuracy: Share | None
    """`correct` over `images`, 0 to 1; these three are null for the training split."""
    correct: Index | None
    """Number of right answers."""
    images: Positive | None
    lr: Rate
    seconds: Time
    """Of training, up to here, of all members that were trained together."""
    dropped: NotRequired[Index]
    """On the training split's lines of a network whose mask moves: weights dropped since the last such line."""
    grown: NotRequired[Index]
    regrown: NotRequired[Index]
    """Of those grown, such as had been active before."""
    overlap_with_start: NotRequired[Share]
    """Share of the active weights that the first mask has, too."""
    ever_active: NotRequired[Share]
    """Share of the weights that were active at any time."""


@with_config(_STRICT)
class Summary(TypedDict):
    """One trained network."""

    replicate: Index
    arm: Arm
    level: Index
    density: Share
    nonzero: Index
    total: Index
    """Weights that masks cover."""
    parameters: Annotated[int, Field(ge=1, le=1 << 48)]
    """All of the network's, what masks don't cover counted in."""
    flops: Index
    dense_flops: NotRequired[Index]
    """Of the same network without a mask, whether one was trained or not."""
    start_step: Index
    stop_step: Index
    test_accuracy: Share
    """`test_correct` over `test_images`; the other accuracies likewise."""
    test_correct: Index
    """Number of right answers."""
    test_images: Positive
    test_loss: Loss | None
    validation_accuracy: Share | None
    validation_correct: Index | None
    validation_images: Positive | None
    validation_loss: Loss | None
    evaluate_every: Positive
    """Steps from one evaluation to the next: the grid that the early-stop step is read off."""
    early_stop_step: Index | None
    early_stop_test_accuracy: Share | None
    early_stop_test_correct: Index | None
    train_seconds: Time
    train_flops: NotRequired[Operations]
    """Of its whole training: a step costs thrice the forward pass, pruned weights nothing (Evci et al. 2020)."""
    ever_active: NotRequired[Share]
    """Share of the weights that were active at any time, where the mask moved."""
    diverged: NotRequired[Index | None]
    """Step at which the loss was first not a finite number; null where it always was one."""
    collapsed: NotRequired[list[Text]]
    """Layers through which no path leads from input to output."""


@with_config(_EXACT)
class LayoutRecord(TypedDict):
    """See `lottery.studies.layout.Layout`."""

    execution: Literal["stacked", "looped"]
    chunk: Annotated[int, Field(ge=1, le=1 << 20)]
    workers: Annotated[int, Field(ge=1, le=4096)]
    threads: Annotated[int, Field(ge=1, le=4096)]
    device: Literal["cpu", "cuda", "mps"]
    splits: Index


@with_config(_EXACT)
class RewindRecord(TypedDict):
    """See `lottery.studies.rewind.Rewind`."""

    level: Index
    to: Index
    weights: Literal["rewind", "reinit", "final"]
    mask: Literal["keep", "shuffle", "random", "invert"]


@with_config(_STRICT)
class About(TypedDict):
    """A run: what was run, by what, on what, and how it stands."""

    schema: Annotated[int, Field(ge=SCHEMA, le=SCHEMA)]
    id: Text
    study: Literal["train", "prune", "rewind"]
    status: Literal["running", "finished", "interrupted", "failed"]
    started: Text
    finished: Text | None
    command: NotRequired[list[Argument]]
    parent: NotRequired[Text | None]
    rewind: NotRequired[RewindRecord]
    layout: NotRequired[LayoutRecord | None]
    layout_because: NotRequired[Text]
    device: NotRequired[Text]
    host: NotRequired[Text]
    process: NotRequired[Index]


def _agree(accuracy: float | None, correct: int | None, images: int | None, name: str) -> None:
    counted = None if correct is None or images is None else correct / images
    if accuracy != counted:
        raise PydanticCustomError(
            "counts",
            "{name} is {accuracy}, not {correct} of {images}",
            {"name": name, "accuracy": repr(accuracy), "correct": repr(correct), "images": repr(images)},
        )


def _evaluation(line: Evaluation) -> Evaluation:
    """The same, if its counts make its accuracy."""
    _agree(line["accuracy"], line["correct"], line["images"], "accuracy")
    return line


def _summary(line: Summary) -> Summary:
    """The same, if its counts make its accuracies: verdicts rest on the one, and tables show the other."""
    images = line["test_images"]
    _agree(line["test_accuracy"], line["test_correct"], images, "test_accuracy")
    _agree(line["validation_accuracy"], line["validation_correct"], line["validation_images"], "validation_accuracy")
    _agree(line["early_stop_test_accuracy"], line["early_stop_test_correct"], images, "early_stop_test_accuracy")
    return line


def _about(record: About) -> About:
    """The same, if a retraining says of what, and nothing else does."""
    rewound = "rewind" in record
    if rewound != (record["study"] == "rewind") or (record.get("parent") is not None and not rewound):
        raise PydanticCustomError("rewind", "a study called rewind says of what, and no other has rewind or parent")
    return record


EVALUATIONS = TypeAdapter(list[Annotated[Evaluation, AfterValidator(_evaluation)]])
SUMMARY = TypeAdapter(Annotated[Summary, AfterValidator(_summary)])
SUMMARIES = TypeAdapter(list[Annotated[Summary, AfterValidator(_summary)]])
ABOUT = TypeAdapter(Annotated[About, AfterValidator(_about)])


def check(adapter: TypeAdapter[Any], value: Any, where: object) -> Any:
    """`value`, if it is what `adapter` describes; raises LotteryError that names `where` and what is wrong."""
    try:
        return adapter.validate_python(value)
    except ValidationError as error:
        place, reason = first(error)
        raise LotteryError(
            f"{where} is not what lottery writes: {f'{place}: ' if place else ''}{reason[:200]}"
        ) from None
