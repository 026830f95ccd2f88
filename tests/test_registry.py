"""Contracts that hold for every file of every registry folder: a new method is tested the day it lands."""

import inspect
import math
from dataclasses import replace

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from lottery import registry
from lottery.config.train import Optimizer, Schedule
from lottery.latent import Layer
from lottery.networks import masks
from lottery.networks.cohort import Cohort
from lottery.networks.network import Network, initialise
from lottery.networks.parameters import prunable
from lottery.networks.subject import Subject
from lottery.seeds import stream
from lottery.topology import Moment
from lottery.training.recipe import Recipe, factor

SHAPES = {
    "a.weight": torch.Size([8, 4, 3, 3]),
    "b.weight": torch.Size([300, 100]),
    "output.weight": torch.Size([10, 10]),
}


@pytest.mark.parametrize("kind", registry.KINDS)
def test_every_entry_says_what_it_is_and_takes_only_typed_options(kind):
    for name in registry.names(kind):
        entry = registry.find(kind, name)
        assert entry.summary, name
        for parameter in inspect.signature(entry.function).parameters.values():
            assert parameter.annotation is not parameter.empty, (name, parameter)
        assert entry.options.model_json_schema()["additionalProperties"] is False


def test_an_unknown_name_is_answered_with_the_nearest():
    with pytest.raises(LookupError, match="did you mean 'magnitude'"):
        registry.find("scores", "magnitute")


IMAGE = (1, 8, 8)


def subject() -> Subject:
    """A small trained network with batch normalisation, part of it pruned, and data."""
    template, generator = net(), torch.Generator().manual_seed(1)
    state = initialise(lambda: template, lambda shape, gen: torch.randn(shape, generator=gen) / 4, 0)
    initial = initialise(lambda: template, lambda shape, gen: torch.randn(shape, generator=gen) / 4, 1)
    shapes = prunable(template)
    mask = {key: torch.rand(shape, generator=generator) < 0.8 for key, shape in shapes.items()}
    state |= {key: state[key] * mask[key] for key in shapes}
    images, labels = torch.randn(60, *IMAGE, generator=generator), torch.arange(60) % 3

    def sample(count: int | None, per_class: int | None) -> tuple[torch.Tensor, torch.Tensor]:
        number = 3 * per_class if per_class else count if count else 60
        return images[: min(number, 60)].clone(), labels[: min(number, 60)].clone()

    return Subject(
        weights={key: state[key] for key in shapes}, mask=mask, initial={key: initial[key] for key in shapes},
        state=state, template=template, shape=IMAGE, sample=sample, criterion=F.cross_entropy,
    )  # fmt: skip


@pytest.mark.parametrize("name", registry.names("scores"))
class TestScores:
    def test_pure_and_repeatable(self, name):
        given, before = subject(), subject()
        score = registry.find("scores", name)
        first, second = (score(given, stream(0, "prune")) for _ in range(2))
        for key, weight in given.weights.items():
            assert torch.equal(first[key], second[key])
            assert first[key].shape == weight.shape
            assert first[key].isfinite().all()
            assert not first[key].requires_grad
            assert weight.grad is None
        for mine, unchanged in (
            (given.state, before.state),
            (given.mask, before.mask),
            (given.initial, before.initial),
        ):
            for key, tensor in mine.items():
                assert torch.equal(tensor, unchanged[key]), key

    @pytest.mark.parametrize("density", [0.0, 0.001, 0.5, 1.0])
    def test_prunes_to_exact_counts(self, name, density):
        given = subject()
        full = {key: torch.ones_like(mask) for key, mask in given.mask.items()}
        kept = masks.keep_top(registry.find("scores", name)(given, stream(0)), density, full, stream(0))
        assert masks.count(kept) == round(density * masks.total(full))

    def test_where_nothing_is_left(self, name):
        """All weights pruned: still a finite score of each."""
        given = subject()
        nothing = {key: torch.zeros_like(weight) for key, weight in given.weights.items()}
        bare = replace(
            given, weights=nothing, state={**given.state, **nothing},
            mask={key: torch.zeros_like(mask) for key, mask in given.mask.items()},
        )  # fmt: skip
        for score in registry.find("scores", name)(bare, stream(0)).values():
            assert score.isfinite().all()


@pytest.mark.parametrize("name", registry.names("allocation"))
@pytest.mark.parametrize("density", [0.01, 0.2, 1.0])
def test_allocations_give_densities(name, density):
    options = {"explicit": {"densities": {"out*": 1.0}}}.get(name, {})
    given = registry.find("allocation", name)(density, SHAPES, **options)
    for value in given.values() if isinstance(given, dict) else [given]:
        assert 0 <= value <= 1
    if isinstance(given, dict):
        assert given.keys() == SHAPES.keys()
        kept = sum(value * SHAPES[key].numel() for key, value in given.items())
        assert kept == pytest.approx(density * sum(shape.numel() for shape in SHAPES.values()))


# Standard deviation of each initializer for a 3x3 convolution of 40 to 80 channels: fan_in 360, fan_out 720.
DEVIATIONS = {"kaiming": math.sqrt(2 / 360), "glorot": math.sqrt(2 / (360 + 720))}


@pytest.mark.parametrize("name", registry.names("initializers"))
def test_initializers_have_the_variance_of_their_paper(name):
    weight = registry.find("initializers", name)(torch.Size([80, 40, 3, 3]), stream(0, "init"))
    assert torch.equal(weight, registry.find("initializers", name)(weight.shape, stream(0, "init")))
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
@pytest.mark.parametrize("density", [0.0, 0.1, 1.0])
def test_sparse_initializers_draw_what_the_mask_keeps(name, shape, density):
    weight = registry.find("initializers", "kaiming_normal")(torch.Size(shape), stream(0, "init"))
    mask = torch.rand(shape, generator=stream(0, "mask")) < density
    before = weight.clone(), mask.clone()
    initializer = registry.find("sparse_initializers", name)
    first, second = (initializer(weight, mask, stream(0, "sparse")) for _ in range(2))
    assert torch.equal(first, second)
    assert torch.equal(weight, before[0])
    assert torch.equal(mask, before[1])
    assert (first.shape, first.dtype) == (weight.shape, weight.dtype)
    assert first.data_ptr() != weight.data_ptr()
    assert first.isfinite().all()
    assert torch.equal(first != 0, mask)
    if density == 1:  # nothing is pruned: as in a dense network
        assert first.std().item() == pytest.approx(math.sqrt(2 / mask[0].numel()), rel=0.1)


@pytest.mark.parametrize("name", registry.names("schedules"))
def test_schedules_are_functions_of_the_step(name):
    at = factor(Recipe(100, 0, 100, 1, 10, Optimizer(name="sgd"), Schedule(name=name)))
    values = [at(step) for step in range(100)]
    assert values == [at(step) for step in range(100)]
    assert values[0] == 1
    assert all(0 <= value <= 1 for value in values)
    assert at(250) == at(99)


INPUTS = {
    "fcn": (1, 5, 7), "lenet_5": (1, 16, 17), "conv": (3, 32, 32), "vgg": (3, 16, 16), "resnet": (3, 8, 8),
    "wide_resnet": (3, 8, 8), "bottleneck_resnet": (3, 8, 9), "mobilenet": (1, 8, 9), "torchvision": (1, 32, 33),
}  # fmt: skip
SMALL = {"wide_resnet": {"depth": 10, "width": 1}, "torchvision": {"model": "shufflenet_v2_x0_5"}}


@pytest.mark.parametrize("name", registry.names("models"))
def test_models_take_their_images_and_end_in_output(name):
    entry = registry.find("models", name)
    shape = INPUTS[entry.function.__name__]
    with torch.random.fork_rng(devices=[]), torch.device("meta"):
        model = entry(shape, 7, **SMALL.get(name, {})).eval()
        assert model(torch.empty(2, *shape)).shape == (2, 7)
    assert list(prunable(model))[-1] == "output.weight"


@pytest.mark.parametrize("name", [name for name in registry.names("models") if name != "torchvision"])
def test_models_of_one_channel_still_work(name):
    entry = registry.find("models", name)
    shape = INPUTS[entry.function.__name__]
    with torch.device("meta"):
        model = entry(shape, 7, scale=1e-9).eval()
        assert model(torch.empty(2, *shape)).shape == (2, 7)
    assert prunable(model)["output.weight"][1] in (1, 4)  # a bottleneck ends four times as wide


def net() -> nn.Module:
    with torch.random.fork_rng(devices=[]):
        return nn.Sequential(nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.Flatten(), nn.Linear(144, 3))


@pytest.mark.parametrize(
    ("name", "options"),
    [
        *((name, {}) for name in registry.names("optimizers")),
        ("sgd", {"momentum": 0.9, "weight_decay": 0.01}),
        ("sgd", {"momentum": 0.9, "nesterov": True, "weight_decay": 0.01}),
        ("adam", {"weight_decay": 0.01}),
        ("adamw", {"weight_decay": 0.1}),
    ],
)
@pytest.mark.parametrize("execution", ["stacked", "looped"])
def test_optimizers_leave_pruned_weights_at_zero_after_every_step(name, options, execution):
    template, generator = net(), torch.Generator().manual_seed(0)
    state = initialise(lambda: template, lambda shape, gen: torch.randn(shape, generator=gen), 0)
    networks = [
        Network(state, {key: torch.rand(shape, generator=generator) < 0.5 for key, shape in prunable(template).items()})
        for _ in range(2)
    ]
    cohort = Cohort(template, networks, execution=execution, device=torch.device("cpu"))
    optimizer, slots = registry.find("optimizers", name), {}
    start = {key: weight.detach().clone() for key, weight in cohort.weights.items()}
    for _ in range(20):
        images = torch.randn(2, 8, 1, 8, 8, generator=generator)
        _, gradients = cohort.gradients(images, torch.randint(3, (2, 8), generator=generator), F.cross_entropy)
        with torch.no_grad():
            optimizer(cohort.leaves, gradients, slots, 1.0, **options)
        for key, mask in cohort.masks.items():
            assert (cohort.weights[key][~mask] == 0).all()
    for slot in slots.values():
        for leaf, value in zip(cohort.leaves, slot, strict=True):
            if value.shape == leaf.shape and leaf.dim() > 1:
                assert (value[leaf == 0] == 0).all()
    for key, weight in cohort.weights.items():
        moved = weight != start[key]
        assert moved[cohort.masks[key]].any() if key in cohort.masks else moved.any()


@pytest.mark.parametrize("name", registry.names("optimizers"))
def test_optimizers_take_the_factor_as_a_tensor(name):
    """As in a captured step, where a number would be baked in."""
    ends = []
    for factor_of in (float, torch.tensor):
        generator = torch.Generator().manual_seed(0)
        weights, slots = [torch.randn(5, generator=generator)], {}
        for value in (1.0, 0.5, 0.25):
            gradients = [torch.randn(5, generator=generator)]
            registry.find("optimizers", name)(weights, gradients, slots, factor_of(value), lr=0.1)
        ends.append(weights[0])
    torch.testing.assert_close(*ends)


def moment(density: float, *, signal: float = 1.0) -> Moment:
    """A sparse network, one of its layers dense and one all pruned, half-way through its updates.

    Args:
        density: of the other layers.
        signal: magnitude of gradients and their trace.
    """
    generator = torch.Generator().manual_seed(5)
    shapes = SHAPES | {"dense.weight": torch.Size([7, 3]), "gone.weight": torch.Size([5, 6])}
    densities = dict.fromkeys(SHAPES, density) | {"dense.weight": 1.0, "gone.weight": 0.0}
    draw = {key: torch.rand(shape, generator=generator) for key, shape in shapes.items()}
    full = {key: torch.ones(shape, dtype=torch.bool) for key, shape in shapes.items()}
    mask = masks.keep_top(draw, densities, full, stream(5))
    weights, gradients, trace = (
        {key: torch.randn(shape, generator=generator) for key, shape in shapes.items()} for _ in range(3)
    )
    return Moment(
        weights={key: weight * mask[key] for key, weight in weights.items()}, mask=mask,
        step=499, start=0, end=1000, length=1500, interval=100, density=density, generator=stream(0, "topology"),
        gradients={key: signal * gradient for key, gradient in gradients.items()},
        trace={key: signal * moving for key, moving in trace.items()},
    )  # fmt: skip


@pytest.mark.parametrize("name", registry.names("topology"))
class TestTopologies:
    def test_pure_and_repeatable(self, name):
        given, before = moment(0.3), moment(0.3)
        topology = registry.find("topology", name)
        first, second = (topology(replace(given, generator=stream(0, "topology"))) for _ in range(2))
        assert all(torch.equal(first[key], second[key]) for key in given.mask)
        for part in ("weights", "mask", "gradients", "trace"):
            for key, tensor in getattr(given, part).items():
                assert torch.equal(tensor, getattr(before, part)[key]), (part, key)

    @pytest.mark.parametrize("density", [0.0, 0.004, 0.3, 0.98, 1.0])
    @pytest.mark.parametrize("signal", [1.0, 0.0])
    def test_a_mask_of_as_many_weights(self, name, density, signal):
        """One that starts dense prunes; the others move weights, and leave dense layers alone."""
        given = moment(density, signal=signal)
        entry = registry.find("topology", name)
        new = entry(given)
        assert list(new) == list(given.mask)
        for key, mask in given.mask.items():
            assert new[key].dtype == torch.bool
            assert new[key].shape == mask.shape
        if "dense_start" in entry.traits:
            assert all(bool((given.mask[key] | ~kept).all()) for key, kept in new.items())
        else:
            assert masks.count(new) == masks.count(given.mask)
            assert new["dense.weight"].all()
            moved = any(not torch.equal(new[key], mask) for key, mask in given.mask.items())
            if density != 0.004:  # of a handful of weights a share may be one, or none
                assert moved == ("static" not in entry.traits and density in (0.3, 0.98))


@pytest.mark.parametrize("name", registry.names("latent"))
class TestLatents:
    def start(self, name):
        """The rule, draws, densities of which one leaves nothing and one all, and latents."""
        rule, generator = registry.find("latent", name)(), torch.Generator().manual_seed(2)
        draw = {key: torch.randn(shape, generator=generator) for key, shape in SHAPES.items()}
        density = dict(zip(SHAPES, (0.3, 0.0, 1.0), strict=True))
        latents = {key: rule.start(weight, density[key], stream(0)) for key, weight in draw.items()}
        return rule, draw, density, latents

    def test_starts_from_the_draw_and_repeatably(self, name):
        rule, draw, density, latents = self.start(name)
        assert all(torch.equal(latent, self.start(name)[3][key]) for key, latent in latents.items())
        for key, weight in draw.items():
            fixed = rule.fixed(weight, density[key])
            assert latents[key].isfinite().all()
            assert torch.equal(weight, self.start(name)[1][key])
            assert fixed.shape == latents[key].shape == weight.shape
            assert fixed.isfinite().all()
            if rule.freezes:
                assert torch.equal(fixed.sign(), weight.sign())

    def test_masks_are_repeatable_and_within_reach(self, name):
        rule, _, density, latents = self.start(name)
        for asked in (density, 0.3):
            kept, again = (rule.mask(latents, asked, stream(0, "latent")) for _ in range(2))
            reached = rule.reach(latents, asked, stream(0, "latent"))
            for key, latent in latents.items():
                assert torch.equal(kept[key], again[key])
                assert kept[key].dtype == reached[key].dtype == torch.bool
                assert kept[key].shape == reached[key].shape == latent.shape
                assert (kept[key] <= reached[key]).all()
        assert all(torch.equal(latent, self.start(name)[3][key]) for key, latent in latents.items())

    def test_gradients_are_of_those_within_reach(self, name):
        rule, draw, density, latents = self.start(name)
        kept, reached = (of(latents, density, stream(0)) for of in (rule.mask, rule.reach))
        for key, latent in latents.items():
            weight = rule.fixed(draw[key], density[key]) if rule.freezes else latent
            layer = Layer(latent, weight, kept[key], reached[key], density[key], torch.ones_like(latent))
            gradient = rule.gradient(layer)
            assert torch.equal(gradient, rule.gradient(layer))
            assert gradient.shape == latent.shape
            assert gradient.isfinite().all()
            assert torch.equal(gradient != 0, reached[key])
