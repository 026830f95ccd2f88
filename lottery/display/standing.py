"""What the networks of a level are at: who is trained, who is under way, and how good they are."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from statistics import mean
from typing import NamedTuple

from lottery import arms
from lottery.networks.key import Key
from lottery.store.records import Evaluation
from lottery.studies.plan import Level
from lottery.tasks import Metric
from lottery.training.recipe import Member


class _Value(NamedTuple):
    step: int
    value: float | None
    """None where the loss is no number any more."""


@dataclass
class Standing:
    """A standing is what a level's networks are at.

    Attributes:
        left: who isn't trained yet.
        steps: of those that are or were trained by this process, summed.
        done: how many of these steps are.
    """

    level: Level
    left: set[Key]
    steps: int = 0
    done: int = 0
    _values: dict[Key, _Value] = field(default_factory=dict)

    def begin(self, members: Sequence[Member], done: int) -> None:
        """Count members in who are trained from now on, so many steps of each of whom are done."""
        self.steps += sum(member.recipe.steps for member in members)
        self.done += done * len(members)

    def note(self, line: Evaluation, metric: Metric) -> None:
        """Keep the latest evaluation of a network; what is shown are those of the usual order of batches."""
        if Key.of(line).order:
            return
        diverged = line["loss"] is None
        value = None if diverged else line["metrics"][metric.name]["value"]
        self._values[Key.of(line)] = _Value(line["step"], value)

    def end(self, members: Sequence[Member]) -> None:
        """Count members as trained."""
        self.left -= {member.key for member in members}

    @property
    def title(self) -> str:
        """Return which level it is."""
        return f"level {self.level.number} ({self.level.density:.1%} of weights)"

    @property
    def short_title(self) -> str:
        """Return the same where there is little room."""
        return f"level {self.level.number} ({self.level.density:.1%})"

    @property
    def progress(self) -> str:
        """Return how many networks are trained."""
        return f"{self._counted} networks trained"

    @property
    def short_progress(self) -> str:
        """Return the same where there is little room."""
        return f"{self._counted} trained"

    @property
    def _counted(self) -> str:
        return f"{len(self.level.members) - len(self.left)} of {len(self.level.members)}"

    def means(self, metric: Metric) -> str:
        """Return the mean of each arm's networks, of those alone that stand at the same point."""
        found = [self._mean(arm, metric) for arm in arms.in_order(key.arm for key in self._values)]
        points = {point for _, point in found}
        if len(points) == 1:  # said once
            return f"test {metric.name}{points.pop()} {', '.join(mean for mean, _ in found)}"
        return f"test {metric.name} " + (", ".join(mean + point for mean, point in found) or "-")

    def _mean(self, arm: str, metric: Metric) -> tuple[str, str]:
        """Return the mean of an arm's trained networks; else of most of those at one step, and at which."""
        everybody = [member.key for member in self.level.members if member.key.arm == arm and not member.key.order]
        own = {key: value for key, value in self._values.items() if key.arm == arm}
        trained = [value for key, value in own.items() if key not in self.left]
        point = ""
        if not trained:
            steps = [value.step for value in own.values()]
            step = max(steps, key=lambda one: (steps.count(one), one))
            trained = [value for value in own.values() if value.step == step]
            point = f" at step {step:,}"
        values = [value.value for value in trained if value.value is not None]
        if not values:
            return f"{arm} diverged", ""
        some = "" if len(values) == len(everybody) else f" ({len(values)} of {len(everybody)})"
        return f"{arm} {metric.scale * mean(values):.{metric.digits}f}{metric.unit}{some}", point
