"""When masks move, and what stands in for it where they don't."""

import pytest
import torch
from conftest import new_trainer, tiny

from lottery.config.sparse import Topology
from lottery.cost.flops import masked_flops
from lottery.studies.prepare import prepare
from lottery.training.course import Course
from lottery.training.trainable import Trainable


def course(name="rigl", start=0, end=20, interval=10):
    return Course(Topology(name=name), 0.2, start, end, 30, interval, ["w"], 0)


@pytest.mark.parametrize(
    ("spans", "expected"),
    [({}, [9, 19]), ({"start": 5}, [14]), ({"end": 19}, [9]), ({"interval": 30}, []), ({"end": 0}, [])],
)
def test_masks_move_at_the_last_step_of_each_interval(spans, expected):
    assert [step for step in range(30) if course(**spans).due(step)] == expected


def test_which_topologies_replace_a_step_or_keep_a_trace():
    found = {
        name: (course(name).replaces_step, course(name).traces) for name in ("set", "rigl", "rigl_momentum", "snfs")
    }
    assert found == {"set": (False, False), "rigl": (True, False), "rigl_momentum": (True, True), "snfs": (False, True)}


def test_a_moment_has_the_steps_of_its_course():
    weights, mask = {"w": torch.ones(2)}, {"w": torch.ones(2, dtype=torch.bool)}
    now = course(start=3).moment(7, weights, mask, torch.Generator(), {}, mask)
    assert (now.step, now.start, now.end, now.length, now.interval, now.density) == (7, 3, 20, 30, 10, 0.2)
    assert (now.gradients, now.trace) == ({}, mask)


def test_networks_whose_masks_stay_need_no_state_and_cost_three_forward_passes_a_step():
    setting = prepare(tiny(train__batch_size=16))
    networks = [setting.dense(setting.initial(replicate)) for replicate in range(2)]
    networks[1].mask["hidden_1.weight"][:8] = False
    trainer = new_trainer(setting, networks, [0, 1], start=4)
    trainer.advance(9)
    assert type(trainer.trained) is Trainable
    assert (trainer.trained.pop(), trainer.trained.state()) == ([{}, {}], {})
    flops = [masked_flops(setting.flops, network.mask) for network in networks]
    assert flops[1] < flops[0]
    assert trainer.trained.costs(9) == [{"train_flops": 16 * 5 * 3 * each} for each in flops]
