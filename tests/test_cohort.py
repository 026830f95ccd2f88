import copy
from functools import partial

import pytest
import torch
from torch.nn import functional as F

from lottery import registry
from lottery.networks import masks
from lottery.networks.cohort import Arithmetic, Cohort
from lottery.networks.network import Network, initialise
from lottery.networks.parameters import prunable
from lottery.seeds import stream

CPU = torch.device("cpu")
CASES = [("fcn", (1, 6, 6), {"widths": (12, 8)}), ("conv_2", (3, 8, 8), {}), ("resnet", (3, 8, 8), {"depth": 8})]


def build(case, members=3, density=0.5):
    name, shape, options = case
    with torch.random.fork_rng(devices=[]):
        template = registry.find("models", name)(shape, 5, **options)
    initializer = registry.find("initializers", "kaiming_normal")
    networks = []
    for member in range(members):
        state = initialise(lambda: template, initializer, 0, member)
        scores = {key: state[key].abs() for key in prunable(template)}
        networks.append(Network(state, masks.keep_top(scores, density, masks.full(state, list(scores)), stream(0))))
    generator = torch.Generator().manual_seed(3)
    images = torch.randn(members, 10, *shape, generator=generator)
    labels = torch.randint(5, (members, 10), generator=generator)
    return template, networks, images, labels


def gradients(cohort, images, labels, smoothing=0.0):
    """Each member's gradients by parameter name, `[R, *shape]`, and losses."""
    losses, rows = cohort.gradients(images, labels, partial(F.cross_entropy, label_smoothing=smoothing))
    names = list(cohort.weights)
    if cohort.stacked:
        return dict(zip(names, rows, strict=True)), losses
    return {name: torch.stack(rows[index :: len(names)]) for index, name in enumerate(names)}, losses


def train(cohort, images, labels, steps=1, **options):
    """A few steps of SGD on one batch."""
    slots = {}
    for _ in range(steps):
        _, rows = cohort.gradients(images, labels, F.cross_entropy)
        with torch.no_grad():
            registry.find("optimizers", "sgd")(cohort.leaves, rows, slots, 1.0, **options)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case[0])
@pytest.mark.parametrize("execution", ["stacked", "looped"])
def test_gradients_are_those_of_a_plain_module(case, execution):
    template, networks, images, labels = build(case)
    cohort = Cohort(template, networks, execution=execution, device=CPU)
    found, losses = gradients(cohort, images, labels, smoothing=0.1)
    for index, network in enumerate(networks):
        module = copy.deepcopy(template)
        module.load_state_dict(network.state)
        with torch.no_grad():
            for name, mask in network.mask.items():
                module.get_parameter(name).mul_(mask)
        loss = F.cross_entropy(module(images[index]), labels[index], label_smoothing=0.1)
        loss.backward()
        torch.testing.assert_close(losses[index], loss.detach())
        for name, parameter in module.named_parameters():
            expected = parameter.grad * network.mask.get(name, 1)
            torch.testing.assert_close(found[name][index], expected, rtol=1e-4, atol=1e-6)
        for name, buffer in module.named_buffers():
            torch.testing.assert_close(cohort.buffers[name][index], buffer)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case[0])
def test_stacked_and_looped_train_alike(case):
    template, networks, images, labels = build(case)
    ends = []
    for execution in ("stacked", "looped"):
        cohort = Cohort(template, networks, execution=execution, device=CPU)
        train(cohort, images, labels, steps=5, lr=0.05, momentum=0.9, weight_decay=1e-3)
        cohort.train(False)
        with torch.no_grad():
            ends.append(([cohort.member(index).state for index in range(3)], cohort.outputs(images[0], shared=True)))
    torch.testing.assert_close(ends[0], ends[1], rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("execution", ["stacked", "looped"])
def test_a_member_does_not_see_the_others(execution):
    template, networks, images, labels = build(CASES[0])
    found, _ = gradients(Cohort(template, networks, execution=execution, device=CPU), images, labels)
    networks[1] = networks[2]
    images[1], labels[1] = 100.0, 0
    changed, _ = gradients(Cohort(template, networks, execution=execution, device=CPU), images, labels)
    for name in found:
        assert torch.equal(found[name][[0, 2]], changed[name][[0, 2]])
        assert not torch.equal(found[name][1], changed[name][1])


def test_member_is_a_copy_of_a_state_dict_that_the_plain_model_loads():
    template, networks, images, labels = build(CASES[2])
    cohort = Cohort(template, networks, execution="looped", device=CPU)
    before = cohort.member(1)
    assert list(before.state) == list(template.state_dict())
    template.load_state_dict(before.state)
    train(cohort, images, labels)
    assert not torch.equal(before.state["conv.weight"], cohort.member(1).state["conv.weight"])
    for name, mask in networks[1].mask.items():
        assert torch.equal(before.mask[name], mask)
        assert (before.state[name][~mask] == 0).all()


def test_stacked_tensors_follow_the_members():
    template, networks, images, labels = build(CASES[2])
    cohort = Cohort(template, networks, execution="looped", device=CPU)
    weights = {name: weight.detach().clone() for name, weight in cohort.weights.items()}
    buffers = {name: buffer.clone() for name, buffer in cohort.buffers.items()}
    train(cohort, images, labels)
    assert all(not torch.equal(weights[name], weight) for name, weight in cohort.weights.items())
    assert all(not torch.equal(buffers[name], buffer) for name, buffer in cohort.buffers.items())


def test_initialise_draws_weights_alone():
    with torch.random.fork_rng(devices=[]):
        template = registry.find("models", "conv_2")((3, 8, 8), 5)
    first, again, other = (
        initialise(lambda: template, lambda shape, generator: torch.rand(shape, generator=generator), 0, name)
        for name in (0, 0, 1)
    )
    for name in first:
        assert torch.equal(first[name], again[name])
        if name.endswith("bias"):
            assert (first[name] == 0).all()
        else:
            assert not torch.equal(first[name], other[name])


@pytest.mark.parametrize("case", CASES, ids=lambda case: case[0])
@pytest.mark.parametrize("execution", ["stacked", "looped"])
@pytest.mark.parametrize(("precision", "rounding"), [("bf16", 2**-8), ("fp16", 2**-11)])  # as are 8 or 11 bits
def test_reduced_precision_rounds_products_and_nothing_else(case, execution, precision, rounding):
    template, networks, images, labels = build(case)
    exact, _ = gradients(Cohort(template, networks, execution=execution, device=CPU), images, labels)
    cohort = Cohort(template, networks, execution=execution, device=CPU, arithmetic=Arithmetic(precision))
    found, losses = gradients(cohort, images, labels)
    assert losses.dtype == torch.float32
    assert all(weight.dtype == torch.float32 for weight in cohort.weights.values())
    difference = torch.cat([(found[name] - exact[name]).flatten() for name in exact])
    size = torch.cat([exact[name].flatten() for name in exact]).norm()
    assert rounding / 10 < difference.norm() / size < 0.2  # rectifiers may flip
    for name, mask in cohort.masks.items():
        assert (found[name][~mask] == 0).all()


def test_scaling_the_loss_for_fp16_changes_no_digit():
    """Of gradients that fp16 holds without it: the scale is a power of two."""
    template, networks, images, labels = build(CASES[0], members=1, density=1.0)
    cohort = Cohort(template, networks, execution="looped", device=CPU, arithmetic=Arithmetic("fp16"))
    found, _ = gradients(cohort, images, labels)
    module = copy.deepcopy(template)
    module.load_state_dict(networks[0].state)
    with torch.autocast("cpu", torch.float16):
        outputs = module(images[0])
    F.cross_entropy(outputs.float(), labels[0]).backward()
    for name, parameter in module.named_parameters():
        large = parameter.grad.abs() > 2**-8
        assert large.any()
        torch.testing.assert_close(found[name][0][large], parameter.grad[large], rtol=2**-13, atol=0)


@pytest.mark.slow
@pytest.mark.parametrize("execution", ["stacked", "looped"])
def test_compiled_networks_compute_the_same(execution):
    template, networks, images, labels = build(CASES[2])
    exact, _ = gradients(Cohort(template, networks, execution=execution, device=CPU), images, labels)
    compiled = Cohort(template, networks, execution=execution, device=CPU, arithmetic=Arithmetic(compiled=True))
    found, _ = gradients(compiled, images, labels)
    for name in exact:
        torch.testing.assert_close(found[name], exact[name], rtol=1e-3, atol=1e-5)
