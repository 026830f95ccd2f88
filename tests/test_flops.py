import pytest
import torch
from conftest import count, sketch
from torch.utils.flop_counter import FlopCounterMode

from lottery import registry
from lottery.cost.flops import layer_flops, masked_flops
from lottery.errors import LotteryError
from lottery.networks.parameters import prunable
from lottery.networks.small_dense import scale_for

CIFAR, MNIST, IMAGENET = (3, 32, 32), (1, 28, 28), (3, 224, 224)


def test_flops_by_hand():
    with torch.random.fork_rng(devices=[]):
        lenet = registry.find("models", "lenet_300_100")(MNIST, 10)
        conv = registry.find("models", "conv_2")((3, 4, 4), 10)
    assert layer_flops(lenet, MNIST) == {
        "hidden_1.weight": 2 * 784 * 300,
        "hidden_2.weight": 2 * 300 * 100,
        "output.weight": 2 * 100 * 10,
    }
    # 2 * positions * channels in * channels out * kernel
    assert layer_flops(conv, (3, 4, 4))["conv_1.weight"] == 2 * 16 * 3 * 64 * 9
    mask = {name: torch.zeros(shape, dtype=torch.bool) for name, shape in prunable(lenet).items()}
    mask["output.weight"][:5] = True
    assert masked_flops(layer_flops(lenet, MNIST), mask) == 1000


@pytest.mark.parametrize(
    "name",
    ["lenet_300_100", "lenet_5", "conv_4", "vgg_11", "resnet_20", "resnet_50", "wide_resnet", "mobilenet"],
)
def test_flops_are_those_that_torch_counts(name):
    model = sketch(name, CIFAR).eval()
    counter = FlopCounterMode(display=False)
    with counter, torch.no_grad():
        model(torch.zeros(1, *CIFAR, device="meta"))
    assert sum(layer_flops(model, CIFAR).values()) == counter.get_total_flops()


def test_flops_are_the_same_with_and_without_numbers():
    with torch.random.fork_rng(devices=[]):
        model = registry.find("models", "resnet_20")(CIFAR, 10)
    assert layer_flops(model, CIFAR) == layer_flops(sketch("resnet_20", CIFAR), CIFAR)
    assert model.training


@pytest.mark.parametrize(
    ("scale", "products"),
    [(1.0, 569e6), (0.75, 325e6), (0.5, 149e6), (0.25, 41e6)],  # Howard et al. 2017, table 6
)
def test_mobilenet_flops_of_the_literature(scale, products):
    model = sketch("mobilenet", IMAGENET, 1000, stem="imagenet", scale=scale)
    assert sum(layer_flops(model, IMAGENET).values()) == pytest.approx(2 * products, rel=0.01)


# Evci et al. 2020 and its replications: weights, dense FLOPs, and density -> FLOPs at it as a share of the dense ones,
# under ERK and, where a second number stands, with the same density in all layers but the first, which stays dense.
LITERATURE = {
    "WRN-22-2": ("wide_resnet", CIFAR, 10, {}, 1_076_912, 3.15e8, {0.1: (0.174,), 0.2: (0.352,)}),
    "ResNet-50": (
        "resnet_50", IMAGENET, 1000, {"stem": "imagenet"}, 25_502_912, 8.18e9,
        {0.2: (0.414, 0.223), 0.1: (0.242, 0.126), 0.05: (0.122, 0.077), 0.035: (0.085, 0.063)},
    ),
    "ResNet-50 on CIFAR-100": ("resnet_50", CIFAR, 100, {}, 23_652_032, 2.60e9, {0.1: (0.225,), 0.2: (0.385,)}),
}  # fmt: skip


@pytest.mark.parametrize("case", LITERATURE)
def test_sparse_flops_of_the_literature(case):
    name, shape, classes, options, weights, dense, ratios = LITERATURE[case]
    model = sketch(name, shape, classes, **options)
    assert count(model) == weights
    flops = layer_flops(model, shape)
    total = sum(flops.values())
    assert float(f"{total:.2e}") == dense
    first = next(iter(flops))
    for density, published in ratios.items():
        kept = registry.find("allocation", "erk")(density, prunable(model))
        uniform = dict.fromkeys(flops, density) | {first: 1.0}
        for densities, ratio in zip((kept, uniform), published, strict=False):
            assert round(sum(flops[key] * densities[key] for key in flops) / total, 3) == ratio


def test_erk_densities_of_lenet_300_100():
    kept = registry.find("allocation", "erk")(0.1, prunable(sketch("lenet_300_100", MNIST)))
    assert [round(value, 4) for value in kept.values()] == [0.0796, 0.2302, 1]


@pytest.mark.parametrize("density", [0.01, 0.1, 0.5, 1.0])
def test_the_small_dense_network_has_the_nearest_number_of_weights(density):
    """Every pair of widths that LeNet-300-100 can be scaled to, by hand."""
    scale = scale_for(registry.find("models", "lenet_300_100"), {}, MNIST, 10, density)
    widths = [[max(1, round(step / 1000 * width)) for width in (300, 100)] for step in range(1, 1001)]
    nearest = min(abs(784 * first + first * second + 10 * second - density * 266_200) for first, second in widths)
    assert abs(count(sketch("lenet_300_100", MNIST, scale=scale)) - density * 266_200) == nearest


@pytest.mark.parametrize(("name", "options"), [("wide_resnet", {"scale": 2.0, "depth": 10}), ("mobilenet", {})])
def test_small_dense_networks_start_from_the_one_that_is_pruned(name, options):
    scale = scale_for(registry.find("models", name), options, CIFAR, 10, 0.2)
    dense = count(sketch(name, CIFAR, **options))
    assert count(sketch(name, CIFAR, **{**options, "scale": scale})) == pytest.approx(0.2 * dense, rel=0.02)


def test_what_has_no_scale_can_not_be_made_small():
    with pytest.raises(LotteryError, match="no option `scale`"):
        scale_for(registry.find("models", "torchvision"), {"model": "resnet18"}, CIFAR, 10, 0.1)


class Products(torch.nn.Module):
    """Weights that meet images in ways of their own."""

    def __init__(self):
        super().__init__()
        with torch.random.fork_rng(devices=[]):
            self.normed = torch.nn.utils.parametrizations.weight_norm(torch.nn.Conv2d(3, 6, 3, bias=False))
            self.spectral = torch.nn.utils.parametrizations.spectral_norm(torch.nn.Linear(6, 7))
            self.bilinear = torch.nn.Bilinear(7, 7, 4)
            self.repeated = torch.nn.Parameter(torch.rand(5, 4))
            self.gate = torch.nn.Parameter(torch.rand(3, 5))
            self.added = torch.nn.Parameter(torch.rand(1, 3, 5))

    def forward(self, images):
        x = self.normed(images).mean((2, 3))
        x = self.spectral(x)
        x = self.bilinear(x, x)
        x = torch.bmm(self.repeated.repeat(len(x), 1, 1), x.unsqueeze(2)).transpose(1, 2) + self.added
        return (x * self.gate).sum(2)


def test_flops_of_weights_that_reach_images_on_ways_of_their_own():
    """Counted by hand for one image of 3x8x8: what a weight is computed by costs nothing."""
    assert layer_flops(Products(), (3, 8, 8)) == {
        "repeated": 2 * 5 * 4,
        "gate": 2 * 3 * 5,
        "added": 0,
        "normed.parametrizations.weight.original1": 2 * 3 * 6 * 9 * 36,
        "spectral.parametrizations.weight.original": 2 * 6 * 7,
        "bilinear.weight": 2 * 7 * 7 * 4,
    }
