"""Section `sparse` says how networks become sparse before they are trained, or while they are."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from lottery.config.choices import Choice, Section
from lottery.config.pruning import Allocation, Score
from lottery.config.values import Density, Duration, Point


class SparseInitializer(Choice):
    """A sparse initializer says how a sparse network's weights are drawn, once its mask is known."""

    kind = "sparse_initializers"


class Topology(Choice):
    """A topology says how the active weights move while a sparse network trains."""

    kind = "topology"
    interval: Duration = Duration("100it")
    """Steps between updates; the first is made `interval` steps after `start`."""
    start: Point = Point("0it")
    """Masks stay as they are up to this step."""
    end: Point = Point("75%")
    """No update is made after this step."""
    growth: Literal["zero", "random"] = "zero"
    """Where a grown weight starts: at zero, or drawn from a normal distribution of the standard deviation that the
    layer's active weights have."""


class Latent(Choice):
    """A latent is trained in place of a sparse network's weights, and says how weights and masks follow from it."""

    kind = "latent"


class Sparse(Section):
    """The section describes networks that are sparse from the start, for `lottery train`."""

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
        """Return the densities of levels 1, 2, ..."""
        return self.density if isinstance(self.density, tuple) else (self.density,)

    @model_validator(mode="after")
    def _sensible(self) -> Self:
        if self.topology.interval.steps(1) == 0:
            raise PydanticCustomError("zero", "topology.interval: must be more than 0")
        if "trained" in self.score.traits:
            raise PydanticCustomError(
                "untrained",
                "score: {name} compares a trained network with its initialization, and nothing is trained yet; "
                "it goes with `lottery prune`",
                {"name": self.score.name},
            )
        if self.latent is not None:
            self._check_unused(f"latent: {self.latent.name}", "which says itself which weights are active", "topology")
        elif "dense_start" in self.topology.traits:
            self._check_unused(f"topology: {self.topology.name}", "which starts dense")
        return self

    def _check_unused(self, what: str, why: str, *further: str) -> None:
        """Complain of what isn't used where training starts dense: no score prunes, nothing is drawn for its mask."""
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
