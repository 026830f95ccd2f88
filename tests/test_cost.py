import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from lottery.cost import training as cost


def test_a_step_by_hand():
    assert cost.step_flops(10, 100) == 30
    assert cost.step_flops(10, 100, dense_gradient=True) == 120
    assert cost.step_flops(100, 100) == cost.step_flops(100, 100, dense_gradient=True) == 300


def test_a_backward_pass_takes_two_forward_passes():
    """As torch counts them, for a layer whose inputs need gradients, too."""
    with torch.random.fork_rng(devices=[]):
        layer = nn.Linear(7, 5, bias=False)
    images = torch.ones(1, 7, requires_grad=True)
    with FlopCounterMode(display=False) as counter:
        layer(images).sum().backward()
    assert counter.get_total_flops() == cost.step_flops(2 * 7 * 5, 2 * 7 * 5)


def test_rigl_by_the_formula_of_its_paper():
    """(3 f_S dT + 2 f_S + f_D) / (dT + 1): the mean of dT steps and an update; with dT = 3, (90 + 20 + 100) / 4."""
    assert (3 * cost.step_flops(10, 100) + cost.step_flops(10, 100, dense_gradient=True)) / 4 == 52.5
