"""Networks as users write them: parameters of their own, attention, embeddings, recurrence, dropout, tied weights."""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from itertools import product

import pytest
import torch
from conftest import carry_on, carry_out, interrupted_and_resumed, killed_at, new_trainer, one_thread, same, tiny
from torch.nn import functional as F

from lottery.errors import LotteryError
from lottery.networks import masks, parameters
from lottery.networks.cohort import Arithmetic, Cohort
from lottery.networks.collapse import collapsed
from lottery.networks.key import Key
from lottery.networks.network import Network
from lottery.store.finding import find_run
from lottery.store.run import Run
from lottery.studies.forecast import coverage
from lottery.studies.prepare import prepare
from lottery.studies.selection import rate
from lottery.studies.train import sparse_start

CPU = torch.device("cpu")
COVERED = {
    "vit": {
        "positions": (1, 5, 16), "patch.weight": (16, 1, 4, 4), "attention.in_proj_weight": (48, 16),
        "attention.out_proj.weight": (16, 16), "mlp.0.weight": (32, 16), "mlp.3.weight": (16, 32),
        "output.weight": (10, 16),
    },
    "mlp_mixer": {
        "tokens": (16, 16), "patch.weight": (16, 1, 2, 2), "channels.0.weight": (32, 16), "channels.2.weight": (16, 32),
        "output.weight": (10, 16),
    },
    "sequence": {
        "embedding.weight": (12, 8), "conv.weight": (8, 8, 3), "up.weight": (8, 6, 2),
        "recurrent.weight_ih_l0": (30, 6), "recurrent.weight_hh_l0": (30, 10), "output.weight": (10, 10),
    },
}  # fmt: skip
MODELS = list(COVERED)

pytestmark = pytest.mark.usefixtures("own_models")


def study(model, **changes):
    changes = {"pruning__arms": ["reinit", "random"]} | changes
    return tiny(
        model={"name": model}, pruning__rewind="3it", pruning__iterations=1,
        checkpoint={"steps": "5it"}, train__length="12it", train__evaluate_every="6it", **changes,
    )  # fmt: skip


def plain(setting):
    """The network as its own code makes it."""
    with torch.random.fork_rng(devices=[]):
        return setting.build()


@pytest.fixture(autouse=True)
def always_one_thread():
    with one_thread():
        yield


@pytest.mark.parametrize("model", MODELS)
def test_every_tensor_is_drawn_from_its_own_stream(model):
    """Whatever was drawn before, and however often: tensors are those of seed, replicate and purpose."""
    first = prepare(study(model)).initial(0)
    with torch.random.fork_rng(devices=[]):
        torch.rand(17)
        again = prepare(study(model))
        second = again.initial(0)
    assert all(torch.equal(first[name], second[name]) for name in first)
    others = {"replicate": again.initial(1), "arm": again.initial(0, "reinit", 1), "level": again.initial(0, "r", 2)}
    others["seed"] = prepare(study(model, seed=5)).initial(0)
    random = [name for name, tensor in first.items() if tensor.unique().numel() > 1]
    assert set(COVERED[model]) <= set(random)
    for other in others.values():
        assert all(not torch.equal(first[name], other[name]) for name in random)


def test_what_is_random_in_a_vit():
    state = prepare(study("vit")).initial(0)
    assert {name for name, tensor in state.items() if tensor.unique().numel() > 1} == {
        *COVERED["vit"], "token", "waves", "scale", "unused",
    }  # fmt: skip


@pytest.mark.parametrize("model", MODELS)
def test_masks_cover_every_matrix_like_weight(model):
    setting = prepare(study(model))
    assert {name: tuple(shape) for name, shape in setting.shapes.items()} == COVERED[model]


def test_patterns_change_what_masks_cover():
    def covered(**changes):
        return list(prepare(study("vit", **changes)).shapes)

    assert covered(model__exclude=["positions", "*proj*"]) == [
        "patch.weight", "mlp.0.weight", "mlp.3.weight", "output.weight",
    ]  # fmt: skip
    assert covered(model__prunable=["attention.*weight", "token"]) == [
        "token", "attention.in_proj_weight", "attention.out_proj.weight",
    ]  # fmt: skip
    assert covered(model__prunable=["mlp*"], model__exclude=["*bias"]) == ["mlp.0.weight", "mlp.3.weight"]
    for key in ("prunable", "exclude"):
        with pytest.raises(LotteryError, match=rf"model\.{key}: no parameter is called 'waves'; there are token"):
            covered(**{f"model__{key}": ["waves"]})  # it isn't trained
    with pytest.raises(LotteryError, match=r"model: has no weights that masks cover"):
        covered(model__exclude=["*"])


def test_what_stays_dense_is_said_with_its_share():
    assert coverage(prepare(study("mlp_mixer"))) == (
        "masks cover 1,504 of 2,138 parameters; 29.65% stay dense: shift, biases and normalisation"
    )
    said = coverage(
        prepare(study("vit", pruning__exclude=["output", "*.in_proj_weight"], model__exclude=["positions"]))
    )
    assert said.endswith(
        "stay dense: token, positions, waves, unused, attention.in_proj_weight, output, biases and normalisation"
    )


def test_of_what_stays_dense_six_are_named():
    exclude = ["output", "*.in_proj_weight", "mlp*"]
    said = coverage(prepare(study("vit", pruning__exclude=exclude, model__exclude=["positions"])))
    named = "token, positions, waves, unused, attention.in_proj_weight, mlp.0, 2 more, biases and normalisation"
    assert said.endswith(f"stay dense: {named}")


def test_it_is_said_once_when_a_study_starts(lottery, tmp_path):
    (tmp_path / "vit.yaml").write_text(study("vit", replicates=1, pruning__arms=[]).to_yaml())
    assert lottery("prune", "vit.yaml").err.count("masks cover 2,544 of 2,845 parameters; ") == 1
    assert lottery("prune", "vit.yaml", "--dry-run").out.count("masks cover 2,544 of 2,845 parameters; ") == 1


def test_density_over_all_parameters_is_reported(lottery, tmp_path):
    carry_out(study("mlp_mixer"), tmp_path / "runs")
    for row in json.loads(lottery("report", "latest", "--json").out):
        kept = round(row["density"] * 1504)
        assert row["density_of_all_parameters"] == pytest.approx((2138 - 1504 + kept) / 2138)


@pytest.mark.parametrize("model", MODELS)
def test_flops_by_hand(model):
    setting = prepare(study(model))
    tokens = {"vit": 5, "mlp_mixer": 16, "sequence": 64}[model]
    expected = {
        # A weight takes part once for each token; the patches' once for each patch.
        "vit": {"positions": 0, "patch.weight": 4, "output.weight": 1},
        "mlp_mixer": {"patch.weight": 16, "tokens": 16, "output.weight": 1},  # once for each of 16 channels
        # Looked up, and once a product with what the decoder makes of it; every sixteenth of 128 is read.
        "sequence": {"embedding.weight": 128, "recurrent.weight_ih_l0": 8, "recurrent.weight_hh_l0": 8,
                     "output.weight": 1},
    }[model]  # fmt: skip
    sizes = {name: shape.numel() for name, shape in setting.shapes.items()}
    aside = {"waves": 0} if model == "vit" else {}  # added, and not trained
    assert setting.flops == {name: 2 * size * expected.get(name, tokens) for name, size in sizes.items()} | aside


@pytest.mark.parametrize("model", MODELS)
def test_attention_recurrence_and_embeddings_are_not_called_collapsed(model):
    setting = prepare(study(model))
    generator = torch.Generator().manual_seed(0)
    mask = {name: torch.rand(shape, generator=generator) < 0.5 for name, shape in setting.shapes.items()}
    assert collapsed(setting.template, setting.data.shape, mask) == []
    mask["output.weight"] = torch.zeros_like(mask["output.weight"])
    assert collapsed(setting.template, setting.data.shape, mask) == ["output"]


@pytest.mark.parametrize("model", MODELS)
def test_gradients_are_those_of_a_plain_module(model):
    setting = prepare(study(model))
    generator = torch.Generator().manual_seed(0)
    networks = []
    for replicate in range(2):
        mask = {name: torch.rand(shape, generator=generator) < 0.5 for name, shape in setting.shapes.items()}
        networks.append(Network(setting.initial(replicate), mask))
    cohort = Cohort(
        setting.template, networks, execution="looped", device=CPU, arithmetic=Arithmetic(channels_last=False)
    )
    cohort.train(False)  # without dropout
    images = torch.randn(2, 6, *setting.data.shape, generator=generator)
    labels = torch.randint(10, (2, 6), generator=generator)
    losses, gradients = cohort.gradients(images, labels, F.cross_entropy)
    for index, network in enumerate(networks):
        module = plain(setting).eval()
        module.load_state_dict(network.state)
        with torch.no_grad():
            for name, kept in network.mask.items():
                module.get_parameter(name).mul_(kept)
        loss = F.cross_entropy(module(images[index]), labels[index])
        loss.backward()
        torch.testing.assert_close(losses[index], loss.detach())
        trained = [(name, parameter) for name, parameter in module.named_parameters() if parameter.requires_grad]
        own = gradients[index * len(trained) : (index + 1) * len(trained)]
        for (name, parameter), gradient in zip(trained, own, strict=True):
            expected = torch.zeros_like(parameter) if parameter.grad is None else parameter.grad
            torch.testing.assert_close(gradient, expected * network.mask.get(name, 1), rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("model", MODELS)
def test_a_trained_network_loads_into_the_plain_module(model, tmp_path):
    run = carry_out(study(model, replicates=1), tmp_path)
    setting = prepare(run.config)
    state, mask = run.read_weights(Key(0, 1, "ticket")), run.read_mask(Key(0, 1, "ticket"))
    module = plain(setting).eval()
    module.load_state_dict(state)
    with torch.no_grad():
        right = module(setting.data.normalise(setting.data.test_images)).argmax(1) == setting.data.test_labels
    assert right.float().mean().item() == pytest.approx(
        run.read_summary(Key(0, 1, "ticket"))["test"]["metrics"]["accuracy"]["value"], abs=0.003
    )
    assert all((state[name][~kept] == 0).all() for name, kept in mask.items())
    assert masks.count(mask) == round(0.5 * masks.total(mask))
    assert {name: tuple(kept.shape) for name, kept in mask.items()} == COVERED[model]
    start = setting.initial(0)
    for name in ("waves", "unused") if model == "vit" else ():
        assert torch.equal(state[name], start[name])  # not trained; not used


@pytest.mark.parametrize("model", MODELS)
def test_interrupted_and_resumed_is_the_same(model, tmp_path):
    straight = carry_out(study(model), tmp_path / "straight")
    assert same(interrupted_and_resumed(study(model), tmp_path / "resumed", "prune", questions=50), straight)


@pytest.mark.skipif(sys.platform != "linux", reason="processes are forked here on Linux alone")
@pytest.mark.parametrize("share", [0.3, 0.8])
@pytest.mark.parametrize("model", MODELS)
def test_killed_and_resumed_is_the_same(model, share, tmp_path):
    config = study(model, replicates=1, pruning__arms=[])
    straight = Run.create(tmp_path, config, {"study": "prune"})
    total = killed_at(straight, config, 10**9)
    run = Run.create(tmp_path, config, {"study": "prune"})
    assert killed_at(run, config, round(share * total)) is None
    carry_on(run, prepare(config))
    assert same(run, straight)


@pytest.mark.parametrize("model", MODELS)
def test_replicates_and_arms_are_independent(model, tmp_path):
    run = carry_out(study(model), tmp_path)
    ends = [run.read_weights(Key(replicate, 1, arm)) for replicate in (0, 1) for arm in ("ticket", "reinit", "random")]
    for name in prepare(run.config).shapes:
        for index, one in enumerate(ends):
            assert all(not torch.equal(one[name], other[name]) for other in ends[index + 1 :])


@pytest.mark.parametrize("model", MODELS)
def test_rewound_by_the_command_line(model, lottery, tmp_path):
    """The ticket once more, from the step that it was rewound to: the same bytes as in the study itself."""
    (tmp_path / "own.yaml").write_text(study(model).to_yaml())
    assert lottery("prune", "own.yaml").code == 0
    parent = find_run("latest", tmp_path / "runs")
    again = lottery("rewind", parent.path, "--level", "1", "--to", "3it", "--runs-dir", "again")
    assert again.code == 0, again.err
    found = find_run("latest", tmp_path / "again")
    for replicate in (0, 1):
        ticket, rewound = (run.read_weights(Key(replicate, 1, "ticket")) for run in (parent, found))
        assert all(torch.equal(ticket[name], rewound[name]) for name in ticket)
    assert lottery("report", parent.path, found.path, "--csv").code == 0


def test_dropout_is_drawn_from_the_study(tmp_path):
    """Each replicate and step has numbers of its own, wherever and beside whom it is trained."""
    setting = prepare(study("vit"))
    assert setting.behaviour.noisy
    assert not prepare(study("mlp_mixer")).behaviour.noisy
    networks = [setting.dense(setting.initial(0)), setting.dense(setting.initial(1))]
    together = new_trainer(setting, networks, [0, 1], execution="looped")
    together.advance(3)
    alone = new_trainer(setting, networks[1:], [1], execution="looped")
    with torch.random.fork_rng(devices=[]):
        torch.rand(5)
        alone.advance(3)
    assert torch.equal(together.cohort.weights["mlp.3.weight"][1], alone.cohort.weights["mlp.3.weight"][0])
    quiet = new_trainer(setting, networks[1:], [1], execution="looped")
    for module in quiet.cohort._members[0].modules():
        if isinstance(module, torch.nn.Dropout):
            module.p = 0.0
    quiet.advance(3)
    assert not torch.equal(quiet.cohort.weights["mlp.3.weight"][0], alone.cohort.weights["mlp.3.weight"][0])


def test_dropout_is_drawn_by_seed_replicate_and_step():
    setting = prepare(study("vit"))
    network = setting.dense(setting.initial(0))

    def drawn(seed, replicate, steps):
        """What the last step's forward pass drew from."""
        own = replace(setting, config=study("vit", seed=seed))
        trainer = new_trainer(own, [network], [replicate], execution="looped")
        trainer.advance(steps)
        return trainer.cohort.noise[0].initial_seed()

    assert drawn(3, 0, 2) == drawn(3, 0, 2)
    assert len({drawn(*which) for which in product((3, 4), (0, 1), (1, 2))}) == 8


def test_noisy_and_unstackable_networks_are_looped():
    for model, reason in (("vit", "random numbers"), ("sequence", "can't be stacked")):
        with pytest.raises(LotteryError, match=reason):
            prepare(study(model, execution="stacked"))
    prepare(study("mlp_mixer", execution="stacked"))


@pytest.mark.parametrize("score", ["snip", "grasp", "magnitude", "obd"])
@pytest.mark.parametrize("model", MODELS)
def test_scores_see_the_whole_network(model, score):
    config = study(model, pruning__score=score)
    setting = prepare(config)
    network = setting.dense(setting.initial(0))
    found = [rate(setting, config.pruning.score, 0, network, torch.Generator()) for _ in range(2)]
    for name, shape in setting.shapes.items():
        assert found[0][name].shape == shape
        assert torch.equal(found[0][name], found[1][name])
        assert found[0][name].any()


@pytest.mark.parametrize("model", MODELS)
def test_sparse_initializers_redraw_what_initializers_draw(model):
    setting = prepare(study(model, sparse={"density": 0.3, "initializer": "sparse_kaiming"}))
    dense = setting.dense(setting.initial(0))
    network = sparse_start(setting, dense, Key(0, 1, "sparse"))
    redrawn = {name for name in setting.shapes if not torch.equal(network.state[name], dense.state[name])}
    assert redrawn == set(COVERED[model]) & set(parameters.drawn(setting.template))
    assert "output.weight" in redrawn
    assert not redrawn & {"attention.in_proj_weight", "tokens", "embedding.weight", "up.weight", "positions"}


@pytest.mark.parametrize("topology", ["rigl", "set"])
@pytest.mark.parametrize("model", MODELS)
def test_sparse_from_the_start(model, topology, tmp_path):
    asked = {"density": 0.3, "topology": {"name": topology, "interval": "5it"}, "initializer": "sparse_kaiming"}
    config = study(model, sparse=asked)
    straight = carry_out(config, tmp_path / "straight", "train")
    line = straight.read_summary(Key(0, 1, "sparse"))
    assert line["nonzero"] == pytest.approx(0.3 * line["total"], abs=len(COVERED[model]))
    assert same(interrupted_and_resumed(config, tmp_path / "resumed", "train", questions=15), straight)


def test_lazy_layers_are_refused_with_what_to_do():
    with pytest.raises(LotteryError, match=r"model: has lazy layers.* call it once on"):
        prepare(study("lazy"))
