"""Every score's rule, against numbers worked out by hand and against whole Hessians."""

import copy
import math
from dataclasses import replace

import pytest
import torch
from conftest import carry_out, tiny
from torch import nn
from torch.func import functional_call
from torch.nn import functional as F

from lottery import registry
from lottery.config.pruning import Score
from lottery.errors import LotteryError
from lottery.models.fcn import fcn
from lottery.networks import masks
from lottery.networks.cohort import Cohort
from lottery.networks.collapse import collapsed
from lottery.networks.key import Key
from lottery.networks.network import Network
from lottery.networks.parameters import prunable
from lottery.networks.subject import Subject
from lottery.seeds import stream
from lottery.studies.prepare import prepare
from lottery.studies.selection import prune_to, rate


def score(name, subject, **options):
    return registry.find("scores", name)(subject, stream(0), **options)


def subject_of(template, images=None, labels=None, shape=(1, 1, 2), dtype=torch.float64, mask=None):
    """The network as it is; `count` and `per_class` take images from the front, which have the classes in turn."""
    state = {name: tensor.clone() for name, tensor in template.state_dict().items()}
    state = {name: tensor.to(dtype) if tensor.is_floating_point() else tensor for name, tensor in state.items()}
    mask = mask or {name: torch.ones(shape, dtype=torch.bool) for name, shape in prunable(template).items()}
    state |= {name: state[name] * kept for name, kept in mask.items()}

    def sample(count, per_class):
        number = count if per_class is None else per_class * len(labels.unique())
        assert number <= len(images)
        return images[:number].to(dtype), labels[:number]

    return Subject(
        weights={name: state[name] for name in mask}, mask=mask, state=state, template=template, shape=shape,
        sample=None if images is None else sample, criterion=F.cross_entropy,
    )  # fmt: skip


def linear(weight):
    """A linear classifier without hidden layers."""
    weight = torch.tensor(weight)
    with torch.random.fork_rng(devices=[]):
        template = fcn((1, 1, weight.shape[1]), len(weight), widths=())
    template.load_state_dict({"output.weight": weight, "output.bias": torch.zeros(len(weight))})
    return template


def convolutional(seed=0):
    """Convolution, batch normalisation with statistics that do something, pooling, two linear layers: 94 weights."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        template = nn.Sequential(
            nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(8, 5), nn.ReLU(),
            nn.Linear(5, 3),
        )  # fmt: skip
        with torch.no_grad():
            for tensor in (template[1].running_mean, template[1].weight, template[1].bias):
                tensor.normal_()
            template[1].running_var.uniform_(0.5, 2)
    return template


def data(number=24, shape=(1, 6, 6), classes=3):
    images = torch.randn(number, *shape, generator=torch.Generator().manual_seed(5), dtype=torch.float64)
    return images, torch.arange(number) % classes


def hessian(subject, loss):
    """Flat weights, gradient and the whole Hessian of `loss(outputs function)`, with a network of its own."""
    template, names = copy.deepcopy(subject.template), list(subject.weights)
    shapes = [subject.weights[name].shape for name in names]

    def of(flat):
        parts = flat.split([shape.numel() for shape in shapes])
        weights = {name: part.view(shape) for name, part, shape in zip(names, parts, shapes, strict=True)}

        def outputs(images, train):
            buffers = {name: tensor.clone() for name, tensor in subject.state.items() if name not in weights}
            return functional_call(template.train(train), buffers | weights, (images,))

        return loss(outputs)

    flat = joined(subject.weights).requires_grad_()
    (slope,) = torch.autograd.grad(of(flat), flat)
    return flat.detach(), slope, torch.autograd.functional.hessian(of, flat.detach())


def joined(tensors):
    return torch.cat([tensor.flatten() for tensor in tensors.values()])


FINAL, INITIAL = [3.0, -1.0, 0.5, -2.0], [-1.0, -2.0, 0.25, -0.5]


@pytest.mark.parametrize(
    ("name", "options", "expected"),
    [
        ("magnitude", {}, [3, 1, 0.5, 2]),
        ("large_final", {}, [3, 1, 0.5, 2]),
        ("small_final", {}, [-3, -1, -0.5, -2]),
        ("large_init", {}, [1, 2, 0.25, 0.5]),
        ("small_init", {}, [-1, -2, -0.25, -0.5]),
        ("large_init_large_final", {}, [1, 1, 0.25, 0.5]),
        ("large_init_large_final", {"alpha": 0.25}, [0.75, 0.25, 0.125, 0.5]),
        ("small_init_small_final", {}, [-3, -2, -0.5, -2]),
        ("small_init_small_final", {"alpha": 0.25}, [-1, -2, -0.25, -0.5]),
        ("magnitude_increase", {}, [2, -1, 0.25, 1.5]),
        ("magnitude_increase", {"alpha": 2.0}, [1, -3, 0, 1]),
        ("movement", {}, [4, 1, 0.25, 1.5]),
        ("large_final_same_sign", {}, [0, 1, 0.5, 2]),
        ("large_final_diff_sign", {}, [3, 0, 0, 0]),
    ],
)
def test_criteria_of_four_weights_by_hand(name, options, expected):
    weights, initial = {"w": torch.tensor(FINAL)}, {"w": torch.tensor(INITIAL)}
    mask = {"w": torch.ones(4, dtype=torch.bool)}
    assert score(name, Subject(weights, mask, initial), **options)["w"].tolist() == expected
    if "trained" in registry.find("scores", name).traits:
        with pytest.raises(LotteryError, match="nothing has been trained"):
            score(name, Subject(weights, mask), **options)
    else:
        assert score(name, Subject(weights, mask), **options)["w"].tolist() == expected


def test_gradient_snip_and_obd_of_four_weights_by_hand():
    # Image (1, 2) of class 0, logits (ln 3, 0): the softmax is (3/4, 1/4), so the loss has slopes (-1/4, 1/4) by the
    # logits, and each weight's is that times its input. The second derivative is 3/4 * 1/4 * input^2.
    weight = [[math.log(3), 0.0], [1.0, -0.5]]
    subject = subject_of(linear(weight), torch.tensor([[[[1.0, 2.0]]]]), torch.tensor([0]))
    slopes = torch.tensor([[1 / 4, 2 / 4], [1 / 4, 2 / 4]], dtype=torch.float64)
    curvature = torch.tensor([[3 / 16, 3 / 4], [3 / 16, 3 / 4]], dtype=torch.float64)
    given = subject.weights["output.weight"]
    close = torch.testing.assert_close
    close(score("gradient", subject, batch=1)["output.weight"], slopes, rtol=1e-6, atol=0)
    close(score("snip", subject, batch=1)["output.weight"], given.abs() * slopes, rtol=1e-6, atol=0)
    close(score("obd", subject, batch=1)["output.weight"], given**2 * curvature / 2, rtol=1e-6, atol=0)


@pytest.mark.parametrize("temperature", [1.0, 2.0])
def test_grasp_of_two_weights_by_hand(temperature):
    # One image of 1 in each half, of class 0 and 1; logits (ln 3 - 1, -1) at temperature 1: the softmax is (3/4, 1/4).
    # Summed over halves the gradient is (1/2, -1/2) and the Hessian 3/8 * [[1, -1], [-1, 1]], so Hg = (3/8, -3/8).
    # With weights T times as large the softmax is the same at temperature T, the gradient 1 / T, the Hessian 1 / T^2.
    weight = torch.tensor([[math.log(3) - 1], [-1.0]]) * temperature
    subject = subject_of(linear(weight.tolist()), torch.ones(2, 1, 1, 1), torch.tensor([0, 1]), shape=(1, 1, 1))
    found = score("grasp", subject, per_class=1, temperature=temperature)["output.weight"]
    expected = weight.double() * torch.tensor([[3 / 8], [-3 / 8]]) / temperature**3
    torch.testing.assert_close(found, expected, rtol=1e-6, atol=0)


@pytest.mark.parametrize("batch_statistics", [True, False])
def test_grasp_is_the_weight_times_hessian_times_gradient(batch_statistics):
    template, (images, labels) = convolutional(), data()
    mask = {name: torch.ones(shape, dtype=torch.bool) for name, shape in prunable(template).items()}
    mask["5.weight"][0] = False
    for pruned in (None, mask):
        subject = subject_of(template, images, labels, shape=(1, 6, 6), mask=pruned)

        def loss(outputs):
            halves = ((images[:6], labels[:6]), (images[6:12], labels[6:12]))
            return sum(F.cross_entropy(outputs(half, batch_statistics) / 200, targets) for half, targets in halves)

        weights, slope, matrix = hessian(subject, loss)
        expected = weights * (matrix @ (slope * joined(subject.mask)))
        found = joined(score("grasp", subject, per_class=4, batch_statistics=batch_statistics))
        assert expected.abs().max() > 0
        torch.testing.assert_close(found, expected, rtol=1e-9, atol=1e-9 * expected.abs().max().item())


def test_grasp_keeps_what_the_gradient_would_lose_most_by():
    """The sign: without a thousandth of one weight, |g|^2 changes by -2 * score / 1000."""
    template, (images, labels) = convolutional(), data()
    subject = subject_of(template, images, labels, shape=(1, 6, 6))
    halves = (slice(0, 12), slice(12, 24))

    def squared_norm(subject):
        weights = {name: weight.clone().requires_grad_() for name, weight in subject.weights.items()}
        loss = sum(F.cross_entropy(subject.outputs(weights, images[s], train=True), labels[s]) for s in halves)
        return sum(slope.square().sum() for slope in torch.autograd.grad(loss, list(weights.values()))).item()

    scores = score("grasp", subject, per_class=8, temperature=1.0)["5.weight"]
    for index in (scores.argmax(), scores.argmin()):
        norms = []
        for factor in (1.001, 0.999):
            weight = subject.weights["5.weight"].clone()
            weight.view(-1)[index] *= factor
            norms.append(squared_norm(replace(subject, weights=subject.weights | {"5.weight": weight})))
        assert (norms[1] - norms[0]) / 0.002 == pytest.approx(-2 * scores.view(-1)[index].item(), rel=1e-3)
    assert scores.max() > 0 > scores.min()


@pytest.mark.parametrize("pruned", [False, True])
def test_obd_is_the_diagonal_of_the_hessian(pruned):
    template, (images, labels) = convolutional(), data()
    mask = {name: torch.ones(shape, dtype=torch.bool) for name, shape in prunable(template).items()}
    mask["5.weight"][0] = not pruned
    subject = subject_of(template, images, labels, shape=(1, 6, 6), mask=mask)
    weights, _, matrix = hessian(subject, lambda outputs: F.cross_entropy(outputs(images[:20], False), labels[:20]))
    expected = weights**2 * matrix.diagonal() / 2
    found = joined(score("obd", subject, batch=20))
    assert (expected > 0).sum() > 50
    torch.testing.assert_close(found, expected, rtol=1e-9, atol=1e-15)


def test_obd_is_exact_through_shortcuts_and_with_more_classes_than_go_at_once():
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(1)
        template = registry.find("models", "resnet")((1, 4, 4), 11, depth=8, width=1)
    images, labels = data(3, (1, 4, 4), 11)
    subject = subject_of(template, images, labels, shape=(1, 4, 4))
    weights, _, matrix = hessian(subject, lambda outputs: F.cross_entropy(outputs(images, False), labels))
    expected = weights**2 * matrix.diagonal() / 2
    assert (expected > 0).sum() > 50
    torch.testing.assert_close(joined(score("obd", subject, batch=3)), expected, rtol=1e-9, atol=1e-15)


def test_synflow_by_hand():
    # |W2| |W1| 1 = (1, 2) (3, 3)^T = 9; a weight's score is the flow that goes through it. Biases are 0.
    with torch.random.fork_rng(devices=[]):
        template = fcn((1, 1, 2), 1, widths=(2,))
    state = {"hidden_1.weight": [[1.0, -2.0], [3.0, 0.0]], "output.weight": [[-1.0, 2.0]]}
    state |= {"hidden_1.bias": [0.0, 0.0], "output.bias": [0.0]}
    template.load_state_dict({name: torch.tensor(values) for name, values in state.items()})
    subject = subject_of(template, dtype=torch.float32)  # without data
    found = score("synflow", subject)
    assert found["hidden_1.weight"].tolist() == [[1, 2], [6, 0]]
    assert found["output.weight"].tolist() == [[3, 6]]
    assert {name: subject.state[name].tolist() for name in state} == state
    assert registry.find("scores", "synflow").constants["ROUNDS"] == 100


def test_synflow_takes_the_absolute_value_of_everything_and_running_statistics():
    # 3 from the first layer; normalised (3 - 1) / 2, times 2, plus 3: 5; times 2: 10.
    with torch.random.fork_rng(devices=[]):
        norm = nn.BatchNorm1d(1, eps=0)
        template = nn.Sequential(nn.Flatten(), nn.Linear(2, 1, bias=False), norm, nn.Linear(1, 1, bias=False))
    values = {
        "1.weight": [[1.0, -2.0]], "2.running_mean": [-1.0], "2.running_var": [4.0], "2.weight": [-2.0],
        "2.bias": [-3.0], "3.weight": [[-2.0]], "2.num_batches_tracked": 7,
    }  # fmt: skip
    template.load_state_dict({name: torch.tensor(value) for name, value in values.items()})
    found = score("synflow", subject_of(template))
    assert {name: part.tolist() for name, part in found.items()} == {"1.weight": [[2, 4]], "3.weight": [[10]]}


def test_synflow_is_conserved_from_layer_to_layer():
    """Also where float32 would overflow: 30 layers, each of which multiplies by about 80."""
    with torch.random.fork_rng(devices=[]):
        template = fcn((1, 1, 100), 10, widths=(100,) * 30)
    generator = torch.Generator().manual_seed(0)
    state = {
        name: torch.randn(tensor.shape, generator=generator) * (torch.rand(tensor.shape, generator=generator) < 0.9)
        if tensor.dim() > 1
        else torch.zeros_like(tensor)
        for name, tensor in template.state_dict().items()
    }
    template.load_state_dict(state)
    subject = subject_of(template, shape=(1, 1, 100), dtype=torch.float32)
    sums = torch.stack([part.sum() for part in score("synflow", subject).values()])
    flow = torch.ones(100, dtype=torch.float64)
    for weight in state.values():
        flow = weight.double().abs() @ flow if weight.dim() > 1 else flow
    assert flow.sum() > torch.finfo(torch.float32).max
    torch.testing.assert_close(sums, flow.sum().expand(31), rtol=1e-12, atol=0)


@pytest.mark.parametrize("name", ["gradient", "snip", "grasp", "obd", "synflow"])
@pytest.mark.parametrize("training", [True, False])
def test_the_network_is_left_as_it_was(name, training):
    template = convolutional().double().train(training)
    before = copy.deepcopy(template.state_dict())
    subject = subject_of(template, *data(), shape=(1, 6, 6))
    options = {"grasp": {"per_class": 4}, "synflow": {}}.get(name, {"batch": 12})
    score(name, subject, **options)
    for key, tensor in before.items():
        assert torch.equal(subject.state[key], tensor.double() if tensor.is_floating_point() else tensor), key
        assert torch.equal(template.state_dict()[key], tensor), key
    assert all(parameter.grad is None for parameter in template.parameters())
    assert all(module.training is training for module in template.modules())


@pytest.mark.parametrize(("name", "default"), [("gradient", False), ("snip", False), ("grasp", True)])
def test_which_statistics_batch_normalisation_takes(name, default):
    template, (images, labels) = convolutional(), data()
    options = {"per_class": 4} if name == "grasp" else {"batch": 12}
    found = {}
    for moved in (False, True):
        subject = subject_of(template, images, labels, shape=(1, 6, 6))
        if moved:
            subject.state["1.running_mean"].add_(1)
        for key, chosen in (("default", {}), (True, {"batch_statistics": True}), (False, {"batch_statistics": False})):
            found[key, moved] = joined(score(name, subject, **options, **chosen))
    assert torch.equal(found["default", False], found[default, False])
    assert torch.equal(found[True, False], found[True, True])
    assert not torch.allclose(found[False, False], found[False, True])


@pytest.mark.parametrize("name", ["gradient", "snip", "grasp", "obd"])
def test_scores_of_data_want_as_many_images_as_they_are_told(name):
    setting = prepare(tiny())
    state = setting.initial(0)
    network = Network(state, masks.full(state, list(setting.shapes)))
    option = {"per_class": 1000} if name == "grasp" else {"batch": 10000}
    with pytest.raises(LotteryError, match=f"score {name}: wants 1"):
        prune_to(setting, Score(name=name, **option), Key(0, 1, "sparse"), network, 0.5, 1)


def test_the_settings_network_stays_where_it_is():
    """On another device it would take further initializations with it, away from those of before."""
    setting = prepare(tiny())
    network = setting.dense(setting.initial(0))
    elsewhere = replace(setting, device=torch.device("meta"))
    with pytest.raises(NotImplementedError):  # there are no numbers to rank
        prune_to(elsewhere, Score(name="magnitude"), Key(0, 1, "sparse"), network, 0.5, 1)
    assert {tensor.device.type for tensor in setting.initial(1).values()} == {"cpu"}


UNTRAINED = [name for name in registry.names("scores") if "trained" not in registry.find("scores", name).traits]


@pytest.mark.parametrize("model", [{"name": "conv_2"}, {"name": "resnet", "depth": 8, "width": 4}])
@pytest.mark.parametrize("name", UNTRAINED)
def test_convolutional_networks_are_pruned_to_exact_counts(name, model):
    setting = prepare(tiny(model=model))
    state = setting.initial(0)
    options = {"batch": 10} if name == "obd" else {}
    network = Network(state, masks.full(state, list(setting.shapes)))
    kept = prune_to(setting, Score(name=name, **options), Key(0, 1, "sparse"), network, 0.1, 2)
    assert masks.count(kept) == round(0.1 * masks.total(kept))


def test_weights_that_score_nothing_go_at_random_in_each_round():
    """Those of an eighth of the pixels are 0, and so is SNIP's score of them."""
    setting, name = prepare(tiny(model={"name": "fcn", "widths": [100]})), "hidden_1.weight"
    state = setting.initial(0)
    network = setting.dense(state | {name: state[name] * (torch.arange(64) % 8 > 0)})

    def pruned(rounds, level):
        return prune_to(setting, Score(name="snip"), Key(0, level, "sparse"), network, 0.96, rounds)[name]

    found = pruned(2, 1)
    scores = rate(setting, Score(name="snip"), 0, network, stream(0))[name]
    assert int((scores == 0).sum()) == 800
    assert found[scores > 0].all()
    first, last = (int((~found[half]).sum()) for half in (slice(50), slice(50, 100)))
    assert abs(first - last) < 90  # of 296, standard deviation 17
    assert torch.equal(found, pruned(2, 1))
    assert not torch.equal(found, pruned(1, 1))
    assert not torch.equal(found, pruned(2, 2))


def test_random_scores_are_drawn_anew_in_each_round():
    setting = prepare(tiny())
    network = setting.dense(setting.initial(0))
    once, twice = (
        prune_to(setting, Score(name="random"), Key(0, 1, "sparse"), network, 0.25, rounds) for rounds in (1, 2)
    )
    assert not torch.equal(once["hidden_1.weight"], twice["hidden_1.weight"])


def one_percent(replicate, name, rounds):
    """LeNet-300-100 for digits, and its mask of 1 %."""
    setting = prepare(tiny(model={"name": "lenet_300_100"}))
    state = setting.initial(replicate)
    network = Network(state, masks.full(state, list(setting.shapes)))
    mask = prune_to(setting, Score(name=name), Key(replicate, 1, "sparse"), network, 0.01, rounds)
    assert masks.count(mask) == round(0.01 * masks.total(mask))
    return collapsed(setting.template, setting.data.shape, mask)


@pytest.mark.parametrize("replicate", [0, 1])
def test_a_hundred_rounds_of_synflow_leave_paths_where_one_round_or_magnitude_leaves_none(replicate):
    assert one_percent(replicate, "synflow", registry.find("scores", "synflow").constants["ROUNDS"]) == []
    assert one_percent(replicate, "synflow", 1)
    assert one_percent(replicate, "magnitude", 1)


@pytest.mark.parametrize("name", ["movement", "large_init_large_final", "small_final"])
def test_a_study_prunes_by_what_training_has_done(name, tmp_path):
    run = carry_out(tiny(pruning={"iterations": 1, "fraction": 0.5, "score": name}, replicates=1), tmp_path)
    initial, final, mask = (
        prepare(run.config).initial(0),
        run.read_weights(Key(0, 0, "dense")),
        run.read_mask(Key(0, 1, "ticket")),
    )
    rule = {
        "movement": lambda wi, wf: (wf - wi).abs(),
        "large_init_large_final": lambda wi, wf: wi.abs().minimum(wf.abs()),
        "small_final": lambda wi, wf: -wf.abs(),
    }[name]
    scores, kept = joined({key: rule(initial[key], final[key]) for key in mask}), joined(mask)
    assert scores[kept].min() >= scores[~kept].max()
    assert kept.sum() == (~kept).sum()


@pytest.mark.parametrize("name", registry.names("scores"))
def test_a_network_out_of_a_cohort_is_scored_alike_however_it_was_computed(name):
    """Members of different masks, stacked and looped: the same scores, and what is pruned already stays so."""
    setting = prepare(tiny(execution="stacked"))
    names, states = list(setting.shapes), [setting.initial(index) for index in range(2)]
    drawn = [
        {key: torch.rand(shape, generator=stream(index, key)) < 0.7 for key, shape in setting.shapes.items()}
        for index in range(2)
    ]
    networks = [Network(state, mask) for state, mask in zip(states, drawn, strict=True)]
    for index in range(2):
        found = []
        for execution in ("stacked", "looped"):
            cohort = Cohort(setting.template, networks, execution=execution, device=torch.device("cpu"))
            member = cohort.member(index)
            initial = setting.initial(index, "other")
            found.append(rate(setting, Score(name=name), index, member, stream(0, "prune"), initial))
        for key in names:
            assert torch.equal(found[0][key], found[1][key])
        kept = masks.keep_top(found[0], 0.1, drawn[index], stream(0))
        assert masks.count(kept) == round(0.1 * masks.total(kept))
        assert all((kept[key] <= drawn[index][key]).all() for key in names)
