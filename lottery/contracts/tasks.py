"""What a task must fulfil."""

import re

import torch
from torch import Tensor

from lottery.contracts.contract import Candidate, require
from lottery.contracts.guards import untouched
from lottery.seeds import stream
from lottery.tasks import Metric, Task

_NUMBER, _CLASSES = 12, 5


def is_a_task(given: Candidate) -> None:
    """A task returns a `lottery.tasks.Task` with a metric or more, named in small letters."""
    task = given()
    require(isinstance(task, Task), f"it returns a {type(task).__name__}; return an object of a class of Task's")
    metrics = getattr(task, "metrics", ())
    require(metrics and all(isinstance(one, Metric) for one in metrics), "metrics isn't a tuple of Metric; add one")
    odd = [one.name for one in metrics if not re.fullmatch(r"[a-z][a-z_]{0,30}", one.name)]
    require(not odd, f"metric {', '.join(odd)}: use small letters and underscores, at most 31")


def losses_are_of_each_example(given: Candidate) -> None:
    """A loss is a finite number for each example without reduction, and their mean with `mean`."""
    task, (outputs, targets) = given(), _answers()
    for smoothing in (0.0, 0.1):
        each = task.loss(outputs, targets, label_smoothing=smoothing, reduction="none")
        mean = task.loss(outputs, targets, label_smoothing=smoothing, reduction="mean")
        require(isinstance(each, Tensor) and each.shape[:1] == (_NUMBER,), "without reduction there isn't one of each")
        require(each.isfinite().all(), "it isn't finite everywhere")
        require(mean.shape == (), f"the mean has shape {tuple(mean.shape)}; return a scalar")
        require(
            torch.allclose(mean, each.mean(), rtol=1e-4), f"the mean is {mean:.6g}, and that of each {each.mean():.6g}"
        )


def losses_can_be_minimised(given: Candidate) -> None:
    """Gradients of the loss reach the outputs of every example."""
    task, (outputs, targets) = given(), _answers()
    outputs.requires_grad_()
    loss = task.loss(outputs, targets, reduction="mean")
    require(loss.requires_grad, "it has no graph; compute it by torch's functions, without detach() or item()")
    (slope,) = torch.autograd.grad(loss, outputs)
    require(slope.isfinite().all(), "they aren't finite everywhere")
    require(slope.flatten(1).any(1).all(), "there are examples that they don't reach")


def right_answers_are_counted(given: Candidate) -> None:
    """Right answers are bool, of the shape that losses without reduction have."""
    task, (outputs, targets) = given(), _answers()
    right = task.right(outputs, targets)
    each = task.loss(outputs, targets, reduction="none")
    require(isinstance(right, Tensor) and right.dtype == torch.bool, "it isn't a tensor of booleans; compare with ==")
    require(right.shape == each.shape, f"its shape is {tuple(right.shape)}, and that of losses {tuple(each.shape)}")


def changes_nothing(given: Candidate) -> None:
    """A task changes nothing that it is given, and leaves the global random state as it is."""
    task, (outputs, targets) = given(), _answers()
    with untouched(outputs=outputs, targets=targets):
        task.loss(outputs, targets, reduction="none")
        task.right(outputs, targets)


def shows_an_example(given: Candidate) -> None:
    """An example is a tensor of so many inputs, `[count, *shape]`."""
    found = given().example((1, 8, 8), 3)
    wanted = isinstance(found, Tensor) and found.shape == (3, 1, 8, 8)
    require(wanted, "example((1, 8, 8), 3) isn't a tensor of shape (3, 1, 8, 8); leave the one of Task's")


def _answers() -> tuple[Tensor, Tensor]:
    outputs = torch.randn(_NUMBER, _CLASSES, generator=stream(0, "outputs"))
    return outputs, torch.arange(_NUMBER) % _CLASSES


CHECKS = (
    is_a_task, losses_are_of_each_example, losses_can_be_minimised, right_answers_are_counted, changes_nothing,
    shows_an_example,
)  # fmt: skip
