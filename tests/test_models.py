import pytest
import torch
from conftest import count, sketch

from lottery import registry
from lottery.cost.flops import layer_flops
from lottery.networks.parameters import prunable

CIFAR, MNIST, IMAGENET = (3, 32, 32), (1, 28, 28), (3, 224, 224)


@pytest.mark.parametrize(
    ("name", "shape", "weights"),
    [
        ("lenet_300_100", MNIST, 266_200),  # Frankle & Carbin 2019, figure 2: 266K
        ("conv_2", CIFAR, 4_300_992),  # 4.3M
        ("conv_4", CIFAR, 2_425_024),  # 2.4M
        ("conv_6", CIFAR, 2_261_184),  # with the 4x4x256 map that its widths give; the 1.7M printed there contradict
        ("vgg_19", CIFAR, 20_024_000),  # 20.02M with one linear layer
        ("resnet_20", CIFAR, 270_896),  # 270,896 of which 2,560 in shortcuts and 640 in the output
        ("resnet_32_double", CIFAR, 1_855_584),  # GraSP's ResNet-32, 1.9M: 32, 64 and 128 channels
        ("wide_resnet", CIFAR, 1_076_912),  # WRN-22-2, Evci et al. 2020
        ("lenet_5", (1, 32, 32), 61_470),  # LeCun et al. 1998, each map of conv_2 reading all of conv_1
        ("mobilenet", IMAGENET, 3_195_328),  # 4.2M with the 1,024 x 1,000 weights of ImageNet's output
    ],
)
def test_weight_counts_of_the_literature(name, shape, weights):
    assert count(sketch(name, shape)) == weights


def test_resnet_20_by_layer():
    shapes = prunable(sketch("resnet_20", CIFAR))
    assert sum(size.numel() for name, size in shapes.items() if "shortcut" in name) == 2_560
    assert shapes["output.weight"].numel() == 640
    assert sum(len(size) == 4 for name, size in shapes.items() if "shortcut" not in name) == 19


def test_lenet_5_by_layer():
    plain, padded = (prunable(sketch("lenet_5", MNIST, padding=padding)) for padding in (0, 2))
    assert [tuple(shape) for shape in plain.values()] == [(6, 1, 5, 5), (16, 6, 5, 5), (120, 256), (84, 120), (10, 84)]
    assert padded.pop("hidden_1.weight") == (120, 400)
    assert padded.items() <= plain.items()


def test_only_the_depthwise_layers_of_mobilenet_are_called_so():
    shapes = prunable(sketch("mobilenet", CIFAR))
    assert [name for name, shape in shapes.items() if "depthwise" in name] == [
        name for name, shape in shapes.items() if len(shape) == 4 and shape[1] == 1
    ]


def test_resnet_50_computes_what_torchvision_computes():
    """Parameters stand in the same order in both."""
    from torchvision.models import resnet50

    with torch.random.fork_rng(devices=[]):
        mine, theirs = registry.find("models", "resnet_50")(IMAGENET, 10, stem="imagenet"), resnet50(num_classes=10)
    mine.load_state_dict(dict(zip(mine.state_dict(), theirs.state_dict().values(), strict=True)))
    images = torch.randn(2, 3, 65, 64, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        torch.testing.assert_close(mine.eval()(images), theirs.eval()(images))


@pytest.mark.parametrize("model", ["resnet18", "mobilenet_v3_small", "shufflenet_v2_x0_5"])
def test_a_network_of_torchvision_computes_the_same_with_its_last_layer_renamed(model):
    from torchvision.models import get_model

    with torch.random.fork_rng(devices=[]):
        mine = registry.find("models", "torchvision")(CIFAR, 7, model=model)
        theirs = get_model(model, num_classes=7)
    assert all(name.startswith("body.") for name in mine.state_dict() if not name.startswith("output."))
    mine.load_state_dict(dict(zip(mine.state_dict(), theirs.state_dict().values(), strict=True)))
    images = torch.randn(2, *CIFAR, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        torch.testing.assert_close(mine.eval()(images), theirs.eval()(images))


@pytest.mark.parametrize("model", ["mobilenet_v3_small", "efficientnet_b0"])
def test_nothing_is_random_when_a_network_of_torchvision_trains(model):
    """Dropout in the one, stochastic depth in the other."""
    with torch.random.fork_rng(devices=[]):
        network = registry.find("models", "torchvision")(CIFAR, 7, model=model).train()
    images = torch.randn(2, *CIFAR, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        assert torch.equal(network(images), network(images))


@pytest.mark.parametrize("model", ["vgg11", "densenet121", "regnet_y_400mf", "convnext_tiny", "swin_t", "googlenet"])
def test_families_of_torchvision(model):
    network = sketch("torchvision", (1, 64, 64), 7, model=model)
    assert list(prunable(network))[-1] == "output.weight"
    assert prunable(network)["output.weight"][0] == 7
    assert all(layer_flops(network, (1, 64, 64)).values())


def test_tables_of_relative_positions_start_at_zero():
    with torch.random.fork_rng(devices=[]):
        network = registry.find("models", "torchvision")(CIFAR, 7, model="swin_t")
    tables = [value for name, value in network.named_parameters() if name.endswith("relative_position_bias_table")]
    assert len(tables) == 12
    assert not any(table.any() for table in tables)


@pytest.mark.parametrize(
    ("name", "options", "shape", "message"),
    [
        ("conv_6", {}, (3, 7, 7), "at least 8 pixels"),
        ("vgg_16", {}, (3, 8, 8), "at least 16 pixels"),
        ("resnet", {"depth": 21}, CIFAR, "6n \\+ 2"),
        ("wide_resnet", {"depth": 20}, CIFAR, "6n \\+ 4"),
        ("lenet_5", {}, (1, 15, 28), "at least 16 pixels"),
        ("lenet_5", {"padding": 2}, (1, 28, 11), "at least 12 pixels"),
        ("torchvision", {"model": "resnet19"}, CIFAR, "did you mean 'resnet18'"),
        ("torchvision", {"model": "squeezenet1_1"}, CIFAR, "does not end in a linear layer"),
        ("torchvision", {"model": "inception_v3"}, CIFAR, "do not go through"),
    ],
)
def test_what_does_not_fit_is_refused(name, options, shape, message):
    with pytest.raises(ValueError, match=message):
        sketch(name, shape, **options)


@pytest.mark.parametrize(
    ("name", "scale", "same", "options"),
    [
        ("lenet_300_100", 0.5, "fcn", {"widths": (150, 50)}),
        ("lenet_300_100", 0.0149, "fcn", {"widths": (4, 1)}),
        ("lenet_5", 2.0, "lenet_5", {"widths": (12, 32, 240, 168)}),
        ("resnet_32", 2.0, "resnet_32_double", {}),
    ],
)
def test_scale_multiplies_widths(name, scale, same, options):
    shape = (1, 28, 28)
    assert prunable(sketch(name, shape, scale=scale)) == prunable(sketch(same, shape, **options))
