import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from lottery import registry
from lottery.analysis.flops import layer_flops, masked_flops
from lottery.cohort import prunable

CIFAR, MNIST = (3, 32, 32), (1, 28, 28)


@pytest.mark.parametrize(
    ("name", "shape", "weights"),
    [
        ("lenet_300_100", MNIST, 266_200),  # Frankle & Carbin 2019, figure 2: 266K
        ("conv_2", CIFAR, 4_300_992),  # 4.3M
        ("conv_4", CIFAR, 2_425_024),  # 2.4M
        ("conv_6", CIFAR, 2_261_184),  # with the 4x4x256 map that its widths give; the 1.7M printed there contradict
        ("vgg_19", CIFAR, 20_024_000),  # 20.02M with one linear layer
        ("resnet_20", CIFAR, 270_896),  # 270,896 of which 2,560 in shortcuts and 640 in the output
        ("wide_resnet", CIFAR, 1_076_912),  # WRN-22-2, Evci et al. 2020
    ],
)
def test_weight_counts_of_the_literature(name, shape, weights):
    with torch.device("meta"):
        model = registry.find("models", name)(shape, 10)
    assert sum(size.numel() for size in prunable(model).values()) == weights


def test_resnet_20_by_layer():
    with torch.device("meta"):
        shapes = prunable(registry.find("models", "resnet_20")(CIFAR, 10))
    assert sum(size.numel() for name, size in shapes.items() if "shortcut" in name) == 2_560
    assert shapes["output.weight"].numel() == 640
    assert sum(len(size) == 4 for name, size in shapes.items() if "shortcut" not in name) == 19


@pytest.mark.parametrize(
    ("name", "options", "shape", "message"),
    [
        ("conv_6", {}, (3, 7, 7), "at least 8 pixels"),
        ("vgg_16", {}, (3, 8, 8), "at least 16 pixels"),
        ("resnet", {"depth": 21}, CIFAR, "6n \\+ 2"),
        ("wide_resnet", {"depth": 20}, CIFAR, "6n \\+ 4"),
    ],
)
def test_what_does_not_fit_is_refused(name, options, shape, message):
    with pytest.raises(ValueError, match=message):
        registry.find("models", name)(shape, 10, **options)


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


@pytest.mark.parametrize("name", ["lenet_300_100", "conv_4", "vgg_11", "resnet_20", "wide_resnet"])
def test_flops_are_those_that_torch_counts(name):
    with torch.random.fork_rng(devices=[]):
        model = registry.find("models", name)(CIFAR, 10).eval()
    counter = FlopCounterMode(display=False)
    with counter, torch.no_grad():
        model(torch.zeros(1, *CIFAR))
    assert sum(layer_flops(model, CIFAR).values()) == counter.get_total_flops()


def test_wide_resnet_flops_of_the_literature():
    with torch.random.fork_rng(devices=[]):
        model = registry.find("models", "wide_resnet")(CIFAR, 10)
    assert sum(layer_flops(model, CIFAR).values()) == pytest.approx(3.15e8, rel=0.01)
