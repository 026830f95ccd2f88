"""A recipe says how one network is trained, by which learning rate at each step; a member, who is trained so."""

from collections.abc import Callable
from dataclasses import dataclass

from lottery.config.train import Optimizer, Penalty, Schedule
from lottery.networks.key import Key


@dataclass(frozen=True)
class Recipe:
    """A recipe says how a network is trained; members of equal recipes may go through the training loop together.

    Attributes:
        length: steps of the whole schedule.
        start: step of the schedule at which training starts; optimizer slots are zero there.
        stop: step at which it ends.
        batch_size: images of a step.
        epoch: steps of one epoch.
        optimizer: name and options.
        schedule: name, options and warm-up of the learning rate's factor.
        stretch: times that training takes longer than the schedule was made for.
        label_smoothing: probability spread evenly over all classes (Szegedy et al. 2016).
        penalties: terms that are minimised beside the task's loss.
    """

    length: int
    start: int
    stop: int
    batch_size: int
    epoch: int
    optimizer: Optimizer
    schedule: Schedule
    stretch: float = 1.0
    label_smoothing: float = 0.0
    penalties: tuple[Penalty, ...] = ()

    @property
    def steps(self) -> int:
        """Return the number of steps from start to stop."""
        return self.stop - self.start


@dataclass(frozen=True)
class Member:
    """A member is one network to train: its name, and how it is trained."""

    key: Key
    recipe: Recipe


def factor(recipe: Recipe) -> Callable[[int], float]:
    """Return the factor at a step, from 0; past the end of training it stays at its last value (fine-tuning).

    During warm-up the schedule's factor is scaled up linearly, from 1 / warmup at step 0, so that no step is lost.
    """
    schedule, epoch, stretch = recipe.schedule, recipe.epoch, recipe.stretch
    length = round(recipe.length / stretch)
    warmup = schedule.warmup.steps(epoch)
    entry, options = schedule.entry, schedule.options

    def at(step: int) -> float:
        step = min(step if stretch == 1 else int(step / stretch), length - 1)
        value: float = entry(step, length, epoch, **options)
        return value * min(1.0, (step + 1) / warmup) if warmup else value

    return at
