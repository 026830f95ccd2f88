import math
from itertools import combinations

import pytest
import torch
from conftest import tiny
from scipy import stats

from lottery import registry
from lottery.networks.key import Key
from lottery.seeds import stream
from lottery.studies.prepare import prepare
from lottery.studies.train import sparse_start


def test_sparse_kaiming_has_the_variance_of_the_inputs_that_are_there():
    mask = torch.zeros(4, 2, 3, dtype=torch.bool)
    mask[0, 0, 0] = True
    mask[1, :, :2] = True
    mask[2] = True
    weight, generator = torch.zeros(mask.shape), stream(0, "init")
    for distribution in ("normal", "uniform"):
        initializer = registry.find("sparse_initializers", "sparse_kaiming")
        draws = torch.stack([initializer(weight, mask, generator, distribution=distribution) for _ in range(3000)])
        assert (draws[:, ~mask] == 0).all()
        for unit, fan_in in ((0, 1), (1, 4), (2, 6)):
            values = draws[:, unit][:, mask[unit]].flatten().double().numpy()
            deviation = math.sqrt(2 / fan_in)
            expected = (
                stats.norm(scale=deviation)
                if distribution == "normal"
                else stats.uniform(-math.sqrt(3) * deviation, 2 * math.sqrt(3) * deviation)
            )
            assert values.var() == pytest.approx(2 / fan_in, rel=0.1)
            assert stats.kstest(values, expected.cdf).pvalue > 0.001


def test_sparse_kaiming_by_hand():
    """The same stream gives the same directions: four inputs in place of one halve a weight, four times the scale
    doubles it."""
    initializer, weight = registry.find("sparse_initializers", "sparse_kaiming"), torch.zeros(2, 4)
    one = torch.tensor([[True, False, False, False], [False, False, False, False]])
    four = torch.tensor([[True, True, True, True], [False, True, False, False]])
    few, many, large = (
        initializer(weight, mask, stream(0), scale=scale) for mask, scale in ((one, 2.0), (four, 2.0), (one, 8.0))
    )
    assert few[0, 0] != 0
    assert many[0, 0].item() == pytest.approx(few[0, 0].item() / 2)
    assert large[0, 0].item() == pytest.approx(few[0, 0].item() * 2)
    assert few.count_nonzero() == 1  # nothing in the unit without inputs


def test_layer_scaled_by_hand():
    initializer, weight = registry.find("sparse_initializers", "layer_scaled"), torch.tensor([[1.0, 2.0], [3.0, 4.0]])
    quarter = torch.tensor([[False, False], [True, False]])
    # A quarter of the layer is left: the square root of the density is a half.
    assert initializer(weight, quarter, stream(0)).tolist() == [[0, 0], [6, 0]]
    assert initializer(weight, torch.ones(2, 2, dtype=torch.bool), stream(0)).equal(weight)
    assert initializer(weight, torch.zeros(2, 2, dtype=torch.bool), stream(0)).tolist() == [[0, 0], [0, 0]]


def test_each_replicate_and_level_has_draws_of_its_own():
    """By magnitude, the same network is pruned to the same mask whoever asks; what is drawn for it isn't the same."""
    config = tiny(sparse={"density": [0.5, 0.49], "initializer": "sparse_kaiming", "score": "magnitude"})
    setting = prepare(config)
    start = setting.dense(setting.initial(0))
    found = [sparse_start(setting, start, Key(replicate, level, "sparse")) for level in (1, 2) for replicate in (0, 1)]
    name = "hidden_1.weight"
    assert torch.equal(found[0].mask[name], found[1].mask[name])
    assert found[0].state[name].count_nonzero() == found[0].mask[name].count_nonzero()
    for one, other in combinations(found, 2):
        both = one.mask[name] & other.mask[name]
        assert (one.state[name][both] != other.state[name][both]).all()
