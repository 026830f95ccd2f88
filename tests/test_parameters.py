from __future__ import annotations

import random
from contextlib import suppress

import numpy as np
import pytest
import torch
from torch import nn

from lottery.cost.flops import layer_flops, masked_flops
from lottery.networks import parameters
from lottery.networks.behaviour import behaviour, unstackable
from lottery.seeds import seeded, stream

SHAPE = (1, 4, 4)


class Odd(nn.Module):
    """Flattens images and does what it is told."""

    def __init__(self, do):
        super().__init__()
        self.linear = nn.Linear(16, 3, device="meta").to_empty(device="cpu")
        nn.init.zeros_(self.linear.weight)
        nn.init.zeros_(self.linear.bias)
        self.register_buffer("seen", torch.zeros(1))
        self.do = do

    def forward(self, images):
        return self.do(self, self.linear(images.flatten(1)))


def replaced(module, outputs):
    module.seen = module.seen + 1
    return outputs


def changed(module, outputs):
    module.seen += 1
    return outputs


def noisy(module, outputs):
    return outputs + torch.rand(3) if module.training else outputs


def test_rule_by_kind_of_module():
    with torch.device("meta"):
        module = nn.ModuleDict(
            {
                "linear": nn.Linear(1, 5), "bilinear": nn.Bilinear(2, 3, 4), "conv_1": nn.Conv1d(2, 3, 5),
                "conv_3": nn.Conv3d(2, 3, 1), "up": nn.ConvTranspose2d(2, 3, 2), "embedding": nn.Embedding(7, 3),
                "bag": nn.EmbeddingBag(7, 3), "lstm": nn.LSTM(3, 4, proj_size=2), "cell": nn.GRUCell(3, 4),
                "attention": nn.MultiheadAttention(8, 2, kdim=4, add_bias_kv=True), "batch": nn.BatchNorm1d(3),
                "layer": nn.LayerNorm((3, 4)), "group": nn.GroupNorm(1, 4), "rms": nn.RMSNorm((3, 4)),
                "relu": nn.PReLU(4),
            }
        )  # fmt: skip
        own = nn.ParameterDict(
            {"matrix": torch.zeros(3, 4), "token": torch.zeros(1, 1, 9), "my_bias": torch.zeros(3, 4)}
        )
        module["own"] = own
    assert list(parameters.prunable(module)) == [
        "linear.weight", "bilinear.weight", "conv_1.weight", "conv_3.weight", "up.weight", "embedding.weight",
        "bag.weight", "lstm.weight_ih_l0", "lstm.weight_hh_l0", "lstm.weight_hr_l0", "cell.weight_ih",
        "cell.weight_hh", "attention.q_proj_weight", "attention.k_proj_weight", "attention.v_proj_weight",
        "attention.out_proj.weight", "own.matrix",
    ]  # fmt: skip
    assert parameters.drawn(module) == ["linear.weight", "conv_1.weight", "conv_3.weight", "attention.out_proj.weight"]


def test_what_is_not_trained_is_not_covered():
    with torch.device("meta"):
        module = nn.Sequential(nn.Linear(3, 4), nn.Linear(4, 5))
    module[0].weight.requires_grad_(False)
    assert list(parameters.prunable(module)) == ["1.weight"]
    assert list(parameters.trainable(module)) == ["0.bias", "1.weight", "1.bias"]


def test_of_parametrizations_only_those_are_covered_whose_zeros_are_the_weights():
    kinds = torch.nn.utils.parametrizations
    with seeded(stream(0)):
        module = nn.ModuleDict(
            {
                "norm": kinds.weight_norm(nn.Linear(3, 4)),
                "spectral": kinds.spectral_norm(nn.Linear(3, 4)),
                "orthogonal": kinds.orthogonal(nn.Linear(3, 4)),
            }
        )
    assert list(parameters.prunable(module)) == [
        "norm.parametrizations.weight.original1", "spectral.parametrizations.weight.original",
    ]  # fmt: skip


def test_what_is_frozen_counts_as_dense():
    with torch.device("meta"):
        module = nn.Sequential(nn.Flatten(), nn.Linear(16, 4), nn.Linear(4, 5))
    module[1].weight.requires_grad_(False)
    assert list(parameters.matrices(module)) == ["1.weight", "2.weight"]
    assert parameters.count(module) == 16 * 4 + 4 + 4 * 5 + 5
    flops = layer_flops(module, SHAPE)
    assert flops == {"1.weight": 2 * 16 * 4, "2.weight": 2 * 4 * 5}
    half = {"2.weight": torch.tensor([[True, True, False, False]] * 5)}
    assert masked_flops(flops, half) == 2 * 16 * 4 + 4 * 5


def test_a_tensor_of_two_names_counts_once():
    with torch.device("meta"):
        module = nn.ModuleDict({"first": nn.Linear(3, 3), "second": nn.Linear(3, 3)})
    module["second"].weight = module["first"].weight
    assert parameters.aliases(module) == {"second.weight": "first.weight"}
    assert list(parameters.prunable(module)) == ["first.weight"]
    assert parameters.names(module) == ["first.weight", "first.bias", "second.weight", "second.bias"]


def test_a_seeded_context_leaves_no_trace():
    def draw():
        return torch.rand(1).item(), np.random.rand(), random.random()  # noqa: NPY002

    with seeded(stream(0, "outside")):
        before = torch.get_rng_state(), np.random.get_state()[1].copy(), random.getstate()  # noqa: NPY002
        with seeded(stream(0, "a")):
            first = draw()
        with suppress(RuntimeError), seeded(stream(0, "a")):
            assert draw() == first
            raise RuntimeError
        with seeded(stream(0, "b")):
            assert all(one != other for one, other in zip(draw(), first, strict=True))
        assert torch.equal(torch.get_rng_state(), before[0])
        assert (np.random.get_state()[1] == before[1]).all()  # noqa: NPY002
        assert random.getstate() == before[2]


def test_behaviour_is_found_by_running_a_network_once():
    assert not behaviour(Odd(changed), SHAPE, 3).noisy
    assert behaviour(Odd(noisy), SHAPE, 3).noisy
    assert behaviour(Odd(changed), SHAPE, 3).channels_last
    conv = nn.Conv2d(2, 4, 2, device="meta").to_empty(device="cpu")
    viewed = nn.Sequential(conv, nn.Unflatten(1, (2, 2)), nn.Flatten())
    viewed[1].forward = lambda x: x.view(len(x), -1)[:, :3]
    assert not behaviour(viewed, (2, 4, 4), 3).channels_last


@pytest.mark.parametrize(
    ("do", "classes", "message"),
    [
        (replaced, 3, "replaces the buffer seen; change it in place"),
        (changed, 4, r"its output for 2 images is \(2, 3\), and has to be \(2, 4\)"),
        (lambda module, outputs: (outputs,), 3, "its output for 2 images is tuple"),
        (lambda module, outputs: outputs @ torch.zeros(5, 5), 3, "images don't go through it: .*mat1 and mat2"),
    ],
)
def test_networks_that_cannot_be_trained_are_refused(do, classes, message):
    with pytest.raises(ValueError, match=message):
        behaviour(Odd(do), SHAPE, classes)


def test_networks_that_cannot_be_stacked_say_why():
    mask = {"linear.weight": torch.ones(3, 16, dtype=torch.bool)}
    assert unstackable(Odd(lambda module, outputs: outputs), SHAPE, mask) is None
    assert "item" in unstackable(Odd(lambda module, outputs: outputs * outputs.sum().item()), SHAPE, mask)
