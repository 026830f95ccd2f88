"""A config is what a user writes in YAML: frozen models, every key known, every default written out.

A choice (`score: magnitude`, `optimizer: {name: sgd, lr: 0.1}`) names a registry entry; its options are those of the
entry's function. `file.py` reads them. Each section has a module of its own.
"""

import json
from collections.abc import Mapping
from typing import Annotated, Any, Literal, Self

import yaml
from pydantic import Field, field_validator, model_validator
from pydantic_core import PydanticCustomError

from lottery import escape
from lottery.config.analyses import Analysis
from lottery.config.choices import Choice, Section
from lottery.config.data_and_model import Data, Model, Task
from lottery.config.probes import Probe
from lottery.config.pruning import Pruning
from lottery.config.sparse import Sparse
from lottery.config.train import Train
from lottery.config.values import Duration, Positive

MOST_ORDERS = 1000


class Tracker(Choice):
    """A tracker says where a study is mirrored while it trains."""

    kind = "trackers"


class Checkpoints(Section):
    """The section says how often the networks under way are kept, so that a killed run loses little."""

    minutes: Positive = 5.0
    """Keep them after so many minutes of training since the last time."""
    steps: Duration | None = None
    """Keep them at every multiple of so many steps, too."""

    @model_validator(mode="after")
    def _sensible(self) -> Self:
        if self.steps is not None and self.steps.steps(1) == 0:
            raise PydanticCustomError("zero", "steps: must be more than 0")
        return self


class Config(Section):
    """A config describes a study."""

    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$")]
    """Names the study, and its run directories after the date."""
    data: Data = Field(default_factory=lambda: Data(name="digits"))
    task: Task = Field(default_factory=lambda: Task(name="classification"))
    model: Model = Field(default_factory=lambda: Model(name="lenet_300_100"))
    train: Train = Field(default_factory=Train)
    pruning: Pruning = Field(default_factory=Pruning)
    sparse: Sparse | None = None
    checkpoint: Checkpoints = Field(default_factory=Checkpoints)
    replicates: Annotated[int, Field(ge=1, le=1000)] = 1
    """Independent repetitions: own initialization, split, order of batches, random masks."""
    orders: Annotated[int, Field(ge=1, le=MOST_ORDERS)] = 1
    """Trainings of each network, all from the same start, that differ in batch order and augmentation alone. Of the
    first one are masks, tables and verdicts; analyses compare it with the others."""
    seed: Annotated[int, Field(ge=0, lt=1 << 63)] = 0
    """All that is random follows from it: initializations, splits, the order of batches, masks."""
    device: Annotated[str, Field(pattern=r"^(auto|cpu|mps|cuda(:[0-9]+)?)$")] = "auto"
    """Where networks are trained: `cpu`, `cuda`, `cuda:1`, `mps`; auto: on a GPU where there is one."""
    workers: Literal["auto"] | Annotated[int, Field(ge=1, le=1024)] = "auto"
    """Processes that train chunks of members side by side, on a CPU, never more at a time than there are cores; auto:
    one for each core, if there are members."""
    execution: Literal["auto", "stacked", "looped"] = "auto"
    """How members of a cohort are computed: in one batched product, or one after the other."""
    deterministic: bool = False
    """Have a GPU use deterministic algorithms alone, at some cost in speed; a CPU always does."""
    probes: tuple[Probe, ...] = ()
    """What is measured of each network while it trains, such as `[{name: gradient_flow, every: 100it}]`."""
    trackers: tuple[Tracker, ...] = ()
    """Where the study is mirrored while it trains, such as `[tensorboard]`; one that fails warns and is left out."""

    analyses: tuple[Analysis, ...] = ()
    """What is looked for in the networks once they are trained, such as `[distance, correlation]`, and kept in the run;
    `lottery analyze` does it later."""

    @model_validator(mode="before")
    @classmethod
    def _no_code(cls, value: Any) -> Any:
        for key in ("plugin", "plugins"):
            if isinstance(value, Mapping) and key in value:
                told = "a config loads no code; name it on the command line, by --plugin FILE"
                raise PydanticCustomError("unknown_key", told, {"option": key})
        return value

    @field_validator("trackers", "probes")
    @classmethod
    def _each_once(cls, choices: tuple[Choice, ...]) -> tuple[Choice, ...]:
        names = [choice.name for choice in choices]
        for name in names:
            if names.count(name) > 1:
                raise PydanticCustomError("twice", "{name} is named twice", {"name": name})
        return choices

    @field_validator("analyses")
    @classmethod
    def _each_analysis_once(cls, analyses: tuple[Analysis, ...]) -> tuple[Analysis, ...]:
        names = [analysis.name for analysis in analyses]
        for name in names:
            if names.count(name) > 1:
                raise PydanticCustomError(
                    "analyses",
                    "{name} is named twice; with other options it is for `lottery analyze RUN {name} --set ...`",
                    {"name": name},
                )
        return analyses

    @model_validator(mode="after")
    def _sensible(self) -> Self:
        if self.train.penalties and self.sparse is not None and self.sparse.latent is not None:
            raise PydanticCustomError(
                "penalties",
                "train.penalties: {name} is of weights, and sparse.latent: {latent} trains tensors in place of them",
                {"name": self.train.penalties[0].name, "latent": self.sparse.latent.name},
            )
        return self

    def to_yaml(self) -> str:
        """Return the resolved config, every default written out; loading it gives this config again."""
        values = json.loads(self.model_dump_json())
        text = yaml.safe_dump(values, sort_keys=False, allow_unicode=True, width=100)
        if text == escape.terminal(text):
            return text
        return yaml.safe_dump(values, sort_keys=False, allow_unicode=False, width=100)  # what can't be seen is escaped
