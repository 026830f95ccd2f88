import math

import pytest
import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from lottery.analysis import cost


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


def test_static_training_is_three_forward_passes_a_step():
    assert cost.training_flops([(0, 10)], 100, steps=50, samples_per_step=4) == 3 * 10 * 50 * 4
    # Relative to dense training: the density of the FLOPs.
    assert cost.training_flops([(0, 10)], 100, 50, 4) / cost.training_flops([(0, 100)], 100, 50, 4) == 0.1


def test_rigl_by_hand_and_by_the_formula_of_its_paper():
    # 12 steps, updates at 4 and 8: ten of 30, two of 120.
    assert cost.training_flops([(0, 10)], 100, 12, 1, range(4, 9, 4)) == 540
    # ΔT = 3: (3 * 30 + 20 + 100) / 4, which is the mean of three steps and an update.
    assert cost.amortised_rigl(10, 100, 3) == 52.5
    assert cost.training_flops([(0, 10)], 100, 4, 1, {3}) / 4 == 52.5
    assert cost.amortised_rigl(100, 100, 3) == 300


def test_snfs_needs_the_dense_gradient_at_every_step():
    # Mean of f_S over the steps: (6 * 10 + 4 * 20) / 10 = 14; 2 * 14 + 100.
    assert cost.training_flops([(0, 10), (6, 20)], 100, 10, 1, range(10)) == 10 * (2 * 14 + 100)


def test_gradual_pruning_pays_for_what_is_there():
    history = [(0, 100), (2, 50), (5, 10)]
    assert cost.training_flops(history, 100, 10, 3) == 3 * 3 * (2 * 100 + 3 * 50 + 5 * 10)
    # Changes at the end or after it cost nothing.
    assert cost.training_flops(history, 100, 5, 1) == 3 * (2 * 100 + 3 * 50)
    assert cost.training_flops(history, 100, 1, 1) == 3 * 100


@pytest.mark.parametrize("history", [[], [(1, 10)], [(0, 10), (5, 4), (3, 2)], [(0, 10), (0, 5)]])
def test_a_history_begins_at_the_beginning_and_ascends(history):
    with pytest.raises(ValueError, match="ascends"):
        cost.training_flops(history, 100, 10, 1)


def test_shrinkbench_counts_all_parameters():
    assert cost.theoretical_speedup(100, 25) == 4
    assert cost.theoretical_speedup(100, 0) == math.inf
    # LeNet-300-100: 266200 weights and 410 biases; a tenth of the weights is left.
    assert cost.compression_ratio(266_610, 239_580) == pytest.approx(266_610 / 27_030)
    assert cost.compression_ratio(266_610, 239_580) < 10
    assert cost.compression_ratio(10, 0) == 1
    assert cost.compression_ratio(10, 10) == math.inf
