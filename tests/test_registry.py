"""Contracts hold for every file of every registry folder: a new method is tested the day it lands."""

import inspect
import math

import pytest
import torch
from PIL import Image

from lottery import registry
from lottery.config.train import Optimizer, Schedule
from lottery.contracts.contract import candidate, examine
from lottery.networks.parameters import prunable
from lottery.registering import wrong_constant
from lottery.seeds import stream
from lottery.training.recipe import Recipe, factor

ELSEWHERE = {
    "data": "wants files",
    "models": "many names are one function",
    "trackers": "want their libraries: test_trackers.py",
}
OPTIONS = [
    ("allocation", "explicit", {"densities": {"out*": 1.0}}),
    ("optimizers", "sgd", {"momentum": 0.9, "weight_decay": 0.01}),
    ("optimizers", "sgd", {"momentum": 0.9, "nesterov": True, "weight_decay": 0.01}),
    ("optimizers", "adam", {"weight_decay": 0.01}),
    ("optimizers", "adamw", {"weight_decay": 0.1}),
    ("schedules", "step", {"milestones": ["2ep", "50it"]}),
    ("latent", "edge_popup", {"weights": "drawn", "scaled": True}),
]
QUICK = {
    ("probes", "hessian"): {"exact": 1, "steps": 10, "probes": 2},
    ("analyses", "hessian"): {"images": 20, "levels": [2]},
    ("analyses", "movement"): {"images": 50, "vectors": 2},
    ("analyses", "basin"): {"images": 50, "points": 4, "draws": 1},
}
"""Options in place of the defaults, of entries that otherwise take seconds each time."""
WITH_DEFAULTS = [
    (kind, name, QUICK.get((kind, name), {}))
    for kind in registry.KINDS
    if kind not in ELSEWHERE
    for name in registry.names(kind)
    if not any(field.is_required() for field in registry.find(kind, name).options.model_fields.values())
]


def broken(kind, name, options):
    """Check -> what it found, of those that an entry breaks."""
    found = list(examine(candidate(registry.find(kind, name), options)))
    assert len(found) > 3
    return {outcome.check: outcome.failure for outcome in found if outcome.failure}


@pytest.mark.parametrize(("kind", "name", "options"), WITH_DEFAULTS + OPTIONS)
def test_an_entry_fulfils_its_contract(kind, name, options):
    assert broken(kind, name, options) == {}


def test_every_entry_is_checked_here_or_elsewhere():
    checked = {(kind, name) for kind, name, _ in WITH_DEFAULTS + OPTIONS}
    assert {
        (kind, name) for kind in registry.KINDS if kind not in ELSEWHERE for name in registry.names(kind)
    } <= checked


@pytest.mark.parametrize("kind", registry.KINDS)
def test_every_entry_says_what_it_is_and_takes_only_typed_options(kind):
    for name in registry.names(kind):
        entry = registry.find(kind, name)
        assert entry.summary, name
        for parameter in inspect.signature(entry.function).parameters.values():
            assert parameter.annotation is not parameter.empty, (name, parameter)
        assert entry.options.model_json_schema()["additionalProperties"] is False


@pytest.mark.parametrize("kind", registry.KINDS)
def test_an_entry_says_of_itself_what_a_user_may(kind):
    for name in registry.names(kind):
        entry = registry.find(kind, name)
        assert entry.traits <= registry.TRAITS.get(kind, set())
        assert [wrong_constant(kind, *said) for said in entry.constants.items() if wrong_constant(kind, *said)] == []


def test_an_unknown_name_is_answered_with_the_nearest():
    with pytest.raises(LookupError, match="did you mean 'magnitude'"):
        registry.find("scores", "magnitute")


def test_digits_fulfil_the_contract():
    assert broken("data", "digits", {}) == {}


@pytest.mark.parametrize("name", ["mnist", "fashion_mnist"])
def test_published_data_fulfil_the_contract(name, mnist_root):
    if not (mnist_root / {"mnist": "MNIST", "fashion_mnist": "FashionMNIST"}[name]).is_dir():
        pytest.skip(f"no {name} there")
    assert broken("data", name, {"root": str(mnist_root)}) == {}


def test_an_image_folder_fulfils_the_contract(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    for index in range(12):
        folder = tmp_path / ("test" if index % 3 == 0 else "train") / f"class_{index % 2}"
        folder.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (5, 4), (20 * index, 7 * index, 255 - 20 * index)).save(folder / f"{index}.png")
    assert broken("data", "image_folder", {"root": str(tmp_path)}) == {}


# Standard deviation of each initializer for a 3x3 convolution of 40 to 80 channels: fan_in 360, fan_out 720.
DEVIATIONS = {"kaiming": math.sqrt(2 / 360), "glorot": math.sqrt(2 / (360 + 720))}


@pytest.mark.parametrize("name", registry.names("initializers"))
def test_initializers_have_the_variance_of_their_paper(name):
    weight = registry.find("initializers", name)(torch.Size([80, 40, 3, 3]), stream(0, "init"))
    expected = DEVIATIONS[name.partition("_")[0]]
    assert weight.mean().item() == pytest.approx(0, abs=expected / 30)
    assert weight.std().item() == pytest.approx(expected, rel=0.02)
    largest = weight.abs().max().item()
    if name.endswith("uniform"):
        assert largest == pytest.approx(math.sqrt(3) * expected, rel=0.01)
    else:
        assert largest > 3 * expected


@pytest.mark.parametrize("name", registry.names("sparse_initializers"))
@pytest.mark.parametrize("shape", [(40, 30), (16, 8, 3, 3)])
def test_where_nothing_is_pruned_sparse_initializers_are_as_in_a_dense_network(name, shape):
    weight = registry.find("initializers", "kaiming_normal")(torch.Size(shape), stream(0, "init"))
    everything = torch.ones(shape, dtype=torch.bool)
    drawn = registry.find("sparse_initializers", name)(weight, everything, stream(0, "sparse"))
    assert drawn.std().item() == pytest.approx(math.sqrt(2 / weight[0].numel()), rel=0.1)


@pytest.mark.parametrize("name", registry.names("schedules"))
def test_schedules_go_from_one_towards_zero_and_stay_where_training_ends(name):
    at = factor(Recipe(100, 0, 100, 1, 10, Optimizer(name="sgd"), Schedule(name=name)))
    values = [at(step) for step in range(100)]
    assert values[0] == 1
    assert all(0 <= value <= 1 for value in values)
    assert at(250) == at(99)


INPUTS = {
    "fcn": (1, 5, 7), "lenet_5": (1, 16, 17), "conv": (3, 32, 32), "vgg": (3, 16, 16), "resnet": (3, 8, 8),
    "wide_resnet": (3, 8, 8), "bottleneck_resnet": (3, 8, 9), "mobilenet": (1, 8, 9), "torchvision": (1, 32, 33),
}  # fmt: skip
SMALL = {"wide_resnet": {"depth": 10, "width": 1}, "torchvision": {"model": "shufflenet_v2_x0_5"}}
SMALLEST = {
    "fcn": {"widths": [9, 7]}, "lenet_5": {}, "conv": {"scale": 0.1}, "vgg": {"depth": 11, "scale": 0.02},
    "resnet": {"depth": 8, "width": 2}, "wide_resnet": {"depth": 10, "width": 1}, "mobilenet": {"scale": 0.02},
    "bottleneck_resnet": {"scale": 0.02},
}  # fmt: skip


DEEP = {"bottleneck_resnet", "mobilenet", "wide_resnet"}
"""Whose many layers take seconds, however narrow they are."""


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=pytest.mark.slow) if name in DEEP else name for name in SMALLEST]
)
def test_a_model_fulfils_the_contract(name):
    assert broken("models", name, SMALLEST[name]) == {}


def test_every_model_is_checked():
    """But for torchvision's, the smallest of which takes ten seconds, and what Python code gives."""
    functions = {registry.find("models", name).function.__name__ for name in registry.names("models")}
    assert functions == {*SMALLEST, "torchvision", "given"}


MODELS = [name for name in registry.names("models") if name != "given"]


@pytest.mark.parametrize("name", MODELS)
def test_models_take_their_images_and_end_in_output(name):
    """As configs call it."""
    entry = registry.find("models", name)
    shape = INPUTS[entry.function.__name__]
    with torch.random.fork_rng(devices=[]), torch.device("meta"):
        model = entry(shape, 7, **SMALL.get(name, {})).eval()
        assert model(torch.empty(2, *shape)).shape == (2, 7)
    assert list(prunable(model))[-1] == "output.weight"


@pytest.mark.parametrize("name", [name for name in MODELS if name != "torchvision"])
def test_models_of_one_channel_still_work(name):
    entry = registry.find("models", name)
    shape = INPUTS[entry.function.__name__]
    with torch.device("meta"):
        model = entry(shape, 7, scale=1e-9).eval()
        assert model(torch.empty(2, *shape)).shape == (2, 7)
    assert prunable(model)["output.weight"][1] in (1, 4)  # a bottleneck ends four times as wide
