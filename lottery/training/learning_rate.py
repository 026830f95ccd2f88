"""The learning rate's factor as a function of the step."""

from collections.abc import Callable

from lottery.config.schema import Schedule


def factor(schedule: Schedule, length: int, epoch: int, stretch: float = 1.0) -> Callable[[int], float]:
    """Factor at a step, from 0; past the end of training it stays at its last value (fine-tuning).

    During warm-up the schedule's factor is scaled up linearly, from 1 / warmup at step 0, so that no step is lost.

    Args:
        schedule: name, options and warm-up.
        length: of training, in steps.
        epoch: steps of one epoch.
        stretch: times that training takes longer than the schedule was made for.
    """
    length = round(length / stretch)
    warmup = schedule.warmup.steps(epoch)
    entry, options = schedule.entry, schedule.options

    def at(step: int) -> float:
        step = min(step if stretch == 1 else int(step / stretch), length - 1)
        value: float = entry(step, length, epoch, **options)
        return value * min(1.0, (step + 1) / warmup) if warmup else value

    return at
