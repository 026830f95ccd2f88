"""What a user writes in YAML: frozen models, every key known, every default written out.

A choice (`score: magnitude`, `optimizer: {name: sgd, lr: 0.1}`) names a registry entry; its options are those of the
entry's function. `config_file.py` reads them.
"""

import json
from typing import Annotated, Literal, Self

import yaml
from pydantic import Field, field_validator, model_validator
from pydantic_core import PydanticCustomError

from lottery import escape
from lottery.config.choices import Choice, Section
from lottery.config.values import Count, Density, Duration, NumberOrFraction, Point, Positive, Proportion


class Augment(Section):
    """Random changes to training images, drawn anew each epoch."""

    crop: Annotated[int, Field(ge=0, le=32)] = 0
    """Pixels of black border, from which an image of the original size is cropped at random; 4 is usual for CIFAR."""
    flip: bool = False
    """Mirror half of the images."""


class Data(Choice):
    """What to learn."""

    kind = "data"
    validation: NumberOrFraction = 0.1
    """Training images set aside for validation, drawn anew for each replicate: a number, or a fraction of them."""
    augment: Augment = Field(default_factory=Augment)


class Initializer(Choice):
    """How weights are drawn."""

    kind = "initializers"


class Model(Choice):
    """The network."""

    kind = "models"
    initializer: Initializer = Field(default_factory=lambda: Initializer(name="kaiming_normal"))
    """Draws the weights of linear and convolution layers, whose biases start at 0; all else is as the model's own code
    draws it."""
    prunable: Annotated[tuple[str, ...], Field(min_length=1)] | None = None
    """Name patterns of the parameters that masks cover and densities count, such as `*.weight`; where nothing is said,
    all matrix-like weights: of linear, convolution, embedding, recurrent and attention layers, and all others of two
    dimensions or more, without biases and normalisation."""
    exclude: tuple[str, ...] = ()
    """Name patterns of parameters that masks don't cover and densities don't count after all."""
    small_dense: Proportion | None = None
    """Narrow the hidden layers alike until the network has this share of its weights: the small dense network that a
    sparse one of this density has to beat."""


class Optimizer(Choice):
    """How weights move."""

    kind = "optimizers"


class Schedule(Choice):
    """The factor on the optimizer's learning rate at each step."""

    kind = "schedules"
    warmup: Duration = Duration("0it")
    """The factor first rises linearly, and reaches the schedule's own at this step."""


class Score(Choice):
    """Which weights matter."""

    kind = "scores"


class Allocation(Choice):
    """How many weights each layer keeps."""

    kind = "allocation"


class Train(Section):
    """How one network is trained."""

    length: Duration = Duration("10ep")
    stretch: Annotated[float, Field(gt=0, le=1e6)] = 1.0
    """Train so many times as long, with the schedules of learning rate and topology stretched alike (Evci et al. 2020:
    the "5x" of RigL 5x)."""
    batch_size: Count = 128
    optimizer: Optimizer = Field(default_factory=lambda: Optimizer(name="sgd"))
    schedule: Schedule = Field(default_factory=lambda: Schedule(name="constant"))
    label_smoothing: Annotated[float, Field(ge=0, lt=1)] = 0.0
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


class Checkpoints(Section):
    """How often the networks under way are kept, so that a killed run loses little."""

    minutes: Positive = 5.0
    """Keep them after so many minutes of training since the last time."""
    steps: Duration | None = None
    """Keep them at every multiple of so many steps, too."""

    @model_validator(mode="after")
    def _sensible(self) -> Self:
        if self.steps is not None and self.steps.steps(1) == 0:
            raise PydanticCustomError("zero", "steps: must be more than 0")
        return self


Arm = Literal["reinit", "random", "shuffle"]


class Pruning(Section):
    """What `lottery prune` does after the dense network is trained."""

    score: Score = Field(default_factory=lambda: Score(name="magnitude"))
    allocation: Allocation = Field(default_factory=lambda: Allocation(name="global"))
    fraction: Proportion = 0.2
    """Share of the remaining weights that each round removes."""
    fractions: dict[str, Annotated[float, Field(ge=0, lt=1)]] = Field(default_factory=dict)
    """Other shares for the layers that match a name pattern; the first match counts. Needs `allocation: uniform`."""
    exclude: tuple[str, ...] = ()
    """Name patterns of layers that stay dense, such as `output` or `*shortcut*`."""
    iterations: Annotated[int, Field(ge=1, le=1000)] = 5
    """Rounds of pruning and retraining."""
    one_shot: bool = False
    """Each round prunes the dense trained network directly, instead of the round before."""
    rewind: Duration | Literal["learning_rate", "finetune"] = Duration("0it")
    """Where retraining starts: the weights and learning rate of a step of the dense training, `0it` being
    initialization; or the trained weights, with the learning rate rewound (`learning_rate`) or left at its last value
    (`finetune`)."""
    retrain: Duration | None = None
    """How long `learning_rate` and `finetune` retrain; the full length of training where nothing is said."""
    arms: tuple[Arm, ...] = ()
    """Controls trained beside each ticket: `reinit` has its mask and a fresh initialization, `shuffle` its weights and
    its mask shuffled within layers, `random` both: a random mask of the same per-layer counts, freshly initialized."""

    @model_validator(mode="after")
    def _sensible(self) -> Self:
        if self.fractions and self.allocation.name != "uniform":
            raise PydanticCustomError(
                "fractions", "fractions: layers of their own rate can't be ranked together; write allocation: uniform"
            )
        if self.retrain is not None and isinstance(self.rewind, Duration):
            raise PydanticCustomError(
                "retrain", "retrain: goes with rewind: learning_rate or finetune; a rewound network trains to the end"
            )
        if self.retrain is not None and self.retrain.steps(1) == 0:
            raise PydanticCustomError("zero", "retrain: must be more than 0")
        if len(set(self.arms)) < len(self.arms):
            raise PydanticCustomError("arms", "arms: an arm is named twice")
        return self


class SparseInitializer(Choice):
    """How the weights of a sparse network are drawn, once its mask is known."""

    kind = "sparse_initializers"


class Topology(Choice):
    """How the active weights move while a sparse network trains."""

    kind = "topology"
    interval: Duration = Duration("100it")
    """Steps between updates; the first is made `interval` steps after `start`."""
    start: Point = Point("0it")
    end: Point = Point("75%")
    """No update is made after this step."""
    growth: Literal["zero", "random"] = "zero"
    """Where a grown weight starts: at zero, or drawn from a normal distribution of the standard deviation that the
    layer's active weights have."""


class Latent(Choice):
    """What is trained in place of the weights of a sparse network, and how weights and masks follow from it."""

    kind = "latent"


class Tracker(Choice):
    """Where a study is mirrored while it trains."""

    kind = "trackers"


class Sparse(Section):
    """Networks that are sparse from the start, for `lottery train`."""

    density: Density | Annotated[tuple[Density, ...], Field(min_length=1, max_length=100)]
    """Kept fraction of the weights, or several: each is a level of the run, numbered from 1."""
    allocation: Allocation = Field(default_factory=lambda: Allocation(name="erk"))
    score: Score = Field(default_factory=lambda: Score(name="random"))
    """What chooses the mask, at initialization."""
    rounds: Annotated[int, Field(ge=1, le=1000)] | None = None
    """Rounds in which the score prunes; those of its paper where nothing is said (100 for `synflow`, else 1)."""
    exclude: tuple[str, ...] = ()
    """Name patterns of layers that stay dense, such as `output` or `*depthwise*`."""
    initializer: SparseInitializer = Field(default_factory=lambda: SparseInitializer(name="dense"))
    """How weights are drawn again once the mask is known."""
    topology: Topology = Field(default_factory=lambda: Topology(name="static"))
    latent: Latent | None = None
    """Train tensors that masks, and maybe weights, are computed from at every step."""
    dense: bool = False
    """Train the dense network, too, as level 0: what the others are measured by."""

    @property
    def densities(self) -> tuple[float, ...]:
        """Of levels 1, 2, ..."""
        return self.density if isinstance(self.density, tuple) else (self.density,)

    @model_validator(mode="after")
    def _sensible(self) -> Self:
        if self.topology.interval.steps(1) == 0:
            raise PydanticCustomError("zero", "topology.interval: must be more than 0")
        if "trained" in self.score.entry.traits:
            raise PydanticCustomError(
                "untrained",
                "score: {name} compares a trained network with its initialization, and nothing is trained yet; "
                "it goes with `lottery prune`",
                {"name": self.score.name},
            )
        if self.latent is not None:
            self._check_unused(f"latent: {self.latent.name}", "which says itself which weights are active", "topology")
        elif "dense_start" in self.topology.entry.traits:
            self._check_unused(f"topology: {self.topology.name}", "which starts dense")
        return self

    def _check_unused(self, what: str, why: str, *further: str) -> None:
        """No score prunes where training starts dense, and nothing is drawn for its mask."""
        usual = {"score": "random", "initializer": "dense", "topology": "static"}
        for key in ("score", "initializer", *further):
            name = getattr(self, key).name
            if name != usual[key]:
                raise PydanticCustomError(
                    "unused",
                    "{key}: {name} doesn't go with {what}, {why}",
                    {"key": key, "name": name, "what": what, "why": why},
                )
        if self.rounds is not None:
            raise PydanticCustomError("unused", "rounds: no score prunes with {what}", {"what": what})


class Config(Section):
    """A study."""

    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$")]
    """Names the run directory, after the date."""
    data: Data = Field(default_factory=lambda: Data(name="digits"))
    model: Model = Field(default_factory=lambda: Model(name="lenet_300_100"))
    train: Train = Field(default_factory=Train)
    pruning: Pruning = Field(default_factory=Pruning)
    sparse: Sparse | None = None
    checkpoint: Checkpoints = Field(default_factory=Checkpoints)
    replicates: Annotated[int, Field(ge=1, le=1000)] = 1
    """Independent repetitions: own initialization, split, order of batches, random masks."""
    seed: Annotated[int, Field(ge=0, lt=1 << 63)] = 0
    device: Annotated[str, Field(pattern=r"^(auto|cpu|mps|cuda(:[0-9]+)?)$")] = "auto"
    workers: Literal["auto"] | Annotated[int, Field(ge=1, le=1024)] = "auto"
    """Processes that train chunks of members side by side, on a CPU, never more at a time than there are cores; auto:
    one for each core, if there are members."""
    execution: Literal["auto", "stacked", "looped"] = "auto"
    """How members of a cohort are computed: in one batched product, or one after the other."""
    deterministic: bool = False
    """Have a GPU use deterministic algorithms alone, at some cost in speed; a CPU always does."""
    trackers: tuple[Tracker, ...] = ()
    """Where the study is mirrored while it trains, such as `[tensorboard]`; one that fails warns and is left out."""

    @field_validator("trackers")
    @classmethod
    def _each_once(cls, trackers: tuple[Tracker, ...]) -> tuple[Tracker, ...]:
        if len({tracker.name for tracker in trackers}) < len(trackers):
            raise PydanticCustomError("trackers", "a tracker is named twice")
        return trackers

    def to_yaml(self) -> str:
        """The resolved config, every default written out; loading it gives this config again."""
        values = json.loads(self.model_dump_json())
        text = yaml.safe_dump(values, sort_keys=False, allow_unicode=True, width=100)
        if text == escape.terminal(text):
            return text
        return yaml.safe_dump(values, sort_keys=False, allow_unicode=False, width=100)  # what can't be seen is escaped
