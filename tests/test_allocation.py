import pytest
import torch
from conftest import plan, tiny
from hypothesis import given
from hypothesis import strategies as st

from lottery import registry
from lottery.config.file import load
from lottery.cost.flops import layer_flops
from lottery.errors import LotteryError
from lottery.networks.parameters import prunable
from lottery.studies.prepare import prepare

LENET = {"hidden_1.weight": (300, 784), "hidden_2.weight": (100, 300), "output.weight": (10, 100)}


def allocate(name, kept, shapes, **options):
    """Densities of `kept` weights, by hand worked out more easily than those of a density."""
    shapes = {key: torch.Size(shape) for key, shape in shapes.items()}
    density = kept / sum(shape.numel() for shape in shapes.values())
    return registry.find("allocation", name)(density, shapes, **options)


def lenet(name, density, **options):
    return list(allocate(name, density * 266_200, LENET, **options).values())


def test_erk_by_hand_where_layers_are_full():
    # 4 weights of share 1, 16 of .5, 100 of .2. 62/32 = 1.94 fills the first, then 58/28 = 2.07 the second, and
    # (62 - 4 - 16) / 20 = 2.1 is what the third is left with.
    shapes = {"a": (2, 2), "b": (4, 4), "c": (10, 10)}
    assert allocate("erk", 62, shapes) == pytest.approx({"a": 1, "b": 1, "c": 0.42})
    # In steps of its own: 8 / 32 fills none.
    assert allocate("erk", 8, shapes) == pytest.approx({"a": 0.25, "b": 0.125, "c": 0.05})


def test_erk_counts_the_kernel_and_erdos_renyi_does_not():
    shapes = {"conv": (2, 2, 3, 3), "linear": (5, 10)}  # 36 and 50 weights
    # 10/36 and 15/50, times 12.5 / (10 + 15) = .5
    assert allocate("erk", 12.5, shapes) == pytest.approx({"conv": 5 / 36, "linear": 0.15})
    # 4/4 and 15/50, times 5.1 / (36 + 15) = .1
    assert allocate("erdos_renyi", 5.1, shapes) == pytest.approx({"conv": 0.1, "linear": 0.03})


def test_erk_of_lenet():
    assert [round(value, 4) for value in lenet("erk", 0.1)] == [0.0796, 0.2302, 1]
    assert lenet("erk", 0.1) == lenet("erdos_renyi", 0.1)


def test_erk_at_its_ends():
    assert lenet("erk", 1.0) == [1, 1, 1]
    assert lenet("erk", 0.03, power=0) == pytest.approx([0.03] * 3)
    # Few weights: the shares alone, 1084/235200 : 400/30000 : 110/1000.
    few = lenet("erk", 1e-5)
    assert few[0] > 0
    assert few[1] / few[0] == pytest.approx((400 / 30_000) / (1084 / 235_200))
    assert few[2] / few[0] == pytest.approx((110 / 1000) / (1084 / 235_200))
    assert all(0 <= value <= 1 for power in (0.5, 10) for value in lenet("erk", 0.5, power=power))


@pytest.mark.parametrize(("density", "ratio"), [(0.1, 0.174), (0.2, 0.352)])
def test_erk_of_wide_resnet_costs_what_it_does_in_the_literature(density, ratio):
    with torch.random.fork_rng(devices=[]):
        model = registry.find("models", "wide_resnet")((3, 32, 32), 10, depth=22, width=2)
    shapes, flops = prunable(model), layer_flops(model, (3, 32, 32))
    densities = registry.find("allocation", "erk")(density, shapes)
    assert sum(shape.numel() for shape in shapes.values()) == 1_076_912
    sparse = sum(densities[name] * flops[name] for name in shapes)
    assert sparse / sum(flops.values()) == pytest.approx(ratio, abs=0.0005)


def test_uniform_with_the_first_layer_dense_is_uniform_elsewhere():
    assert lenet("uniform", 0.1) == pytest.approx([0.1] * 3)
    assert lenet("uniform", 0.1, first_dense=True) == pytest.approx([1, 0.1, 0.1])


# Of three layers the shares are 3*3 + 3 = 12, 2*2 + 2 = 6, and the output's 30 weights of 100.
THREE = {"a": (10, 1, 1, 1), "b": (100, 1, 1, 1), "output.weight": (10, 10)}


@pytest.mark.parametrize(
    ("kept", "densities"),
    [
        (30 + 6 + 30, (0.6, 0.3, 0.3)),  # 36 / (12 * 10 + 6 * 100) = .05
        (30 + 10 + 60, (1, 0.6, 0.3)),  # 70/720 would be 1.17 of the first; (70 - 10) / 600 = .1
        (30 + 10 + 100, (1, 1, 0.3)),
        (60 + 10 + 100, (1, 1, 0.6)),  # what the others can't hold
        (210, (1, 1, 1)),
    ],
)
def test_smart_ratio_by_hand(kept, densities):
    assert tuple(allocate("smart_ratio", kept, THREE).values()) == pytest.approx(densities)


def test_smart_ratio_with_another_last_layer_or_none():
    assert list(allocate("smart_ratio", 86, THREE, last=0.5).values()) == pytest.approx([0.6, 0.3, 0.5])
    # Two convolutions: 6 and 2, times 5 / (6 * 10 + 2 * 20) = .05
    convolutions = {"a": (10, 1, 1, 1), "b": (20, 1, 1, 1)}
    assert list(allocate("smart_ratio", 5, convolutions).values()) == pytest.approx([0.3, 0.1])
    assert allocate("smart_ratio", 5, {"a": (10, 1)}) == {"a": 0.5}
    with pytest.raises(ValueError, match=r"output keeps 0\.3 of its 100 weights, which leaves nothing"):
        allocate("smart_ratio", 30, THREE)


def test_explicit_gives_rigls_densities_of_lenet():
    densities = {"hidden_1": 0.01, "hidden_2": 0.109, "output": 1.0}
    # 2352 + 3270 + 1000 of 266200 weights
    assert lenet("explicit", 6622 / 266_200, densities=densities) == [0.01, 0.109, 1.0]
    assert lenet("explicit", 0.025, densities=densities) == [0.01, 0.109, 1.0]
    with pytest.raises(ValueError, match=r"then has density 0\.02488, not 0\.1"):
        lenet("explicit", 0.1, densities=densities)


def test_explicit_shares_the_rest_among_the_layers_that_are_not_named():
    # 26620 weights: 300 and 1000 are named, the first pattern counting; 25320 of 235200.
    densities = {"hidden_2": 0.01, "hidden_*": 0.0001, "out*": 1.0}
    with pytest.raises(ValueError, match="then has density"):
        lenet("explicit", 0.1, densities=densities)
    del densities["hidden_*"]
    assert lenet("explicit", 0.1, densities=densities) == pytest.approx([25_320 / 235_200, 0.01, 1])
    # 26620 - 1000 = 25620 of 265200, alike
    assert lenet("explicit", 0.1, densities={"output": 1.0}) == pytest.approx([25_620 / 265_200] * 2 + [1])
    assert lenet("explicit", 1.0, densities={"hidden_1": 1.0}) == pytest.approx([1, 1, 1])


@pytest.mark.parametrize(
    ("densities", "density", "message"),
    [
        ({"hidden_1": 0.5}, 0.1, r"nothing is left for hidden_2 at density 0\.1: .* keep 0\.4418 of all weights"),
        ({"hidden_1": 0.5}, 0.9, r"hidden_2 would have to keep 3\.935 of its weights"),
        ({"hidden_1": 0.5}, 0.0, "nothing is left for hidden_2"),
        ({"conv": 0.5}, 0.5, "no layer is called 'conv'; there are hidden_1, hidden_2, output"),
    ],
)
def test_explicit_says_what_is_impossible(densities, density, message):
    with pytest.raises(ValueError, match=message):
        lenet("explicit", density, densities=densities)


@given(st.sampled_from(["uniform", "erk", "erdos_renyi", "smart_ratio"]), st.floats(0.01, 1), st.floats(0.01, 1))
def test_a_layer_never_grows_while_the_whole_shrinks(name, first, second):
    fewer, more = (lenet(name, density) for density in sorted((first, second)))
    assert all(low <= high + 1e-12 for low, high in zip(fewer, more, strict=True))


def test_an_impossible_allocation_is_said_in_one_line_before_anything_is_trained():
    # .8^4 of 1184 weights is 485, of which output's 160 * .9 leave 341 for the other layer; .8^12 is 81.
    allocation = {"name": "explicit", "densities": {"output": 0.9}}
    prepare(tiny(pruning={"allocation": allocation, "iterations": 4}))
    with pytest.raises(LotteryError) as caught:
        prepare(tiny(pruning={"allocation": allocation, "iterations": 12}))
    assert str(caught.value).startswith("pruning.allocation: explicit: nothing is left for hidden_1 at density 0.06872")
    assert "\n" not in str(caught.value)


def test_an_impossible_allocation_of_a_network_sparse_from_the_start_is_said_the_same_way():
    with pytest.raises(LotteryError) as caught:
        prepare(tiny(sparse={"density": [0.5, 0.01], "allocation": "smart_ratio"}))
    assert str(caught.value).startswith("sparse.allocation: smart_ratio: output keeps 0.3 of its 160 weights")


def test_options_of_allocations_are_checked_with_the_config(config_file):
    for override, message in (
        ("{name: explicit}", "pruning.allocation.densities: field required"),
        ("{name: explicit, densities: {output: 0}}", "pruning.allocation.densities.output: input should be greater"),
        ("{name: smart_ratio, last: 2}", "pruning.allocation.last: input should be less than or equal to 1"),
    ):
        with pytest.raises(LotteryError) as caught:
            load(config_file, [f"pruning.allocation={override}"])
        assert message in str(caught.value)


def test_level_zero_is_dense_whatever_the_allocation():
    allocation = {"name": "explicit", "densities": {"hidden_1": 0.25}}
    levels = plan(prepare(tiny(pruning={"allocation": allocation, "fraction": 0.7, "iterations": 1})), "prune")
    # 355 of 1184 weights, 256 of them in the first layer
    assert [level.density for level in levels] == [1.0, pytest.approx(0.3, abs=1 / 1184)]
