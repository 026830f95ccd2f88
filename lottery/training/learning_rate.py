"""The learning rate's factor is a function of the step."""

from collections.abc import Callable

from lottery.training.recipe import Recipe


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
