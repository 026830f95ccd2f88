"""Movements within directions, and losses along them, where both are known: orthonormal axes, a quadratic loss."""

import math

import numpy as np
import pytest
import torch
from torch import nn

from lottery.curvature.basins import change_at, like, losses, reach, removed_weights
from lottery.curvature.directions import shares
from lottery.networks.network import Network
from lottery.networks.subject import Subject
from lottery.seeds import stream


def test_shares_of_a_movement_by_hand():
    """Along two axes of four: 9 and 0 of 25; by chance a quarter each, or a third where one is held."""
    axes, moved = np.eye(4)[:, :2], np.array([3.0, 0, 4, 0])
    own, chance = shares(axes, moved, np.ones(4, bool))
    np.testing.assert_allclose(own, [9 / 25, 9 / 25])
    np.testing.assert_allclose(chance, [1 / 4, 2 / 4])
    own, chance = shares(axes, np.array([0, 1.0, 0, 1]), np.array([False, True, True, True]))
    np.testing.assert_allclose(own, [0, 1 / 2])
    np.testing.assert_allclose(chance, [0, 1 / 3])
    assert np.isnan(shares(axes, np.zeros(4), np.ones(4, bool))[0]).all()


def test_chance_is_what_random_movements_have():
    draw = np.random.default_rng(0)
    vectors, free = np.linalg.qr(draw.standard_normal((30, 5)))[0], np.arange(30) < 20
    found = [shares(vectors, np.where(free, draw.standard_normal(30), 0), free) for _ in range(4000)]
    np.testing.assert_allclose(np.mean([own for own, _ in found], axis=0), found[0][1], rtol=0.05)


def quadratic(weight):
    """Half the squared distance of Wx to 0 over the images e_1 and e_2: a quarter of the sum of squared weights."""
    template = nn.Sequential(nn.Flatten(), nn.Linear(2, 2, bias=False).double())
    template[1].weight = nn.Parameter(torch.tensor(weight).double())
    state = {name: value.detach() for name, value in template.state_dict().items()}
    images = torch.eye(2).double().view(2, 1, 1, 2)
    return Subject(
        state, {"1.weight": state["1.weight"] != 0}, state=state, template=template,
        sample=lambda count, per_class: (images, torch.zeros(2)),
        criterion=lambda outputs, targets, reduction="mean": outputs.square().sum(1).mean() / 2,
    )  # fmt: skip


def test_the_loss_along_a_direction_of_a_quadratic():
    with torch.random.fork_rng(devices=[]):
        subject = quadratic([[2.0, 0], [0, 4]])
    direction = {"1.weight": torch.tensor([[0.0, 1], [3, 0]])}
    along = losses(subject, direction, [0, 0.5, 1, 2])
    assert along == pytest.approx([20 / 4, (20 + 10 / 4) / 4, 30 / 4, 60 / 4])
    assert reach([0, 0.5, 1, 2], along, 2.5) == pytest.approx(1)
    fine = np.linspace(0, 2, 2001).tolist()
    assert reach(fine, losses(subject, direction, fine), 0.9) == pytest.approx(math.sqrt(0.36), abs=1e-3)


def test_reach_by_hand():
    assert reach([0, 1, 2], [1.0, 1.0, 3.0], 0.5) == pytest.approx(1.25)
    assert reach([0, 1, 2], [1.0, 2.0, 0.0], 0.5) == pytest.approx(0.5)
    assert reach([0, 1, 2], [1.0, 0.5, 1.4], 0.5) is None
    assert change_at(1, [0, 0.5, 1.5, 2], [3.0, 9, 5, 0]) == pytest.approx(4)


def test_what_was_removed_is_what_only_the_network_before_keeps():
    before = Network({"w": torch.tensor([1.0, 2, 3, 0])}, {"w": torch.tensor([1, 1, 1, 0]).bool()})
    end = Network({"w": torch.tensor([7.0, 0, 0, 0])}, {"w": torch.tensor([1, 0, 0, 0]).bool()})
    assert removed_weights(end, before)["w"].tolist() == [0, 2, 3, 0]
    elsewhere = Network(end.state, {"w": torch.tensor([0, 0, 1, 1]).bool()})  # as a random mask keeps what wasn't there
    assert removed_weights(elsewhere, before)["w"].tolist() == [1, 2, 0, 0]


def test_a_random_direction_is_as_long_in_each_layer():
    given = {"a": torch.tensor([[3.0, 0], [0, 4]]), "b": torch.tensor([0.0, 0]), "c": torch.tensor([-2.0])}
    drawn = like(given, stream(0))
    for name, value in given.items():
        assert float(drawn[name].norm()) == pytest.approx(float(value.norm()))
        assert torch.equal(drawn[name] != 0, value != 0)
    assert not torch.equal(drawn["a"], given["a"])
    assert torch.equal(like(given, stream(0))["a"], drawn["a"])
    assert not torch.equal(like(given, stream(1))["a"], drawn["a"])
