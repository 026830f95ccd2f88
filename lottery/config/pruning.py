"""Section `pruning` says how `lottery prune` goes on once the dense network is trained."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from lottery.config.choices import Choice, NameOf, Section
from lottery.config.values import Duration, Proportion


class Score(Choice):
    """A score says which weights matter."""

    kind = "scores"


class Allocation(Choice):
    """An allocation says how many weights each layer keeps."""

    kind = "allocation"


class Pruning(Section):
    """The section says what `lottery prune` does after the dense network is trained."""

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
    arms: tuple[Annotated[str, NameOf("arms")], ...] = ()
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
