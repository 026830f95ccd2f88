"""What stands in a run's JSON files: names and types. What is read from a run directory is checked against them.

A line of `metrics.jsonl` is an Evaluation, of `levels.jsonl` a Summary; for `run.json` see `about`.
"""

from collections.abc import Sequence
from typing import Annotated, Literal, NotRequired, TypeVar

from pydantic import AfterValidator, ConfigDict, Field, Strict, TypeAdapter, ValidationError, with_config
from pydantic_core import PydanticCustomError
from typing_extensions import TypedDict

from lottery.config.complaints import first
from lottery.errors import LotteryError

Index = Annotated[int, Field(ge=0, le=1 << 48)]
Operations = Annotated[int, Field(ge=0, le=10**24)]
"""Of a training: a ResNet-50 on ImageNet takes some 1e18."""
Share = Annotated[float, Field(ge=0, le=1)]
Positive = Annotated[int, Field(ge=1, le=1 << 48)]
Loss = Annotated[float, Field(ge=-3.5e38, le=3.5e38)]
"""As far as float32 goes: whatever is computed of such numbers stays a number."""
Amount = Annotated[float, Field(ge=-3.5e38, le=3.5e38)]
Rate = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Time = Annotated[float, Field(ge=0, le=1e15)]
"""In seconds or epochs: more than any training takes, and means and squares of it stay numbers."""
Text = Annotated[str, Field(max_length=4096, pattern=r"^[^\x00-\x1f\x7f-\x9f]*$")]
"""Without control characters, which a terminal would obey."""
Execution = Literal["stacked", "looped"]
"""How members of a cohort are computed: in one batched product, or one after the other."""
Split = Literal["train", "validation", "test"]
Arm = Annotated[str, Field(pattern=r"^[a-z][a-z_]{0,30}$")]

STRICT = ConfigDict(strict=True, extra="allow")
"""A later `lottery` may say more."""
EXACT = ConfigDict(strict=True, extra="forbid")


def _measure(measure: "Measure") -> "Measure":
    """Return the same, if its counts make its value: verdicts rest on the one, and tables show the other."""
    value, right, of = measure["value"], measure["right"], measure["of"]
    if (right is None) != (of is None) or (
        right is not None and of is not None and (right > of or value != right / of)
    ):
        raise PydanticCustomError(
            "counts",
            "value is {value}, not {right} of {of}",
            {"value": repr(value), "right": repr(right), "of": repr(of)},
        )
    return measure


@with_config(STRICT)
class Measure(TypedDict):
    """One metric of one network on one split."""

    value: Amount | None
    """Null: not a finite number."""
    right: Index | None
    """Number of right answers, of a metric that is a share of answers; `value` is then `right` over `of`."""
    of: Positive | None


Measures = dict[Annotated[str, Field(pattern=r"^[a-z][a-z_]{0,30}$")], Annotated[Measure, AfterValidator(_measure)]]
"""Name of a metric -> its measure; the config's task says which metrics there are."""


@with_config(STRICT)
class Evaluation(TypedDict):
    """One network at one step, evaluated on one split."""

    replicate: Index
    level: Index
    arm: Arm
    order: Index
    step: Index
    epoch: Time
    split: Split
    loss: Loss | None
    """The task's mean loss; of the training split, over the batches since the last line. Null: not finite."""
    metrics: Measures
    """Nothing for the training split."""
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


@with_config(STRICT)
class Measured(TypedDict):
    """One network on one split."""

    loss: Loss | None
    metrics: Measures


@with_config(STRICT)
class EarlyStop(TypedDict):
    """One network at the step of its smallest validation loss."""

    step: Index
    test: Measured


@with_config(STRICT)
class Summary(TypedDict):
    """One trained network."""

    replicate: Index
    level: Index
    arm: Arm
    order: Index
    density: Share
    nonzero: Index
    total: Index
    """Weights that masks cover."""
    parameters: Annotated[int, Field(ge=1, le=1 << 48)]
    """All of the network's, what masks don't cover counted in."""
    flops: Index
    dense_flops: Index
    """Of the same network without a mask, whether one was trained or not."""
    start_step: Index
    stop_step: Index
    test: Measured
    validation: Measured | None
    early_stop: EarlyStop | None
    evaluate_every: Positive
    """Steps from one evaluation to the next: the grid that the early-stop step is read off."""
    train_seconds: Time
    train_flops: Operations
    """Of its whole training: a step costs thrice the forward pass, pruned weights nothing (Evci et al. 2020)."""
    ever_active: NotRequired[Share]
    """Share of the weights that were active at any time, where the mask moved."""
    diverged: Index | None
    """Step at which the loss was first not a finite number; null where it always was one."""
    collapsed: list[Text]
    """Layers through which no path leads from input to output."""


@with_config(EXACT)
class ChunkRecord(TypedDict):
    """Which networks a checkpoint holds, and how far they are."""

    members: list[Annotated[tuple[Index, Index, Arm, Index], Strict(False)]]
    """Keys."""
    execution: Execution
    step: Index
    seconds: Time


EVALUATIONS = TypeAdapter(list[Evaluation])
SUMMARY = TypeAdapter(Summary)
SUMMARIES = TypeAdapter(list[Summary])
CHUNK = TypeAdapter(ChunkRecord)

T = TypeVar("T")


def check_lines(adapter: TypeAdapter[T], lines: Sequence[bytes], where: object) -> T:
    """Return the records of lines of JSON, checked as by `check`."""
    # At once, and parsed by what checks them: twice as fast as one after the other.
    return check(adapter, b"[" + b",".join(lines) + b"]", where)


def check(adapter: TypeAdapter[T], value: object, where: object) -> T:
    """Return `value`, or what it says in JSON, if that is what `adapter` describes.

    Raises:
        LotteryError: it isn't; the message names `where` and what is wrong.
    """
    try:
        return adapter.validate_json(value) if isinstance(value, bytes) else adapter.validate_python(value)
    except ValidationError as error:
        place, reason = first(error)
        raise LotteryError(
            f"{where} is not what lottery writes: {f'{place}: ' if place else ''}{reason[:200]}"
        ) from None
