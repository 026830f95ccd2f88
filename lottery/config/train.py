"""Section `train` says how one network is trained."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from lottery.config.choices import Choice, Section
from lottery.config.values import Count, Duration


class Optimizer(Choice):
    """An optimizer says how weights move."""

    kind = "optimizers"


class Schedule(Choice):
    """A schedule gives the factor on the optimizer's learning rate at each step."""

    kind = "schedules"
    warmup: Duration = Duration("0it")
    """The factor first rises linearly, and reaches the schedule's own at this step."""


class Penalty(Choice):
    """A penalty is a term that training minimises beside the task's loss."""

    kind = "penalties"


class Train(Section):
    """The section says how one network is trained."""

    length: Duration = Duration("10ep")
    """How long each network is trained, in steps (it) or epochs (ep)."""
    stretch: Annotated[float, Field(gt=0, le=1e6)] = 1.0
    """Train so many times as long, with the schedules of learning rate and topology stretched alike (Evci et al. 2020:
    the "5x" of RigL 5x)."""
    batch_size: Count = 128
    """Training images of each step."""
    optimizer: Optimizer = Field(default_factory=lambda: Optimizer(name="sgd"))
    schedule: Schedule = Field(default_factory=lambda: Schedule(name="constant"))
    label_smoothing: Annotated[float, Field(ge=0, lt=1)] = 0.0
    """Share of each target that is spread evenly over all classes (Szegedy et al. 2016)."""
    penalties: tuple[Penalty, ...] = ()
    """Terms that each network minimises beside the task's loss, such as `[{name: repellence, strength: 2}]`; the loss
    that is recorded stays the task's."""
    evaluate_every: Duration = Duration("1ep")
    """How often validation and test data are evaluated; the early-stop step is one of these."""
    precision: Literal["float32", "tf32", "bf16", "fp16"] = "float32"
    """Of products and convolutions; weights, slots and losses are float32. tf32 rounds their inputs, on NVIDIA GPUs;
    bf16 and fp16 are autocast, the latter with the loss scaled by 1,024."""
    compile: Literal["auto"] | bool = "auto"
    """Compile the network by `torch.compile`. Auto does not: nowhere has it been measured to pay yet."""
    cuda_graph: bool = False
    """Capture a training step as one CUDA graph: a single launch a step."""

    @model_validator(mode="after")
    def _sensible(self) -> Self:
        for key in ("length", "evaluate_every"):
            if getattr(self, key).steps(1) == 0:
                raise PydanticCustomError("zero", "{key}: must be more than 0", {"key": key})
        if self.optimizer.options.get("nesterov") and not self.optimizer.options["momentum"]:
            raise PydanticCustomError("nesterov", "optimizer.nesterov: needs a momentum above 0")
        return self
