"""Terms that are added to the loss: by hand, by autograd and NumPy, however a step is computed, and in studies."""

import numpy as np
import pytest
import torch
from conftest import carry_out, interrupted_and_resumed, main, same, tensor_files, tiny
from pydantic import ValidationError
from torch.nn import functional as F

from lottery import registry
from lottery.errors import LotteryError
from lottery.networks import masks
from lottery.networks.cohort import Arithmetic, Cohort
from lottery.networks.key import Key
from lottery.networks.network import Network
from lottery.penalties import Past
from lottery.seeds import stream
from lottery.studies.chunk import make_trainer
from lottery.studies.fork import Fork, Forked
from lottery.studies.kinds import study_of
from lottery.studies.plan import Level
from lottery.studies.prepare import prepare
from lottery.studies.prune import Prune
from lottery.studies.rewind import Asked, Rewind
from lottery.studies.train import sparse_start
from lottery.tasks.classification import classification
from lottery.training.objective import Objective
from lottery.training.recipe import Member

REPELLENCE = {"name": "repellence", "strength": 2.0}


def network_of(*values):
    """Layers a (2 weights) and b (the rest), as tensors that autograd differentiates by."""
    return {"a": torch.tensor(values[:2], requires_grad=True), "b": torch.tensor([values[2:]], requires_grad=True)}


def all_kept(weights):
    return masks.full(weights, list(weights))


def past_of(*rounds):
    together = torch.tensor(rounds)
    start = {"a": torch.zeros(2), "b": torch.zeros(1, together.shape[1] - 2)}
    return Past(start, {"a": together[:, :2], "b": together[:, None, 2:]})


def value(name, weights, mask, past, **options):
    return registry.find("penalties", name)(weights, mask, past, **options)


class TestRepellence:
    def test_by_hand(self):
        """cos² of (3, 4, 0) with (1, 0, 0) is 9/25, with (0, 1, 1) it is 16/50; across layers, not in each."""
        weights = network_of(3.0, 4.0, 0.0)
        past = past_of((1.0, 0.0, 0.0), (0.0, 1.0, 1.0))
        found = value("repellence", weights, all_kept(weights), past, strength=2.0)
        assert found.item() == pytest.approx(2 * (9 / 25 + 16 / 50) / 2)
        assert value("repellence", weights, all_kept(weights), past, strength=-1.0).item() == pytest.approx(-0.34)

    def test_the_gradient_by_hand(self):
        """Of cos² with (1, 0, 0): 2 cos (e - cos u) / |w|, for u = w / |w|."""
        weights = network_of(3.0, 4.0, 0.0)
        value("repellence", weights, all_kept(weights), past_of((1.0, 0.0, 0.0)), strength=1.0).backward()
        assert weights["a"].grad.tolist() == pytest.approx([1.2 * (1 - 0.36) / 5, 1.2 * -0.48 / 5])
        assert weights["b"].grad.tolist() == [[0.0]]

    def test_only_kept_weights_take_part(self):
        """With the third weight pruned, (3, 4, ·) and (3, 4, 12) are parallel."""
        weights = network_of(3.0, 4.0, 0.0)
        mask = {"a": torch.tensor([True, True]), "b": torch.tensor([[False]])}
        found = value("repellence", weights, mask, past_of((3.0, 4.0, 12.0)), strength=1.0)
        assert found.item() == pytest.approx(1)
        assert value("repellence", weights, all_kept(weights), past_of((3.0, 4.0, 12.0))).item() == pytest.approx(
            2 * (25 / 65) ** 2
        )

    def test_lengths_and_signs_do_not_matter(self):
        weights, past = network_of(3.0, -4.0, 1.0), past_of((1.0, 2.0, 3.0), (0.5, -0.1, 2.0))
        longer = {name: -100 * weight for name, weight in weights.items()}
        mask = all_kept(weights)
        assert value("repellence", longer, mask, past).item() == pytest.approx(
            value("repellence", weights, mask, past).item()
        )

    def test_nothing_kept_is_no_number_of_a_kind(self):
        weights = network_of(0.0, 0.0, 0.0)
        nothing = {name: torch.zeros_like(weight, dtype=torch.bool) for name, weight in weights.items()}
        found = value("repellence", weights, nothing, past_of((1.0, 2.0, 3.0)))
        found.backward()
        assert found.item() == 0
        assert weights["a"].grad.tolist() == [0, 0]

    def test_beside_numpy_and_autograd_of_torchs_own_cosine(self):
        generator = stream(0, "test")
        weights = {"a": torch.randn(3, 4, generator=generator), "b": torch.randn(5, 3, generator=generator)}
        mask = {name: torch.rand(one.shape, generator=generator) < 0.7 for name, one in weights.items()}
        optima = {name: torch.randn(4, *one.shape, generator=generator) for name, one in weights.items()}
        mine = {name: one.clone().requires_grad_() for name, one in weights.items()}
        found = value("repellence", mine, mask, Past(weights, optima), strength=-1.5)
        own, kept = (np.concatenate([one[n].numpy().ravel() for n in "ab"]).astype(float) for one in (weights, mask))
        squares = []
        for index in range(4):
            other = np.concatenate([optima[n][index].numpy().ravel() for n in "ab"]) * kept
            squares.append((own * kept @ other) ** 2 / ((own * kept) ** 2).sum() / (other**2).sum())
        assert found.item() == pytest.approx(-1.5 * np.mean(squares), rel=1e-5)
        theirs = {name: one.clone().requires_grad_() for name, one in weights.items()}
        flat = torch.cat([(theirs[n] * mask[n]).flatten() for n in "ab"])
        rows = torch.cat([(optima[n] * mask[n]).flatten(1) for n in "ab"], 1)
        (-1.5 * F.cosine_similarity(rows, flat[None]).square().mean()).backward()
        found.backward()
        for name in "ab":
            torch.testing.assert_close(mine[name].grad, theirs[name].grad, rtol=1e-5, atol=1e-7)


def test_distance_by_hand():
    weights = network_of(3.0, 4.0, 1.0)
    past = Past({"a": torch.tensor([1.0, 4.0]), "b": torch.tensor([[7.0]])}, {})
    mask = {"a": torch.tensor([True, True]), "b": torch.tensor([[False]])}
    found = value("distance", weights, mask, past, strength=0.5)
    found.backward()
    assert found.item() == 0.5 / 2 * 4
    assert weights["a"].grad.tolist() == [0.5 * 2, 0]
    assert weights["b"].grad.tolist() == [[0]]


PENALTIES = [REPELLENCE, {"name": "distance", "strength": 0.3}]


def sparse_networks(setting, members):
    """Networks of half the weights, and what a round before could have been trained to."""
    networks, optima = [], {}
    for one in range(members):
        state = setting.initial(one)
        mask = {name: torch.rand(shape, generator=stream(one, "mask")) < 0.5 for name, shape in setting.shapes.items()}
        networks.append(Network(state, mask))
        optima[one] = {name: torch.randn(3, *s, generator=stream(one)) / 4 for name, s in setting.shapes.items()}
    return networks, optima


def objective_of(config, networks, optima):
    past = [
        Past({name: network.state[name] * mask for name, mask in network.mask.items()}, optima[one])
        for one, network in enumerate(networks)
    ]
    return Objective(classification(), 0.0, config.train.penalties, past)


@pytest.mark.parametrize("precision", ["float32", "fp16", "bf16"])
@pytest.mark.parametrize("execution", ["stacked", "looped"])
def test_gradients_are_those_of_the_sum(execution, precision):
    """Of the loss as it is without, and of the penalty by itself; the loss that is told is the task's."""
    config = tiny(train__penalties=PENALTIES)
    setting = prepare(config)
    networks, optima = sparse_networks(setting, 2)
    with_, without = (
        Cohort(
            setting.template, networks, execution=execution, device=setting.device,
            arithmetic=Arithmetic(precision),
        )
        for _ in range(2)
    )  # fmt: skip
    with torch.no_grad():
        for cohort in (with_, without):  # away from the start, where one of them is zero
            for leaf in cohort.leaves:
                leaf.mul_(1.1)
    objective = objective_of(config, networks, optima)
    images, labels = torch.randn(2, 8, 1, 8, 8, generator=stream(0)), torch.arange(16).view(2, 8) % 10
    losses, gradients = objective.gradients(with_, images, labels)
    plain, expected = without.gradients(images, labels, objective)
    torch.testing.assert_close(losses, plain, rtol=0, atol=0)
    for member, network in enumerate(networks):
        own = {name: (1.1 * network.state[name] * mask).requires_grad_() for name, mask in network.mask.items()}
        for penalty in config.train.penalties:
            penalty.entry(own, network.mask, objective.past[member], **penalty.options).backward()
        found, rest = with_.view(gradients, member), without.view(expected, member)
        for name, weight in own.items():
            assert weight.grad.norm() > 0.01
            torch.testing.assert_close(found[name], rest[name] + weight.grad, rtol=1e-5, atol=1e-6)
            assert not found[name][~network.mask[name]].any()
    _, dense = objective.gradients(with_, images, labels, masked=False)  # what moves masks is the loss's there
    _, loss_alone = without.gradients(images, labels, objective, masked=False)
    for name, mask in networks[0].mask.items():
        found, rest = with_.view(dense, 0)[name], without.view(loss_alone, 0)[name]
        assert torch.equal(found[~mask], rest[~mask])
        assert rest[~mask].any()


def trained(config, optima, execution, replicates=(0, 1), steps=12):
    """Networks after some steps at level 1, started from half the weights."""
    setting = prepare(config)
    members = [Member(main(replicate, 1), setting.recipe) for replicate in replicates]
    networks = [sparse_networks(setting, 2)[0][replicate] for replicate in replicates]
    trainer = make_trainer(setting, networks, members, execution, optima)
    trainer.advance(steps)
    return [trainer.cohort.member(index) for index, _ in enumerate(replicates)]


def test_members_train_alike_stacked_looped_and_alone():
    config = tiny(train__penalties=PENALTIES)
    _, optima = sparse_networks(prepare(config), 2)
    stacked, looped = (trained(config, optima, execution) for execution in ("stacked", "looped"))
    (alone,) = trained(config, optima, "looped", (1,))
    without = trained(tiny(), {}, "looped")
    for one in (0, 1):
        for name, weight in stacked[one].state.items():
            torch.testing.assert_close(weight, looped[one].state[name], rtol=1e-3, atol=1e-4)
            assert one == 0 or torch.equal(looped[one].state[name], alone.state[name])
        assert not torch.equal(looped[one].state["output.weight"], without[one].state["output.weight"])


def test_a_past_is_of_the_masked_start_and_of_the_members_own_replicate():
    setting = prepare(tiny(train__penalties=PENALTIES))
    networks, optima = sparse_networks(setting, 2)
    members = [Member(main(replicate, 1), setting.recipe) for replicate in (1, 0)]
    past = make_trainer(setting, networks[::-1], members, "stacked", optima)._objective.past
    for one, replicate in zip(past, (1, 0), strict=True):
        for name, mask in networks[replicate].mask.items():
            assert torch.equal(one.start[name], networks[replicate].state[name] * mask)
            assert torch.equal(one.optima[name], optima[replicate][name])


def test_without_optima_repellence_costs_nothing():
    """A dense network's training is that of a config that doesn't name it, to the byte."""
    mine, plain = (trained(tiny(train__penalties=given), {}, "looped") for given in ([REPELLENCE], []))
    for one, other in zip(mine, plain, strict=True):
        assert all(torch.equal(one.state[name], other.state[name]) for name in one.state)


def test_members_of_other_penalties_go_through_the_loop_apart():
    recipes = [prepare(tiny(train__penalties=given)).recipe for given in ([], [REPELLENCE], PENALTIES, [REPELLENCE])]
    members = tuple(Member(main(one, 0), recipe) for one, recipe in enumerate(recipes))
    assert [len(group) for group in Level(0, 1.0, members).groups()] == [1, 2, 1]


def alignment(run, level, arm="ticket"):
    """Mean squared cosine of a level's networks and those of the round before, on the weights that are kept."""
    setting, found = prepare(run.config), []
    for replicate in range(setting.config.replicates):
        key, like = Key(replicate, level, arm), setting.like
        mask = run.read_mask(key, like.mask)
        states = [run.read_weights(one, like.state) for one in (key, main(replicate, level - 1))]
        flat = [torch.cat([(state[name] * mask[name]).flatten() for name in mask]) for state in states]
        found.append(F.cosine_similarity(*flat, dim=0).item() ** 2)
    return sum(found) / len(found)


class TestStudies:
    def test_tickets_and_controls_turn_away_from_the_rounds_before(self, tmp_path):
        changes = {"train__length": "60it", "pruning__arms": ["reinit"]}
        usual = carry_out(tiny(**changes), tmp_path / "usual")
        repelled = carry_out(tiny(**changes, train__penalties=[REPELLENCE | {"strength": 50.0}]), tmp_path / "repelled")
        attracted = carry_out(
            tiny(**changes, train__penalties=[REPELLENCE | {"strength": -50.0}]), tmp_path / "attracted"
        )
        dense = [
            {name: one for name, one in tensor_files(run).items() if "level-00" in name} for run in (usual, repelled)
        ]
        assert dense[0] == dense[1] != {}  # no round precedes these
        for level in (1, 2):
            assert alignment(repelled, level) < 0.1 < 0.4 < alignment(usual, level) < alignment(attracted, level)
            assert alignment(repelled, level, "reinit") < alignment(usual, level, "reinit")

    def test_all_rounds_before_count(self, tmp_path):
        """And of one-shot pruning the dense one alone, which each mask was made of."""
        for one_shot, rounds in ((False, 2), (True, 1)):
            config = tiny(train__penalties=[REPELLENCE], pruning__one_shot=one_shot, train__length="4it")
            run = carry_out(config, tmp_path / str(one_shot))
            study = study_of(run, prepare(config))
            members = [*study.levels[2].members]
            optima = study.optima(run, members)
            assert sorted(optima) == [0, 1]
            for replicate, each in optima.items():
                before = [run.read_weights(main(replicate, level), study.setting.like.state) for level in range(rounds)]
                assert {name: list(one) for name, one in each.items()}.keys() == study.setting.shapes.keys()
                for name, one in each.items():
                    assert torch.equal(one, torch.stack([state[name] for state in before]))
            assert study.optima(run, study.levels[0].members) == {}
            assert Prune(prepare(tiny())).optima(run, members=[Member(main(0, 1), prepare(tiny()).recipe)]) == {}

    def test_interrupted_and_resumed_is_the_same(self, tmp_path):
        config = tiny(train__penalties=PENALTIES, pruning__arms=["random"], orders=2, replicates=1)
        whole = carry_out(config, tmp_path / "whole")
        assert same(whole, interrupted_and_resumed(config, tmp_path / "part", "prune", 45))

    def test_workers_are_told_the_optima(self, tmp_path):
        config = tiny(train__penalties=[REPELLENCE], pruning__iterations=1, pruning__arms=["random"])
        alone, several = (
            carry_out(config.model_copy(update={"workers": workers}), tmp_path / str(workers)) for workers in (1, 2)
        )
        for key in (main(0, 1), Key(1, 1, "random")):
            first, second = (run.read_weights(key) for run in (alone, several))
            for name, weight in first.items():
                torch.testing.assert_close(weight, second[name], rtol=1e-3, atol=1e-4)

    def test_a_level_of_another_run_is_not_retrained_without_the_rounds_before_it(self, tmp_path):
        config = tiny(train__penalties=[REPELLENCE], train__length="4it", pruning__iterations=1, pruning__arms=[])
        run = carry_out(config, tmp_path)
        assert Rewind.of_parent(run, prepare(config), Asked(0, 2)).levels
        with pytest.raises(LotteryError, match=r"train\.penalties: .* stands in another run"):
            Rewind.of_parent(run, prepare(config), Asked(1, 2))
        with pytest.raises(LotteryError, match=r"train\.penalties: .* stands in another run"):
            Fork.of_parent(run, prepare(config), Forked((1,), ("ticket",), (2,), 2))

    def test_where_masks_move(self, tmp_path):
        topology = {"name": "rigl", "interval": "5it"}
        config = tiny(
            train__penalties=[{"name": "distance", "strength": 10.0}, REPELLENCE],
            sparse={"density": 0.3, "topology": topology},
        )
        held = carry_out(config, tmp_path / "held", "train")
        free = carry_out(tiny(sparse={"density": 0.3, "topology": topology}), tmp_path / "free", "train")
        moved = []
        for run in (held, free):
            key, setting = Key(0, 1, "sparse"), prepare(run.config)
            start = sparse_start(setting, setting.dense(setting.initial(0)), key)
            end, kept = run.read_weights(key, setting.like.state), run.read_mask(key, setting.like.mask)
            both = {name: mask & start.mask[name] for name, mask in kept.items()}
            moved.append(sum((end[name] - start.state[name])[mask].norm().item() for name, mask in both.items()))
            assert masks.density(kept) == pytest.approx(0.3, abs=0.01)
        assert moved[0] < 0.5 * moved[1]


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"train__penalties": ["repellance"]}, "did you mean 'repellence'"),
        ({"train__penalties": [{"name": "repellence", "strength": float("nan")}]}, "strength"),
        ({"train__penalties": [{"name": "distance", "strength": -1}]}, "strength"),
        (
            {"train__penalties": ["distance"], "sparse": {"density": 0.1, "latent": "supermask"}},
            "train.penalties: distance is of weights, and sparse.latent: supermask trains tensors in place of them",
        ),
    ],
)
def test_what_can_not_be_is_refused(changes, words):
    with pytest.raises(ValidationError, match=words):
        tiny(**changes)
