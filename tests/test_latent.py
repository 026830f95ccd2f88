"""Networks that are trained through latents: edge-popup, supermasks, Top-KAST."""

import math
from dataclasses import replace

import pytest
import torch
from conftest import batches_of, carry_out, interrupted_and_resumed, new_trainer, same, tiny
from torch.func import functional_call
from torch.nn import functional as F

from lottery import registry
from lottery.cost.flops import masked_flops
from lottery.errors import LotteryError
from lottery.latent import Layer
from lottery.networks import masks
from lottery.networks.key import Key
from lottery.seeds import stream
from lottery.studies.checks import _check_sparse
from lottery.studies.prepare import prepare
from lottery.studies.train import sparse_start
from lottery.training.evaluation import evaluate
from lottery.training.latents import Latents

NAMES = registry.names("latent")
MOMENTUM = {"name": "sgd", "lr": 0.1, "momentum": 0.9}
SMALL_RESNET = {"name": "resnet", "depth": 8, "width": 4}


def rule(name, **options):
    return registry.find("latent", name)(**options)


def layer(latent, gradient, weight=None, kept=None, reached=None, density=0.5):
    """Of a few weights, given as lists; all kept and reached where nothing is said."""
    everything = [1] * len(latent)
    return Layer(
        latent=torch.tensor(latent), gradient=torch.tensor(gradient), density=density,
        weight=torch.tensor(weight or latent), kept=torch.tensor(kept or everything, dtype=torch.bool),
        reached=torch.tensor(reached or everything, dtype=torch.bool),
    )  # fmt: skip


def kept(mask):
    return {name: part.flatten().nonzero().flatten().tolist() for name, part in mask.items()}


def study(latent, density=0.3, **changes):
    return tiny(**{"sparse": {"density": density, "latent": latent}} | changes)


def trainer_of(setting, execution="looped", replicates=(0, 1), level=1):
    networks = [
        sparse_start(setting, setting.dense(setting.initial(replicate)), Key(replicate, level, "sparse"))
        for replicate in replicates
    ]
    return new_trainer(setting, networks, list(replicates), execution=execution, level=level)


class TestEdgePopup:
    def test_keeps_the_largest_scores_of_each_layer_or_of_all(self):
        scores = {"a": torch.tensor([[0.1, -0.9], [0.3, -0.2]]), "b": torch.tensor([0.8, -0.7, 0.6, 0.0])}
        assert kept(rule("edge_popup").mask(scores, {"a": 0.25, "b": 0.75}, stream(0))) == {"a": [1], "b": [0, 1, 2]}
        assert kept(rule("edge_popup").mask(scores, 0.25, stream(0))) == {"a": [1], "b": [0]}

    def test_gradient_reaches_all_scores_with_their_sign(self):
        given = layer([0.5, -0.5, -0.1], [2.0, 3.0, 5.0], weight=[1.0, -1.0, 0.5], kept=[1, 1, 0])
        assert rule("edge_popup").gradient(given).tolist() == [2.0, 3.0, -2.5]

    def test_scores_start_uniform_within_the_root_of_the_fan(self):
        drawn = rule("edge_popup").start(torch.zeros(50, 8, 3, 3), 0.5, stream(0))
        assert drawn.abs().max().item() == pytest.approx(1 / math.sqrt(72), rel=0.01)
        assert drawn.std().item() == pytest.approx(1 / math.sqrt(3 * 72), rel=0.03)

    def test_weights_are_signed_constants_with_the_draws_signs(self):
        draw = torch.tensor([[0.3, -0.1, 2.0, -5.0, 0.1, 0.1, 0.1, 0.1]])
        assert rule("edge_popup").fixed(draw, 0.25).flatten().tolist() == [0.5, -0.5, 0.5, -0.5, 0.5, 0.5, 0.5, 0.5]
        # A quarter of eight inputs: the fan is two.
        assert rule("edge_popup", scaled=True).fixed(draw, 0.25).abs().unique().tolist() == [1.0]
        assert torch.equal(rule("edge_popup", weights="drawn").fixed(draw, 0.25), draw)
        assert torch.equal(rule("edge_popup", weights="drawn", scaled=True).fixed(draw, 0.25), 2 * draw)


class TestSupermask:
    def test_probability_starts_at_the_density(self):
        for density in (0.001, 0.3, 0.9):
            start = rule("supermask").start(torch.zeros(3), density, stream(0))
            assert start.sigmoid().tolist() == pytest.approx([density] * 3, rel=1e-5)
        assert rule("supermask").start(torch.zeros(3), 1.0, stream(0)).sigmoid().tolist() == pytest.approx([0.99] * 3)

    def test_a_mask_is_a_draw_of_every_probability(self):
        logits = {"a": torch.tensor([-1e4, 0.0, math.log(3), 1e4]).repeat(20_000, 1)}
        shares = rule("supermask").mask(logits, 0.5, stream(0))["a"].float().mean(0)
        assert shares.tolist() == pytest.approx([0, 0.5, 0.75, 1], abs=0.01)
        assert shares[0] == 0
        assert shares[3] == 1

    def test_gradient_by_hand(self):
        # sigmoid'(0) = 1/4, sigmoid'(log 3) = 3/4 * 1/4
        given = layer([0.0, math.log(3)], [2.0, 2.0], weight=[3.0, -1.0], kept=[0, 1])
        assert rule("supermask").gradient(given).tolist() == pytest.approx([1.5, -0.375])

    def test_weights_are_signed_constants_of_the_layers_deviation(self):
        draw = torch.tensor([1.0, -2.0, 3.0, -4.0])
        deviation = math.sqrt(sum((x + 0.5) ** 2 for x in (1, -2, 3, -4)) / 3)
        assert rule("supermask").fixed(draw, 0.5).tolist() == pytest.approx([deviation * sign for sign in (1, -1) * 2])
        assert torch.equal(rule("supermask", weights="drawn").fixed(draw, 0.5), draw)


class TestTopKast:
    def test_forward_and_backward_sets(self):
        weights = {"a": torch.tensor([0.1, -0.9, 0.3, -0.2]), "b": torch.tensor([0.8, -0.7, 0.6, 0.0])}
        top = rule("top_kast", extra=0.25)
        assert kept(top.mask(weights, 0.25, stream(0))) == {"a": [1], "b": [0]}
        assert kept(top.reach(weights, 0.25, stream(0))) == {"a": [1], "b": [0, 1, 2]}
        assert kept(top.reach(weights, {"a": 0.5, "b": 0.9}, stream(0))) == {"a": [1, 2, 3], "b": [0, 1, 2, 3]}

    @pytest.mark.parametrize("allocation", ["erk", "global"])
    def test_what_learns_holds_what_is_used_where_all_weights_are_equal(self, allocation):
        latent = {"name": "top_kast", "extra": 0.1, "penalty": 0.1}
        setting = prepare(tiny(sparse={"density": 0.3, "latent": latent, "allocation": allocation}))
        trainer, density = trainer_of(setting, replicates=(0,)), setting.sparse_densities(1)
        weights = trainer.trained.latents[0]
        for weight in weights.values():
            weight.fill_(1.0)
        trainer.trained.before_step(0)
        used = trainer.cohort.member(0).mask
        trainer.advance(1)
        learned = {name: weight != 1.0 for name, weight in weights.items()}  # by the penalty at least
        assert all(learned[name][mask].all() for name, mask in used.items())
        if allocation == "global":
            assert masks.count(learned) == round((density + 0.1) * masks.total(used))
        else:
            counts = {name: round((density[name] + 0.1) * mask.numel()) for name, mask in used.items()}
            assert {name: int(mask.sum()) for name, mask in learned.items()} == counts

    def test_gradient_and_penalty_by_hand(self):
        given = layer([2.0, -1.0, 0.5], [1.0, 1.0, 1.0], kept=[1, 0, 0], reached=[1, 1, 0], density=0.25)
        assert rule("top_kast", penalty=0.5).gradient(given).tolist() == [1 + 0.5 * 2, 1 - 0.5 / 0.25, 0]

    def test_at_density_one_it_is_dense_training(self):
        """Nothing to choose, no penalty: the same bytes as without latents, biases and normalisation included."""
        config = study({"name": "top_kast", "penalty": 0}, 1.0, model=SMALL_RESNET, train__optimizer=MOMENTUM)
        setting = prepare(config)
        for execution in ("stacked", "looped"):
            latent, dense = (trainer_of(setting, execution), trainer_of(prepare(config), execution, level=0))
            assert not isinstance(dense.trained, Latents)
            latent.advance(12)
            dense.advance(12)
            for index in range(2):
                mine, theirs = latent.cohort.member(index), dense.cohort.member(index)
                assert all(torch.equal(mine.state[name], theirs.state[name]) for name in theirs.state)

    def test_weights_between_the_sets_learn_and_can_enter_while_the_rest_is_untouched(self):
        setting = prepare(study({"name": "top_kast", "extra": 0.2, "penalty": 0}, train__optimizer=MOMENTUM))
        trainer = trainer_of(setting, replicates=(0,))
        before = {name: latent.clone() for name, latent in trainer.trained.latents[0].items()}
        first = trainer.cohort.member(0).mask
        reached = trainer.trained.rule.reach(before, setting.sparse_densities(1), stream(0))
        trainer.advance(1)
        for name, latent in trainer.trained.latents[0].items():
            between = reached[name] & ~first[name]
            assert ((latent != before[name]) <= reached[name]).all()
            if name == "hidden_1.weight":
                assert (latent != before[name])[between].float().mean() > 0.5
                assert between.any()
        trainer.advance(20)
        entered = trainer.cohort.member(0).mask["hidden_1.weight"] & ~first["hidden_1.weight"]
        assert entered.any()


class StraightThrough(torch.autograd.Function):
    """A mask forward; the identity backward."""

    @staticmethod
    def forward(ctx, value, mask):
        return mask.to(value.dtype)

    @staticmethod
    def backward(ctx, gradient):
        return gradient, None


def largest(scores, density):
    """A layer's mask, by a sort."""
    order = scores.flatten().argsort(descending=True)
    mask = torch.zeros(scores.numel(), dtype=torch.bool)
    mask[order[: round(density * scores.numel())]] = True
    return mask.view(scores.shape)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("execution", ["stacked", "looped"])
def test_training_is_that_of_a_plain_loop_with_straight_through_autograd(name, execution):
    """The whole trainer against a module whose weights are made of leaves that torch's own optimizer steps."""
    options = {"extra": 1.0, "penalty": 0.0} if name == "top_kast" else {}
    setting = prepare(study({"name": name, **options}, train__optimizer=MOMENTUM | {"weight_decay": 1e-3}))
    trainer = trainer_of(setting, execution)
    density = setting.sparse_densities(1)
    latents = {key: value.clone().requires_grad_() for key, value in trainer.trained.latents[1].items()}
    fixed = {key: value.clone() for key, value in trainer.trained.fixed[1].items()}
    others = {key: value for key, value in setting.initial(1).items() if key not in latents}
    learning = [*latents.values()]
    if name == "top_kast":
        learning += [value.requires_grad_() for value in others.values()]
    optimizer = torch.optim.SGD(learning, lr=0.1, momentum=0.9, weight_decay=1e-3)
    trainer.advance(8)
    for step in range(8):
        images, labels = (part[1] for part in batches_of(setting, [0, 1]).at(step))
        generator, effective = stream(0, "latent", 1, 1, step), {}
        for key, latent in latents.items():
            if name == "edge_popup":
                mask = largest(latent.detach().abs(), density[key])
                effective[key] = fixed[key] * StraightThrough.apply(latent.abs(), mask)
            elif name == "supermask":
                mask = torch.rand(latent.shape, generator=generator) < latent.detach().sigmoid()
                effective[key] = fixed[key] * StraightThrough.apply(latent.sigmoid(), mask)
            else:  # its gradient is that at the effective weight
                mask = largest(latent.detach().abs(), density[key])
                effective[key] = StraightThrough.apply(latent, mask * latent.detach())
        optimizer.zero_grad()
        F.cross_entropy(functional_call(setting.template, effective | others, (images,)), labels).backward()
        optimizer.step()
    for key, latent in trainer.trained.latents[1].items():
        torch.testing.assert_close(latent, latents[key].detach(), rtol=1e-4, atol=1e-6)
    for key, value in others.items():
        torch.testing.assert_close(trainer.cohort.member(1).state[key], value.detach(), rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("name", ["edge_popup", "supermask"])
@pytest.mark.parametrize("execution", ["stacked", "looped"])
def test_frozen_weights_stay_frozen_bit_by_bit(name, execution):
    """Biases, normalisation and layers left out of it included; masks move all the same."""
    latent = {"name": name, "weights": "drawn"}
    given = {"density": 0.3, "latent": latent, "exclude": ["output"]}
    optimizer = {"name": "adamw", "lr": 0.1, "weight_decay": 0.1}
    setting = prepare(tiny(sparse=given, model=SMALL_RESNET, train__optimizer=optimizer))
    trainer = trainer_of(setting, execution)
    first = trainer.cohort.member(1)
    trainer.advance(10)
    last, initial = trainer.cohort.member(1), setting.initial(1)
    for key, weight in last.state.items():
        if "running" not in key and "batches" not in key:
            assert torch.equal(weight, initial[key] * last.mask.get(key, 1)), key
    assert last.mask["output.weight"].all()
    assert any(not torch.equal(last.mask[key], first.mask[key]) for key in last.mask)


@pytest.mark.parametrize("name", ["edge_popup", "top_kast"])
@pytest.mark.parametrize("allocation", ["erk", "global"])
def test_counts_are_exact_whenever_it_pauses(name, allocation):
    setting = prepare(tiny(sparse={"density": 0.2, "latent": name, "allocation": allocation}))
    trainer, density = trainer_of(setting), setting.sparse_densities(1)
    for step in (0, 1, 7):
        trainer.advance(step)
        for index in range(2):
            network = trainer.cohort.member(index)
            if allocation == "global":
                assert masks.count(network.mask) == round(0.2 * masks.total(network.mask))
            else:
                counts = {key: round(density[key] * mask.numel()) for key, mask in network.mask.items()}
                assert {key: int(mask.sum()) for key, mask in network.mask.items()} == counts
            assert all((network.state[key][~mask] == 0).all() for key, mask in network.mask.items())


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("optimizer", [MOMENTUM, {"name": "adam", "lr": 0.01}])
def test_members_train_alike_stacked_looped_and_alone(name, optimizer):
    setting = prepare(study(name, train__optimizer=optimizer))
    together = [trainer_of(setting, execution) for execution in ("stacked", "looped")]
    alone = [trainer_of(setting, replicates=(replicate,)) for replicate in (0, 1)]
    for trainer in (*together, *alone):
        trainer.advance(6)
    found = [trainer.trained.latents[index] for trainer in together for index in (0, 1)]
    for index, latents in enumerate(found):
        for key, latent in alone[index % 2].trained.latents[0].items():
            torch.testing.assert_close(latents[key], latent, rtol=1e-3, atol=1e-5)
    ends = [trainer.cohort.member(index).mask["hidden_1.weight"] for trainer in together for index in (0, 1)]
    assert not torch.equal(ends[0], ends[1])
    assert (ends[0] == ends[2]).float().mean() > 0.99


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("execution", ["stacked", "looped"])
def test_saved_and_loaded_goes_on_to_the_same_bytes(name, execution):
    setting = prepare(study(name, train__optimizer=MOMENTUM, model=SMALL_RESNET))
    straight = trainer_of(setting, execution)
    straight.advance(4)
    saved = straight.state()
    straight.advance(9)
    resumed = trainer_of(setting, execution)
    resumed.load(saved)
    assert all(torch.equal(tensor, resumed.state()[key]) for key, tensor in saved.items())
    resumed.advance(6)  # and a pause more, at which masks for evaluation are made
    resumed.advance(9)
    assert straight.state().keys() == resumed.state().keys()
    for key, tensor in straight.state().items():
        assert torch.equal(tensor, resumed.state()[key]), key
    # The check notices latents that are lost.
    with pytest.raises(LotteryError, match="does not fit"):
        trainer_of(setting, execution).load({key: part for key, part in saved.items() if "latents" not in key})


@pytest.mark.parametrize("name", NAMES)
def test_interrupted_and_resumed_gives_the_same_bytes(name, tmp_path):
    config = study(name, [0.3, 0.1])
    assert same(
        carry_out(config, tmp_path / "whole", "train"), interrupted_and_resumed(config, tmp_path / "part", "train")
    )


def test_what_is_saved_is_an_ordinary_masked_network_and_what_it_cost(tmp_path):
    """Forward and backward to the inputs sparse; the gradient of the weights, of those that learn."""
    for name in NAMES:
        config = study(name, 0.1, replicates=1)
        setting, run = prepare(config), carry_out(config, tmp_path / name, "train")
        line = run.levels()[0]
        mask, weights = run.read_mask(Key(0, 1, "sparse"), setting.like.mask), run.read_weights(Key(0, 1, "sparse"))
        assert all((weights[key][~part] == 0).all() for key, part in mask.items())
        forward, dense = masked_flops(setting.flops, mask), sum(setting.flops.values())
        learning = dense
        if name == "top_kast":
            density = {key: min(1, part + 0.1) for key, part in setting.sparse_densities(1).items()}
            draw = {key: setting.initial(0)[key].abs() for key in mask}
            learning = masked_flops(setting.flops, masks.keep_top(draw, density, setting.like.mask, stream(0)))
        # A supermask's density is a draw at each step, and learned.
        expected = pytest.approx(32 * 30 * (2 * forward + learning), rel=0.1 if name == "supermask" else 0)
        assert line["train_flops"] == expected
        assert line["density"] == pytest.approx(0.1, abs=0.05)


@pytest.mark.parametrize(("name", "rate"), [("edge_popup", 1.0), ("supermask", 100.0)])
def test_frozen_networks_learn_the_digits(name, rate):
    """Edge-popup's weights stay +-sqrt(2 / fan_in), or zero."""
    model, optimizer = {"name": "fcn", "widths": [128]}, MOMENTUM | {"lr": rate}
    config = study(name, 0.5, model=model, train__optimizer=optimizer, train__length="150it")
    setting = prepare(config)
    trainer = trainer_of(setting)
    before = evaluate(trainer.cohort, setting.task, setting.data.test(400), shared=True)[1]
    trainer.advance(150)
    after = evaluate(trainer.cohort, setting.task, setting.data.test(400), shared=True)[1]
    assert max(before) < 0.4 * 360
    assert min(after) > 0.8 * 360
    values = trainer.cohort.member(0).state["hidden_1.weight"].abs().unique().tolist()
    assert values == pytest.approx([0, math.sqrt(2 / 64)], rel=1e-6 if name == "edge_popup" else 0.05)


def test_a_lost_member_is_noted_and_leaves_the_others_alone():
    setting = prepare(study("edge_popup"))
    alone, pair = trainer_of(setting, replicates=(1,)), trainer_of(setting)
    pair.advance(2)
    pair.trained.latents[0]["hidden_1.weight"].fill_(math.nan)
    for trainer in (alone, pair):
        trainer.advance(6)
    assert pair.diverged() == [2, None]
    assert torch.equal(pair.trained.latents[1]["hidden_1.weight"], alone.trained.latents[0]["hidden_1.weight"])


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ("score: snip", "score: snip doesn't go with latent: edge_popup"),
        ("topology: rigl", "topology: rigl doesn't go with latent: edge_popup"),
        ("rounds: 3", "rounds: no score prunes with latent: edge_popup"),
        ("dense: true, extra: 1", "unknown key"),
    ],
)
def test_what_does_not_go_together_is_refused_by_name(lottery, config_file, setting, message):
    result = lottery("train", config_file, "--set", f"sparse={{density: 0.1, latent: edge_popup, {setting}}}")
    assert result.code == 2
    assert message in result.err


def test_a_captured_step_is_refused_by_name():
    config = study("supermask")
    graph = config.model_copy(update={"train": config.train.model_copy(update={"cuda_graph": True})})
    with pytest.raises(LotteryError, match=r"train\.cuda_graph: steps of sparse\.latent: supermask"):
        _check_sparse(replace(prepare(config), config=graph), graph.sparse)
