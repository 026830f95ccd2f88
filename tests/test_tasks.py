"""What tasks say of outputs, against numbers worked out by hand."""

import math

import pytest
import torch

from lottery import registry
from lottery.networks.subject import Subject
from lottery.training.objective import Objective


def classification():
    return registry.find("tasks", "classification")()


OUTPUTS = torch.tensor([[math.log(3), 0.0], [0.0, 0.0], [0.0, math.log(7)]])  # softmax 3/4, 1/2, 1/8 of class 0
TARGETS = torch.tensor([0, 1, 0])


def test_cross_entropy_by_hand():
    task, each = classification(), [math.log(4 / 3), math.log(2), math.log(8)]
    assert task.loss(OUTPUTS, TARGETS, reduction="none").tolist() == pytest.approx(each)
    assert task.loss(OUTPUTS, TARGETS, reduction="mean").item() == pytest.approx(sum(each) / 3)


def test_label_smoothing_by_hand():
    """A tenth of the probability is spread over both classes: 0.95 and 0.05 of -log p."""
    objective = Objective(classification(), label_smoothing=0.1)
    first = 0.95 * math.log(4 / 3) + 0.05 * math.log(4)
    last = 0.95 * math.log(8) + 0.05 * math.log(8 / 7)
    assert objective(OUTPUTS, TARGETS, reduction="none").tolist() == pytest.approx([first, math.log(2), last])
    assert objective(OUTPUTS, TARGETS).item() == pytest.approx((first + math.log(2) + last) / 3)
    subject = Subject({}, {}, criterion=Objective(classification()))
    assert subject.loss(OUTPUTS[:1], TARGETS[:1]).item() == pytest.approx(math.log(4 / 3))


def test_right_answers_are_counted():
    assert classification().right(OUTPUTS, torch.tensor([0, 1, 1])).tolist() == [True, False, True]


def test_accuracy_is_read_in_percent_and_more_is_better():
    (accuracy,) = classification().metrics
    assert f"{accuracy.scale * 0.98765:.{accuracy.digits}f} {accuracy.unit}" == "98.77 %"
    assert accuracy.higher_is_better


@pytest.mark.parametrize("name", registry.names("tasks"))
def test_a_task_makes_an_example(name):
    assert registry.find("tasks", name)().example((3, 8, 9), 2).shape == (2, 3, 8, 9)
