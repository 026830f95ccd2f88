"""Networks that are sparse from the start, and masks that move while they train."""

from itertools import combinations

import pytest
import torch
from conftest import batches_of, carry_out, interrupted_and_resumed, new_trainer, plan, same, tiny
from torch.nn import functional as F

from lottery import registry
from lottery.config.values import Point
from lottery.cost.flops import masked_flops
from lottery.errors import LotteryError
from lottery.networks import masks
from lottery.networks.key import Key
from lottery.networks.network import Network
from lottery.studies.prepare import prepare
from lottery.studies.train import sparse_start

MOVING = [name for name in registry.names("topology") if name != "static"]
MOMENTUM = {"name": "sgd", "lr": 0.1, "momentum": 0.9, "weight_decay": 1e-3}


def study(topology="rigl", density=0.2, **changes):
    """Updates after steps 10 and 20 of 30."""
    rule = {"name": topology, "interval": "10it", "end": "20it"}
    return tiny(**{"train__optimizer": MOMENTUM, "sparse": {"density": density, "topology": rule}} | changes)


def start(setting, replicates=2, level=1):
    dense = [setting.initial(replicate) for replicate in range(replicates)]
    full = [Network(state, masks.full(state, list(setting.shapes))) for state in dense]
    return [sparse_start(setting, network, Key(replicate, level, "sparse")) for replicate, network in enumerate(full)]


def trainer_of(setting, networks, execution="looped", replicates=None):
    return new_trainer(setting, networks, replicates or list(range(len(networks))), execution=execution, level=1)


def test_rigl_is_that_of_a_plain_loop():
    """Against a loop written from the paper's algorithm, with torch's optimizer and a sort."""
    setting = prepare(study(replicates=1))
    network = start(setting, 1)[0]
    trainer = trainer_of(setting, [network])
    trainer.advance(30)

    model, mask = setting.template, {name: kept.clone() for name, kept in network.mask.items()}
    model.load_state_dict(network.state)
    parameters = dict(model.named_parameters())
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9, weight_decay=1e-3)
    batches = batches_of(setting, [0])
    for step in range(30):
        images, labels = batches.at(step)
        optimizer.zero_grad()
        F.cross_entropy(model(images[0]), labels[0]).backward()
        if step not in (9, 19):
            for name, kept in mask.items():
                parameters[name].grad.mul_(kept)
            optimizer.step()
            continue
        fraction = {9: 0.3 / 2 * (1 + 0), 19: 0.0}[step]  # cosine, half way and at the end
        for name, kept in mask.items():
            weight, gradient = parameters[name].detach().flatten(), parameters[name].grad.flatten()
            active = kept.flatten().nonzero().flatten().tolist()
            count = int(fraction * len(active))
            dropped = sorted(active, key=lambda i: weight[i].abs().item())[:count]
            left = set(active) - set(dropped)
            free = [i for i in range(kept.numel()) if i not in left]
            grown = sorted(free, key=lambda i: -gradient[i].abs().item())[:count]
            kept.view(-1)[dropped] = False
            kept.view(-1)[grown] = True
            with torch.no_grad():
                parameters[name].mul_(kept)
                optimizer.state[parameters[name]]["momentum_buffer"].mul_(kept)
    member = trainer.cohort.member(0)
    for name, kept in mask.items():
        assert torch.equal(member.mask[name], kept)
        assert not torch.equal(kept, network.mask[name]) or name == "output.weight"
    for name, value in model.state_dict().items():
        torch.testing.assert_close(member.state[name], value, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("topology", MOVING)
@pytest.mark.parametrize("execution", ["stacked", "looped"])
@pytest.mark.parametrize("optimizer", [MOMENTUM, {"name": "adam", "lr": 0.01, "weight_decay": 1e-3}])
def test_nothing_lives_outside_the_mask_after_any_step(topology, execution, optimizer):
    setting = prepare(study(topology, train__optimizer=optimizer))
    networks = start(setting)
    trainer = trainer_of(setting, networks, execution)
    before = [masks.count(network.mask) for network in networks]
    for step in range(1, 31):
        trainer.advance(step)
        slots = [tensor for name, tensors in trainer._slots.items() if name != "steps" for tensor in tensors]
        for index, count in enumerate(before):
            member = trainer.cohort.member(index)
            for name, mask in member.mask.items():
                assert (member.state[name][~mask] == 0).all()
                for part in range(0, len(slots), len(trainer.cohort.leaves)):
                    one_each = slots[part : part + len(trainer.cohort.leaves)]
                    assert (trainer.cohort.view(one_each, index)[name].cpu()[~mask] == 0).all()
            if topology != "gradual":
                assert masks.count(member.mask) == count
    ends = [trainer.cohort.member(index).mask for index in range(2)]
    for network, mask in zip(networks, ends, strict=True):
        assert any(not torch.equal(network.mask[name], mask[name]) for name in mask)
        asked = setting.sparse_densities(1)
        assert masks.count(mask) == sum(round(asked[name] * mask[name].numel()) for name in mask)


@pytest.mark.parametrize("topology", MOVING)
def test_members_of_different_densities_move_as_if_alone(topology):
    """In one cohort, stacked and looped, each as by itself."""
    thin, thick = (prepare(study(topology, density)) for density in (0.1, 0.3))
    networks = [start(thin)[0], start(thick)[1]]
    alone = [trainer_of(thin, [network], replicates=[index]) for index, network in enumerate(networks)]
    together = [trainer_of(thin, networks, execution) for execution in ("stacked", "looped")]
    for trainer in (*alone, *together):
        trainer.advance(12)
    for index, single in enumerate(alone):
        expected = single.cohort.member(0)
        for both in together:
            found = both.cohort.member(index)
            for name, mask in expected.mask.items():
                assert torch.equal(found.mask[name], mask)
                torch.testing.assert_close(found.state[name], expected.state[name], rtol=1e-3, atol=1e-5)


@pytest.mark.parametrize("topology", MOVING)
@pytest.mark.parametrize("execution", ["stacked", "looped"])
def test_saved_between_updates_goes_on_to_the_same_bytes(topology, execution):
    setting = prepare(study(topology))
    networks = start(setting)
    straight = trainer_of(setting, networks, execution)
    straight.advance(14)
    saved, costs = straight.state(), straight.trained.costs(14)
    straight.advance(25)
    resumed = trainer_of(setting, networks, execution)
    resumed.load(saved)
    assert resumed.trained.costs(14) == costs
    resumed.advance(25)
    assert straight.state().keys() == resumed.state().keys()
    for name, tensor in straight.state().items():
        assert torch.equal(tensor, resumed.state()[name]), name
    assert resumed.trained.pop() == straight.trained.pop()


def test_equal_weights_go_alike_after_a_resumption():
    """Updates in place of every step: more weights were just grown, and are zero, than the next update drops."""
    rule = {"name": "rigl", "interval": "1it", "end": "20it"}
    setting = prepare(study(sparse={"density": 0.3, "topology": rule}))
    networks, name = start(setting), "hidden_1.weight"
    straight, resumed = trainer_of(setting, networks), trainer_of(setting, networks)
    straight.advance(14)
    saved, members = straight.state(), [straight.cohort.member(index) for index in range(2)]
    straight.advance(15)
    for index, before in enumerate(members):
        active, after = before.mask[name], straight.cohort.member(index).mask[name]
        zeros = active & (before.state[name] == 0)
        assert zeros.sum() > (active & ~after).sum()
    resumed.load(saved)
    resumed.advance(15)
    for key, tensor in straight.state().items():
        assert torch.equal(tensor, resumed.state()[key]), key


@pytest.mark.parametrize("topology", ["rigl", "snfs", "set"])
def test_interrupted_and_resumed_gives_the_same_bytes(topology, tmp_path):
    config = study(topology, [0.3, 0.1])
    assert same(
        carry_out(config, tmp_path / "whole", "train"), interrupted_and_resumed(config, tmp_path / "part", "train")
    )


@pytest.mark.parametrize("growth", ["zero", "random"])
@pytest.mark.parametrize("execution", ["stacked", "looped"])
def test_what_is_grown_starts_where_the_config_says(growth, execution):
    rule = {"name": "rigl", "interval": "10it", "end": "20it", "growth": growth}
    setting = prepare(study(sparse={"density": 0.2, "topology": rule}))
    networks = start(setting)
    trainer = trainer_of(setting, networks, execution)
    trainer.advance(9)
    before = [trainer.cohort.member(index) for index in range(2)]
    trainer.advance(10)  # RigL's update takes the place of this step
    for index, old in enumerate(before):
        new, name = trainer.cohort.member(index), "hidden_1.weight"
        grown, stayed = new.mask[name] & ~old.mask[name], new.mask[name] & old.mask[name]
        assert torch.equal(new.state[name][stayed], old.state[name][stayed])
        values = new.state[name][grown]
        assert grown.sum() > 20
        if growth == "zero":
            assert (values == 0).all()
        else:
            assert values.std() == pytest.approx(new.state[name][stayed].std(), rel=0.5)


def moved(setting, network, replicates, level, alive=None):
    """The masks of equal networks after the first update, without training before it."""
    trained = new_trainer(setting, [network] * len(replicates), replicates, level=level).trained
    trained.before_step(9)
    trained.after_step(9, {}, torch.tensor(alive or [True] * len(replicates)))
    return [mask["hidden_1.weight"] for mask in (trained.cohort.member(index).mask for index in range(len(replicates)))]


def test_each_replicate_and_level_grows_by_draws_of_its_own():
    setting = prepare(study("set", [0.2, 0.1]))
    network = start(setting, 1)[0]
    found = [mask for level in (1, 2) for mask in moved(setting, network, [0, 1], level)]
    assert not any(torch.equal(one, other) for one, other in combinations([network.mask["hidden_1.weight"], *found], 2))


def test_the_mask_of_a_member_that_diverged_stays():
    """Its weights may still be numbers, though its loss was none."""
    setting = prepare(study("set"))
    network = start(setting, 1)[0]
    lives, lost = moved(setting, network, [0, 1], 1, [True, False])
    assert not torch.equal(lives, network.mask["hidden_1.weight"])
    assert torch.equal(lost, network.mask["hidden_1.weight"])


def test_counts_and_costs_stand_in_the_run(tmp_path):
    """FLOPs by hand: 28 steps of a fixed sparse network, two updates that take the gradient of all weights."""
    config = study("rigl", 0.1)
    setting, run = prepare(config), carry_out(config, tmp_path, "train")
    dense = sum(setting.flops.values())
    for line in run.levels():
        mask = run.read_mask(Key(line["replicate"], 1, "sparse"), setting.like.mask)
        first = start(setting)[line["replicate"]].mask
        forward = masked_flops(setting.flops, mask)
        assert line["train_flops"] == 32 * (28 * 3 * forward + 2 * (2 * forward + dense))
        trained = [
            record for record in run.whole_metrics()
            if record["split"] == "train" and record["replicate"] == line["replicate"]
        ]  # fmt: skip
        assert [record["step"] for record in trained] == [10, 20, 30]
        assert trained[0]["dropped"] >= trained[0]["grown"] > 0
        assert trained[1]["dropped"] == trained[2]["dropped"] == 0
        shared = sum(int((mask[name] & first[name]).sum()) for name in mask)
        assert trained[2]["overlap_with_start"] == pytest.approx(shared / masks.count(mask))
        grown = sum(record["grown"] - record["regrown"] for record in trained)
        assert line["ever_active"] == pytest.approx((masks.count(first) + grown) / masks.total(mask))


@pytest.mark.parametrize("topology", MOVING)
def test_training_is_charged_step_by_step(topology):
    """By the papers' table: 3 f_S a step, of the mask as it then is; 2 f_S + f_D where all gradients are needed."""
    setting = prepare(study(topology))
    trainer = trainer_of(setting, start(setting))
    dense, expected = sum(setting.flops.values()), [0, 0]
    for step in range(30):
        for index in range(2):
            forward = masked_flops(setting.flops, trainer.cohort.member(index).mask)
            updates = topology.startswith("rigl") and step in (9, 19)
            every = topology in ("snfs", "rigl_momentum")
            expected[index] += 2 * forward + (dense if updates or every else forward)
        trainer.advance(step + 1)
    assert trainer.trained.spent(30) == expected


@pytest.mark.parametrize(
    ("optimizer", "decay"),
    [(MOMENTUM | {"momentum": 0.5}, 0.5), ({"name": "sgd", "lr": 0.1}, 0.9), ({"name": "adam", "lr": 0.1}, 0.9)],
)
def test_the_moving_sum_of_gradients_decays_as_the_optimizers_momentum(optimizer, decay):
    setting = prepare(study("snfs", train__optimizer=optimizer))
    evolution = trainer_of(setting, start(setting)).trained
    for _ in range(3):
        evolution.observe([torch.ones_like(leaf) for leaf in evolution.leaves])
    traces = [tensor for name, tensor in evolution.state().items() if name.startswith("trace/")]
    assert len(traces) == len(evolution.leaves)
    for trace in traces:
        torch.testing.assert_close(trace, torch.full_like(trace, 1 + decay + decay**2))


def test_static_networks_cost_thrice_their_forward_pass(tmp_path):
    config = tiny(sparse={"density": [0.5, 0.1], "dense": True})
    setting, run = prepare(config), carry_out(config, tmp_path, "train")
    found = {(line["level"], line["replicate"]): line for line in run.levels()}
    assert sorted(found) == [(level, replicate) for level in range(3) for replicate in range(2)]
    for line in found.values():
        assert line["train_flops"] == 3 * 30 * 32 * line["flops"]
        assert "ever_active" not in line
    assert found[0, 0]["density"] == 1
    assert found[2, 0]["density"] == plan(setting, "train")[2].density == pytest.approx(0.1, abs=0.01)


def test_a_sparse_network_starts_from_the_dense_draw_of_its_replicate():
    setting = prepare(tiny(sparse={"density": [0.5, 0.1]}))
    wide, narrow = start(setting, level=1)[0], start(setting, level=2)[0]
    for network in (wide, narrow):
        for name, mask in network.mask.items():
            assert torch.equal(network.state[name], setting.initial(0)[name] * mask)


def test_sparse_weights_are_drawn_by_the_studys_seed():
    """Of one mask."""
    section = {"density": 0.5, "score": "magnitude", "initializer": "sparse_kaiming"}
    settings = [prepare(tiny(seed=seed, sparse=section)) for seed in (0, 1)]
    initial = settings[0].dense(settings[0].initial(0))
    one, other = (sparse_start(setting, initial, Key(0, 1, "sparse")) for setting in settings)
    for name, mask in one.mask.items():
        assert torch.equal(mask, other.mask[name])
        assert not torch.equal(one.state[name], other.state[name])


def test_a_schedule_can_be_stretched():
    config = study("rigl", train__stretch=2.0, train__schedule={"name": "step", "milestones": ["15it"]})
    setting = prepare(config)
    trainer = trainer_of(setting, start(setting))
    assert setting.length == 60
    assert (setting.course(1).end, setting.course(1).interval) == (40, 10)
    trainer.advance(30)
    assert trainer.learning_rate == pytest.approx(0.1)
    trainer.advance(31)
    assert trainer.learning_rate == pytest.approx(0.01)


def test_weights_ever_active_are_the_union_of_a_members_masks():
    rule = {"name": "set", "interval": "2it", "end": "20it"}
    setting = prepare(study(sparse={"density": 0.2, "topology": rule}))
    trainer = trainer_of(setting, start(setting))
    union = {name: mask.clone() for name, mask in trainer.cohort.masks.items()}
    for step in range(1, 22):
        trainer.advance(step)
        for name, mask in trainer.cohort.masks.items():
            union[name] |= mask
    weights = masks.total(setting.like.mask)
    shares = [sum(int(mask[member].sum()) for mask in union.values()) / weights for member in range(2)]
    assert [record["ever_active"] for record in trainer.trained.pop()] == shares
    assert shares[0] != shares[1]


def test_masks_move_at_the_last_step_of_each_interval_that_ends_in_time():
    rule = {"name": "rigl", "interval": "5it", "start": "10it", "end": "25it"}
    course = prepare(tiny(train__optimizer=MOMENTUM, sparse={"density": 0.2, "topology": rule})).course(1)
    assert [step for step in range(30) if course.due(step)] == [14, 19, 24]


def test_points_of_training():
    assert Point.parse("75%").of(epoch=10, length=90) == 67
    assert Point.parse("3ep").of(epoch=10, length=90) == 30
    assert Point.parse("7it").of(epoch=10, length=90) == 7
    with pytest.raises(ValueError, match="write 2000it, 3ep, or 75%"):
        Point.parse("101%")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"topology": {"name": "rigl", "end": "10it", "interval": "20it"}}, "comes after the last, at 10"),
        ({"topology": {"name": "set", "end": "40it", "interval": "5it"}}, "after the end of training, 30"),
        ({"topology": {"name": "rigl", "interval": "10it"}, "density": 1.0}, "no free weight for rigl to grow"),
        ({"density": 1e-6}, "leaves not a single weight"),
        ({"score": {"name": "grasp", "per_class": 500}}, "score grasp: wants 500 images of each class, and class"),
        ({"exclude": ["conv*"]}, "no layer is called 'conv"),
        ({"exclude": ["*"]}, "leaves no layer to prune"),
    ],
)
def test_settings_that_cannot_work_are_refused_by_name(changes, message):
    with pytest.raises(LotteryError, match=message):
        prepare(tiny(sparse={"density": 0.2, "allocation": "uniform"} | changes))


def test_a_stretch_that_leaves_no_step_is_refused_by_name():
    with pytest.raises(LotteryError, match=r"train\.stretch: 0\.001 leaves not a single step of 30it"):
        prepare(tiny(train__stretch=0.001))


def test_a_score_wants_its_images_of_every_replicate():
    """Splits differ from replicate to replicate, and with them how many images of a class there are."""
    setting = prepare(tiny(replicates=3))
    fewest = [int(setting.data.train_labels[index].bincount().min()) for index in setting.data.train_index]
    assert fewest[0] > min(fewest)
    with pytest.raises(LotteryError, match=f"score grasp: wants {fewest[0]} images of each class"):
        prepare(tiny(replicates=3, sparse={"density": 0.2, "score": {"name": "grasp", "per_class": fewest[0]}}))


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ("sparse.density=0", "sparse.density"),
        ("sparse={density: 0.1, score: movement}", "nothing is trained yet"),
        ("sparse={density: 0.1, topology: {name: rigl, interval: 0it}}", "interval: must be more than 0"),
        ("sparse={density: 0.1, score: synflow, rounds: 1001}", "sparse.rounds: input should be less than or equal to"),
        ("sparse={density: 0.1, topology: rigle}", "did you mean 'rigl'"),
        ("sparse={density: 0.1, topology: gradual, score: snip}", "score: snip doesn't go with topology: gradual"),
        ("sparse={density: 0.1, topology: gradual, initializer: layer_scaled}", "initializer: layer_scaled doesn't go"),
        ("sparse={density: 0.1, topology: gradual, rounds: 3}", "rounds: no score prunes with topology: gradual"),
    ],
)
def test_what_a_config_cannot_say_is_refused(lottery, config_file, setting, message):
    result = lottery("train", config_file, "--set", setting)
    assert result.code == 2
    assert message in result.err
    assert len(result.err.splitlines()) <= 2


def test_pruning_and_sparse_training_are_not_mixed(lottery, config_file):
    result = lottery("prune", config_file, "--set", "sparse.density=0.1")
    assert result.code == 2
    assert "lottery train" in result.err


def test_a_run_of_sparse_training_is_not_pruned_on(lottery, tmp_path):
    run = carry_out(study("set"), tmp_path, "train")
    result = lottery("prune", run.path, "--iterations", "1")
    assert result.code == 2
    assert "sparse from the start" in result.err


def test_a_small_dense_network_has_as_many_weights_as_the_sparse_one():
    large, small = prepare(tiny()), prepare(tiny(model={"name": "fcn", "widths": [16], "small_dense": 0.25}))
    assert sum(shape.numel() for shape in small.shapes.values()) == 64 * 4 + 4 * 10  # 74 weights for each hidden unit
    assert sum(shape.numel() for shape in large.shapes.values()) == 4 * (64 * 4 + 4 * 10)
    with pytest.raises(
        LotteryError, match=r"model\.small_dense: torchvision has no option `scale` .*`scale: float = 1\.0`"
    ):
        prepare(tiny(model={"name": "torchvision", "model": "resnet18", "small_dense": 0.5}))
