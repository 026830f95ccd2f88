import math

import pytest
import torch
from conftest import batches_of, new_trainer, tiny
from torch.nn import functional as F

from lottery.config.train import Optimizer, Schedule
from lottery.networks import masks
from lottery.networks.key import Key
from lottery.networks.network import Network
from lottery.studies.chunk import make_trainer
from lottery.studies.prepare import prepare
from lottery.training.evaluation import evaluate
from lottery.training.recipe import Member, Recipe, factor


def recipe(schedule, length, epoch=10):
    return Recipe(length, 0, length, 1, epoch, Optimizer(name="sgd"), schedule)


def test_step_schedule_and_warmup_by_hand():
    schedule = Schedule.model_validate({"name": "step", "milestones": ["20it", "3ep"], "factor": 0.1, "warmup": "4it"})
    at = factor(recipe(schedule, length=50))
    assert [at(step) for step in (0, 1, 3, 4, 19)] == [0.25, 0.5, 1, 1, 1]
    assert at(20) == pytest.approx(0.1)
    assert at(30) == pytest.approx(0.01)


def test_past_the_end_the_rate_stays_what_it_was_last():
    at = factor(recipe(Schedule.model_validate({"name": "cosine", "final": 0.2}), length=10))
    assert 0.2 < at(9) < at(8)
    assert at(9) == at(10) == at(15)


def test_warmup_is_told_in_epochs_too():
    at = factor(recipe(Schedule.model_validate({"name": "constant", "warmup": "2ep"}), length=50, epoch=5))
    assert [at(step) for step in (0, 4, 9, 10, 49)] == [0.1, 0.5, 1, 1, 1]


def test_cosine_schedule_by_hand():
    at = factor(recipe(Schedule.model_validate({"name": "cosine", "final": 0.2}), length=100))
    assert at(50) == pytest.approx(0.6)
    assert at(25) == pytest.approx(0.2 + 0.8 * (1 + math.sqrt(0.5)) / 2)


def dense(config, count):
    setting = prepare(config)
    state = [setting.initial(replicate) for replicate in range(count)]
    networks = [Network(one, masks.full(one, list(setting.shapes))) for one in state]
    return setting, networks


SGD, ADAM, ADAMW = torch.optim.SGD, torch.optim.Adam, torch.optim.AdamW


@pytest.mark.parametrize(
    ("name", "options", "theirs"),
    [
        ("sgd", {"momentum": 0.9, "weight_decay": 1e-3}, SGD),
        ("sgd", {"momentum": 0.9, "nesterov": True}, SGD),
        ("sgd", {}, SGD),
        ("adam", {"weight_decay": 1e-3}, ADAM),
        ("adamw", {"weight_decay": 1e-1}, ADAMW),
    ],
)
def test_training_is_that_of_a_plain_loop(name, options, theirs):
    """The whole trainer against a hand-written loop with torch's own optimizer and scheduler."""
    rate = 0.1 if name == "sgd" else 0.01
    config = tiny(
        train__optimizer={"name": name, "lr": rate, **options},
        train__schedule={"name": "step", "milestones": ["15it"]},
        replicates=1,
    )
    setting, networks = dense(config, 1)
    trainer = new_trainer(setting, networks, [0], execution="looped")
    trainer.advance(30)

    model = setting.template
    model.load_state_dict(networks[0].state)
    optimizer = theirs(model.parameters(), lr=rate, **options)
    scheduler = torch.optim.lr_scheduler.MultiStepLR(optimizer, [15])
    batches = batches_of(setting, [0])
    losses = []
    for step in range(30):
        images, labels = batches.at(step)
        optimizer.zero_grad()
        loss = F.cross_entropy(model(images[0]), labels[0])
        loss.backward()
        optimizer.step()
        scheduler.step()
        losses.append(loss.item())
    for name, value in model.state_dict().items():
        torch.testing.assert_close(trainer.cohort.member(0).state[name], value, rtol=1e-4, atol=1e-6)
    assert trainer.pop_loss() == [pytest.approx(sum(losses) / 30, rel=1e-5)]
    assert trainer.learning_rate == pytest.approx(rate / 10)
    with torch.no_grad():
        images, labels = next(setting.data.test(360))
        logits = model.eval()(images)
    loss, correct, count = evaluate(trainer.cohort, setting.task, setting.data.test(100), shared=True)
    assert loss == [pytest.approx(F.cross_entropy(logits, labels).item(), rel=1e-4)]
    assert (correct, count) == ([(logits.argmax(1) == labels).sum().item()], 360)


@pytest.mark.parametrize("optimizer", ["sgd", "adam", "adamw"])
@pytest.mark.parametrize("execution", ["stacked", "looped"])
@pytest.mark.parametrize("model", [{"name": "fcn", "widths": [16]}, {"name": "resnet", "depth": 8, "width": 4}])
def test_saved_and_loaded_goes_on_to_the_same_bytes(optimizer, execution, model):
    options = {"momentum": 0.9} if optimizer == "sgd" else {}
    config = tiny(
        train__optimizer={"name": optimizer, **options}, execution=execution, model=model,
        data__augment={"crop": 1, "flip": True},
    )  # fmt: skip
    setting, networks = dense(config, 2)
    straight = new_trainer(setting, networks, [0, 1], execution=execution)
    straight.advance(9)
    saved = straight.state()
    straight.advance(14)
    resumed = new_trainer(setting, networks, [0, 1], execution=execution)
    resumed.load(saved)
    assert resumed.step == 9
    resumed.advance(14)
    for name, tensor in straight.state().items():
        assert torch.equal(tensor, resumed.state()[name]), name
    # The check notices a slot that is lost.
    forgetful = new_trainer(setting, networks, [0, 1], execution=execution)
    forgetful.load({name: tensor for name, tensor in saved.items() if not name.startswith("slots/")})
    forgetful.advance(14)
    assert any(not torch.equal(tensor, forgetful.state()[name]) for name, tensor in straight.state().items())


def test_stop_is_asked_before_each_step():
    setting, networks = dense(tiny(), 2)
    trainer = new_trainer(setting, networks, [0, 1], start=3, execution="looped")
    asked = iter([False, False, True])
    assert not trainer.advance(30, lambda: next(asked))
    assert trainer.step == 5


def test_the_configs_precision_is_that_of_its_networks():
    trained = []
    for precision in ("float32", "bf16"):
        setting, networks = dense(tiny(train__precision=precision), 1)
        trainer = new_trainer(setting, networks, [0])
        trainer.advance(1)
        trained.append(trainer.cohort.member(0).state["output.bias"])
    assert not torch.equal(*trained)


def test_members_of_other_orders_see_other_batches():
    setting, (network, _) = dense(tiny(), 2)
    members = [Member(Key(0, 0, "dense", order), setting.recipe) for order in (0, 1)]
    both = make_trainer(setting, [network, network], members, "looped")
    alone = make_trainer(setting, [network], members[1:], "looped")
    for trainer in (both, alone):
        trainer.advance(3)
    first, second, expected = (
        trainer.cohort.member(index).state["hidden_1.weight"] for trainer, index in ((both, 0), (both, 1), (alone, 0))
    )
    assert torch.equal(second, expected)
    assert not torch.equal(first, second)


def test_each_member_is_charged_for_its_own_mask_from_its_start_on():
    """18 steps of 32 images, thrice the forward pass of 64 * 16 + 16 * 10 weights, or of half of them."""
    setting, (whole, other) = dense(tiny(), 2)
    half = {name: torch.arange(mask.numel()).view(mask.shape) % 2 == 0 for name, mask in other.mask.items()}
    trained = new_trainer(setting, [whole, Network(other.state, half)], [0, 1], start=12).trained
    expected = 18 * 32 * 3 * 2 * (64 * 16 + 16 * 10)
    assert trained.costs(30) == [{"train_flops": expected}, {"train_flops": expected // 2}]


def test_labels_are_smoothed_as_torch_does():
    setting, networks = dense(tiny(train__label_smoothing=0.2), 1)
    trainer = new_trainer(setting, networks, [0])
    trainer.advance(1)
    setting.template.load_state_dict(networks[0].state)
    images, labels = batches_of(setting, [0]).at(0)
    loss = F.cross_entropy(setting.template(images[0]), labels[0], label_smoothing=0.2)
    assert trainer.pop_loss() == pytest.approx([loss.item()])
