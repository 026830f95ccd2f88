"""Probes while networks train: their lines, that they only look, and what each of them measures."""

from __future__ import annotations

import copy
import math
import re
from dataclasses import replace
from typing import ClassVar

import pytest
import torch
from conftest import (
    Quiet,
    carry_on,
    carry_out,
    interrupted_and_resumed,
    killed_at,
    new_trainer,
    one_thread,
    same,
    tensor_files,
    tiny,
)
from torch import nn
from torch.nn import functional as F

import lottery
from lottery import plugins
from lottery.errors import LotteryError, RunFailed
from lottery.networks.key import Key
from lottery.networks.network import Network
from lottery.networks.subject import Subject
from lottery.probes.activity import activity
from lottery.probes.gradient_flow import SHOWN, gradient_flow
from lottery.probes.weights import weights
from lottery.seeds import seeded, stream
from lottery.store.run import Run
from lottery.studies import chunk
from lottery.studies.prepare import prepare
from lottery.studies.prune import Prune
from lottery.studies.subjects import sample_of, subject_of
from lottery.studies.undertaking import new

FLOW = {"name": "gradient_flow", "every": "7it", "images": 50}
MOVING = {"density": 0.2, "dense": True, "topology": {"name": "rigl", "interval": "5it"}}


def probed(**changes):
    return tiny(**{"probes": [FLOW], "pruning__arms": [], "pruning__iterations": 1} | changes)


def plain(found):
    """Lines without their seconds."""
    return [{name: value for name, value in line.items() if name != "seconds"} for line in found]


def of(run, key, probe="gradient_flow"):
    return [line for line in run.probes() if Key.of(line) == key and line["probe"] == probe]


# When


def test_networks_are_probed_at_their_first_step_at_multiples_and_at_their_last(tmp_path):
    run = carry_out(probed(probes=[FLOW, {"name": "weights", "every": "1ep"}], pruning__rewind="9it"), tmp_path)
    assert [line["step"] for line in of(run, Key(1, 0, "dense"))] == [0, 7, 14, 21, 28, 30]
    assert [line["step"] for line in of(run, Key(1, 1, "ticket"))] == [9, 14, 21, 28, 30]
    assert [line["step"] for line in of(run, Key(1, 1, "ticket"), "weights")] == [9, 30]
    assert {line["when"] for line in run.probes()} == {"step"}
    assert {line["images"] for line in of(run, Key(0, 0, "dense"))} == {50}


def test_where_masks_move_a_probe_that_wants_to_is_asked_before_and_after(tmp_path):
    config = probed(sparse=MOVING, probes=[FLOW, {"name": "weights", "every": "7it"}])
    run = carry_out(config, tmp_path, "train")
    own = of(run, Key(0, 1, "sparse"))
    moves = [(line["step"], line["when"]) for line in own if line["when"] != "step"]
    assert moves == [(step, when) for step in (5, 10, 15, 20) for when in ("before", "after")]
    assert {line["when"] for line in of(run, Key(0, 0, "dense"))} == {"step"}
    assert {line["when"] for line in of(run, Key(0, 1, "sparse"), "weights")} == {"step"}
    before, after = (next(line for line in own if line["when"] == when)["values"] for when in ("before", "after"))
    assert after["change"]["flow"] == after["flow"] - before["flow"] != 0
    assert after["change"]["layers"]["output"] == after["layers"]["output"] - before["layers"]["output"]
    assert "change" not in before


def test_without_probes_nothing_pauses_and_nothing_is_written(tmp_path, monkeypatch):
    pauses = []
    pause = chunk._next_pause
    monkeypatch.setattr(chunk, "_next_pause", lambda *given: pauses.append(pause(*given)) or pauses[-1])
    without = carry_out(probed(probes=[], replicates=1, sparse=MOVING), tmp_path / "without", "train")
    assert pauses == [10, 20, 30] * 2
    assert not (without.path / "probes.jsonl").exists()


# Probing only looks


@pytest.mark.parametrize("execution", ["looped", "stacked"])
@pytest.mark.parametrize("sparse", [None, MOVING, {"density": 0.3, "latent": "edge_popup"}])
def test_training_is_the_same_with_probes_as_without(sparse, execution, tmp_path):
    changes = {"execution": execution} | ({"sparse": sparse} if sparse else {})
    study = "train" if sparse else "prune"
    every = [{**FLOW, "every": "3it"}, {"name": "weights", "every": "4it"}]
    with_probes = carry_out(probed(**changes, probes=every), tmp_path / "with", study)
    without = carry_out(probed(**changes, probes=[]), tmp_path / "without", study)
    assert tensor_files(with_probes) == tensor_files(without)
    assert [{**line, "seconds": 0} for line in with_probes.metrics()] == [
        {**line, "seconds": 0} for line in without.metrics()
    ]
    assert with_probes.probes()


class Noisy(nn.Module):
    """A network with all that a forward pass of training may move or draw."""

    def __init__(self, shape, classes):
        super().__init__()
        self.conv = nn.Conv2d(1, 4, 3)
        self.norm = nn.BatchNorm2d(4)
        self.drop = nn.Dropout(0.5)
        self.output = nn.Linear(144, classes)

    def forward(self, images):
        return self.output(self.drop(F.relu(self.norm(self.conv(images))).flatten(1)))


@pytest.mark.parametrize("workers", [1, 2])
def test_neither_batch_normalisation_nor_dropout_is_moved_by_a_probe(workers, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    config = {"name": "noisy", "data": "digits", "train": {"length": "12it"}, "replicates": 2, "workers": workers}
    config |= {"device": "cpu"}
    without = lottery.train(config, model=Noisy, runs_dir="without")
    config |= {"probes": [{**FLOW, "every": "3it"}, {**FLOW, "name": "weights"}]}
    with_probes = lottery.train(config, model=Noisy, runs_dir="with")
    for replicate in range(2):
        one, other = (each.weights(0, replicate=replicate) for each in (with_probes, without))
        assert all(torch.equal(one[name], other[name]) for name in other)


def test_a_sample_is_fixed_unaugmented_and_the_first_of_a_larger_one():
    setting = prepare(tiny(data__augment={"flip": True, "crop": 1}))
    images, _ = sample_of(setting, 1, "probe")(20, None)
    again, _ = sample_of(setting, 1, "probe")(50, None)
    assert torch.equal(images, again[:20])
    assert not torch.equal(images, sample_of(setting, 0, "probe")(20, None)[0])
    assert images.shape == (20, 1, 8, 8)
    own = setting.data.train_images[setting.data.train_index[1]][..., 1:-1, 1:-1]
    assert all((setting.data.normalise(own) == image).flatten(1).all(1).any() for image in images)


# A member is probed as it would be alone


def alone(setting, network, start, replicate):
    """What the probe finds of a network outside of any cohort."""
    first = {name: start.state[name] * mask for name, mask in start.mask.items()}
    subject = subject_of(setting, network, replicate, initial=first)
    return replace(subject, sample=lambda count, per_class: sample_of(setting, replicate, "probe")(50, None))


@pytest.mark.parametrize("changes", [{"execution": "looped"}, {"execution": "stacked"}, {"workers": 2}])
def test_a_member_of_a_cohort_is_probed_as_it_would_be_alone(changes, tmp_path):
    with one_thread():
        config = probed(**changes, probes=[FLOW, {"name": "weights", "every": "7it", "images": 50}])
        run, setting = carry_out(config, tmp_path), prepare(config)
        for key in (Key(0, 0, "dense"), Key(1, 0, "dense"), Key(0, 1, "ticket"), Key(1, 1, "ticket")):
            start = Network(setting.initial(key.replicate), run.read_mask(key))
            end = Network(run.read_weights(key), run.read_mask(key))
            for name, probe in (("gradient_flow", gradient_flow), ("weights", weights)):
                own = [line["values"] for line in of(run, key, name)]
                for network, found in ((start, own[0]), (end, own[-1])):
                    assert found == probe(alone(setting, network, start, key.replicate))


def test_after_a_move_the_gradient_is_that_of_the_new_mask(tmp_path):
    config = probed(sparse={**MOVING, "dense": False, "topology": {"name": "set", "interval": "5it", "end": "5it"}},
                    train__length="5it", train__evaluate_every="5it", replicates=1)  # fmt: skip
    run, setting, key = carry_out(config, tmp_path, "train"), prepare(config), Key(0, 1, "sparse")
    end = Network(run.read_weights(key), run.read_mask(key))
    found = gradient_flow(alone(setting, end, end, 0))
    after = next(line["values"] for line in of(run, key) if line["when"] == "after")
    assert {name: after[name] for name in found} == found
    assert of(run, key)[-1]["values"] == found


# Kill and resume


KILLED = {
    "masks that move": ("train", {"sparse": MOVING, "checkpoint": {"steps": "8it"}, "replicates": 1}),
    "workers": ("train", {"workers": 2, "sparse": MOVING, "checkpoint": {"steps": "8it"}}),
}


@pytest.mark.parametrize("kind", KILLED)
def test_killed_and_resumed_gives_the_same_lines(kind, tmp_path):
    study, changes = KILLED[kind]
    config = probed(**changes, probes=[FLOW, {"name": "weights", "every": "6it"}], execution="looped")
    with one_thread():
        straight = carry_out(config, tmp_path / "straight", study)
        total = killed_at(Run.create(tmp_path / "whole", config, {"study": study}), config, 10**9)
        for share in (0.45, 0.85):
            run = Run.create(tmp_path / "killed", config, {"study": study})
            assert killed_at(run, config, round(share * total)) is None
            carry_on(run, prepare(config))
            assert same(run, straight)
            assert len(run.probes()) == len({repr(line) for line in plain(run.probes())})


def test_stopped_between_two_pauses_and_resumed_gives_the_same_lines(tmp_path):
    config = probed(sparse=MOVING)
    straight = carry_out(config, tmp_path / "straight", "train")
    for questions in (11, 43):
        run = interrupted_and_resumed(config, tmp_path / f"stopped-{questions}", "train", questions)
        assert same(run, straight)
        assert plain(run.probes()) == plain(straight.probes())


def test_lines_that_are_lost_or_damaged_are_named(tmp_path, lottery):
    run = carry_out(probed(replicates=1), tmp_path / "runs")
    path = run.path / "probes.jsonl"
    whole = path.read_text().splitlines(keepends=True)
    path.write_text("".join(whole[:-1]))
    told = lottery("report", run.path)
    assert told.code == 2
    assert "probes.jsonl was cut short: it lacks findings of level 1, replicate 0, ticket" in told.err
    path.write_text("")
    assert [lottery(name, run.path).code for name in ("report", "resume")] == [2, 2]
    assert "by `lottery resume`" in lottery("resume", run.path).err
    path.write_text("".join([*whole[:2], whole[2].replace("1", "2", 1), *whole[3:]]))
    with pytest.raises(LotteryError, match=r"probes\.jsonl, line 3 is damaged"):
        run.whole_probes()
    path.write_text("".join(whole[:-1]))
    (run.path / "replicate-0/level-01/ticket/summary.json").unlink()  # as the message says
    carry_on(run, prepare(probed(replicates=1)))
    assert len(run.whole_probes()) == len(whole)


def test_what_lacks_before_a_checkpoint_is_trained_again(tmp_path):
    config = probed(sparse=MOVING, replicates=1)
    straight = carry_out(config, tmp_path / "straight", "train")

    class Loses(Quiet):
        said: ClassVar = []

        def noted(self, text):
            self.said.append(text)

    asked = iter([False] * 43 + [True] * 100)
    run = Run.create(tmp_path / "runs", config, {"study": "train"})
    with pytest.raises(lottery.errors.Interrupted):
        carry_on(run, prepare(config), stop=lambda: next(asked))
    path = run.path / "probes.jsonl"
    left = path.read_text().splitlines(keepends=True)
    path.write_text("".join(left[:-1]))
    carry_on(run, prepare(config), Loses())
    assert any("findings of probes before its checkpoint are missing" in text for text in Loses.said)
    assert same(run, straight)


# Who diverges


def test_a_network_that_diverged_has_lines_without_values(tmp_path):
    config = probed(train__optimizer={"name": "sgd", "lr": 1e30}, replicates=1, sparse=MOVING)
    with pytest.raises(RunFailed, match="diverged"):
        carry_out(config, tmp_path, "train")
    (run,) = (Run(path) for path in tmp_path.iterdir())
    own = of(run, Key(0, 1, "sparse"))
    assert own[0]["values"]
    assert [line["values"] for line in own[1:]] == [{}] * (len(own) - 1)
    assert (own[-1]["step"], own[-1]["when"]) == (10, "step")  # evaluated, found lost, and ended
    run.whole_probes()


# What is asked for


@pytest.mark.parametrize(
    ("probes", "said"),
    [
        ([{"name": "gradient_flow", "every": "0it"}], "every: must be more than 0"),
        ([{"name": "gradient_flow", "images": 0}], "greater than or equal to 1"),
        ([{"name": "hessian", "steps": 10**9}], "less than or equal to 1000"),
        ([{"name": "hessian", "draws": 10**9}], "less than or equal to 1000"),
        ([{"name": "hessian", "probes": 10**9}], "less than or equal to 1000"),
        (["weights", "weights"], "weights is named twice"),
        (["gradient_flo"], "did you mean 'gradient_flow'"),
        ([{"name": "weights", "evry": "3it"}], "did you mean 'every'"),
    ],
)
def test_what_cannot_be_asked_for_is_said(probes, said):
    with pytest.raises(ValueError, match=said):
        tiny(probes=probes)


def test_more_images_than_there_are_is_found_before_anything_trains():
    with pytest.raises(LotteryError, match="probes: weights wants 5000 training images, and there are"):
        prepare(tiny(probes=[{"name": "weights", "images": 5000}]))


# What they measure


def by_hand() -> Subject:
    """Two inputs, two hidden units without biases, one of four weights pruned, a rectifier, two outputs."""
    with seeded(stream(0)):
        template = nn.Sequential(nn.Flatten(), nn.Linear(2, 2), nn.ReLU(), nn.Linear(2, 2, bias=False))
    state = {"1.weight": torch.tensor([[1.0, 0.0], [2.0, 1.0]]), "1.bias": torch.tensor([0.5, 0.0]),
             "3.weight": torch.tensor([[1.0, -1.0], [0.0, 2.0]])}  # fmt: skip
    mask = {"1.weight": torch.tensor([[True, False], [True, True]]), "3.weight": torch.ones(2, 2, dtype=torch.bool)}
    names = list(mask)
    return Subject(
        {name: state[name] for name in names}, mask,
        {"1.weight": torch.tensor([[-1.0, 0.0], [2.0, 0.0]]), "3.weight": torch.ones(2, 2)},
        state, template, (1, 1, 2), lambda count, each: (torch.tensor([[[[1.0, 2.0]]]]), torch.tensor([0])),
        lambda outputs, targets, reduction="mean": outputs[:, 0].sum() - outputs[:, 1].sum() * 0.5,
    )  # fmt: skip


def test_gradient_flow_by_hand():
    # Hidden: 1 * 1 + 0.5 = 1.5, 2 * 1 + 1 * 2 = 4. Outputs: 1.5 - 4 = -2.5, 8. Loss: -2.5 - 4 = -6.5.
    # dL/d outputs = (1, -0.5); d output weights = [[1.5, 4], [-0.75, -2]]; d hidden = (1, -1 - 1) = (1, -2).
    # d hidden weights = [[1, 2], [-2, -4]], of which the 2 is masked; d biases = (1, -2).
    found = gradient_flow(by_hand())
    output, hidden, biases = 1.5**2 + 4**2 + 0.75**2 + 2**2, 1 + 4 + 16, 1 + 4
    assert found == {
        "loss": -6.5, "flow": output + hidden + biases, "weights": output + hidden, "dense": output + hidden + 4,
        "layers": {"1": hidden, "3": output}, "dense_layers": {"1": hidden + 4, "3": output},
    }  # fmt: skip


def test_gradient_flow_is_what_autograd_finds(tmp_path):
    setting = prepare(probed(model={"name": "conv_2", "scale": 0.1}, data__name="digits"))
    network = setting.dense(setting.initial(0))
    mask = {name: torch.rand(own.shape, generator=torch.Generator().manual_seed(1)) < 0.4
            for name, own in network.mask.items()}  # fmt: skip
    found = gradient_flow(alone(setting, Network(network.state, mask), network, 0))
    module = copy.deepcopy(setting.template)
    module.load_state_dict(network.state)
    with torch.no_grad():
        for name, kept in mask.items():
            module.get_parameter(name).mul_(kept)
    images, labels = sample_of(setting, 0, "probe")(50, None)
    F.cross_entropy(module(images), labels).backward()
    gradients = {name: parameter.grad for name, parameter in module.named_parameters()}
    whole = math.fsum((grad * mask.get(name, 1)).double().square().sum() for name, grad in gradients.items())
    assert found["flow"] == pytest.approx(whole, rel=1e-5)
    assert found["dense"] == pytest.approx(math.fsum(gradients[name].square().sum() for name in mask), rel=1e-5)


def test_weights_by_hand():
    # Kept and not zero at the start: 1 (was -1), 2 (was 2), and of the outputs 1, -1, 0, 2 (were 1).
    found = weights(by_hand())
    hidden, output = 1 + 4 + 1, 1 + 1 + 4
    start, distance = 1 + 4 + 4, 2**2 + 1 + 0 + 4 + 1 + 1
    assert found["norm"] == pytest.approx(math.sqrt(hidden + output))
    assert found["layers"] == {"1": pytest.approx(math.sqrt(hidden)), "3": pytest.approx(math.sqrt(output))}
    assert found["same_sign"] == 3 / 6
    assert found["distance"] == pytest.approx(math.sqrt(distance))
    assert found["cosine"] == pytest.approx((-1 + 4 + 1 - 1 + 2) / math.sqrt((hidden + output) * start))


def test_where_nothing_is_left_there_is_no_number_for_it():
    one = by_hand()
    nothing = {name: torch.zeros_like(weight) for name, weight in one.weights.items()}
    bare = replace(one, weights=nothing, mask={name: weight.bool() for name, weight in nothing.items()})
    assert (weights(bare)["same_sign"], weights(bare)["cosine"]) == (None, None)


def test_trainers_that_masks_dont_move_in_are_not_followed():
    setting = prepare(tiny(replicates=1))
    trainer = new_trainer(setting, [setting.dense(setting.initial(0))], [0])
    assert not hasattr(trainer.trained, "on_move")


# What comes of the lines


def test_results_have_flat_records(tmp_path):
    run = carry_out(probed(replicates=1), tmp_path)
    record, line = lottery.open_run(run.path).probes[-1], run.probes()[-1]
    assert (record["arm"], record["step"], record["probe"], record["when"]) == ("ticket", 30, "gradient_flow", "step")
    assert record["flow"] == line["values"]["flow"]
    assert record["layers.output"] == line["values"]["layers"]["output"]
    assert "values" not in record


def line(step=0, replicate=0, level=1, when="step", arm="sparse", **values):
    return {"replicate": replicate, "level": level, "arm": arm, "order": 0, "step": step, "when": when,
            "values": values}  # fmt: skip


def test_gradient_flow_says_what_moves_and_starts_come_to():
    """Twice as much after each move of one replicate, four times of the other: the geometric mean is 2.83."""
    lines = [line(0, one, flow=0.5) for one in (0, 1)] + [
        line(0, one, level=0, arm="dense", flow=2.0) for one in (0, 1)
    ]
    lines += [
        line(step, replicate, when="after", flow=after, change={"flow": after - 1})
        for replicate, after in ((0, 2.0), (1, 4.0))
        for step in (5, 10)
    ]
    lines.append(line(15, 1, when="after"))  # diverged
    lines.append(line(15, 0, when="after", flow=3.0, change={"flow": 0.0, "dense": 0.0}))  # nothing moved
    exhibit = SHOWN(lines)
    assert re.match(r"At level 1, gradient flow does not clearly change .* is 2.83 \(.*\) times .* in 4 of 4 updates",
                    exhibit.answers[0])  # fmt: skip
    assert re.match(r"At the start of its training, sparse of level 1 has 0.25 .*times the dense", exhibit.answers[1])
    assert exhibit.charts[0].marks == [5, 10, 15]
    assert [curve.label for curve in exhibit.charts[0].curves] == ["dense", "level 1, sparse"]
    sure = SHOWN([line(5, one, when="after", flow=2.0 + one / 100, change={"flow": 1.0}) for one in range(5)])
    assert "gradient flow rises where masks move" in sure.answers[0]


def chain(first, second, biases=(0.0, 0.0, 0.0), images=((1.0, 0.0), (0.0, 2.0))) -> Subject:
    """Two inputs, three hidden units behind rectifiers, two outputs: weights that are 0 are pruned."""
    with seeded(stream(0)):
        template = nn.Sequential(nn.Flatten(), nn.Linear(2, 3), nn.ReLU(inplace=True), nn.Linear(3, 2, bias=False))
    weight = {"1.weight": torch.tensor(first), "3.weight": torch.tensor(second)}
    pixels = torch.tensor(images)[:, None, None]
    return Subject(
        weight, {name: one != 0 for name, one in weight.items()}, weight, weight | {"1.bias": torch.tensor(biases)},
        template, (1, 1, 2), lambda count, each: (pixels, torch.zeros(len(images), dtype=torch.int64)),
    )  # fmt: skip


ALL = [[1.0, -1.0], [1.0, 1.0], [-1.0, 1.0]]
ON = [[1.0, 1.0, 1.0], [1.0, -1.0, 2.0]]


@pytest.mark.parametrize(
    ("subject", "silent", "no_input", "no_output"),
    [
        (chain(ALL, ON), 0, 0, 0),
        (chain(ALL, ON, (-2.0, 0.0, 0.0)), 1, 0, 0),  # never above zero
        (chain([[1.0, -1.0], [0.0, 0.0], [-1.0, 1.0]], ON, (0.0, 1.0, 0.0)), 1, 1, 0),  # the same for all images
        (chain(ALL, [[1.0, 0.0, 1.0], [1.0, 0.0, 2.0]]), 1, 0, 1),  # nobody hears it
        (chain(ALL, ON, images=((0.0, 1.0), (0.0, 2.0))), 1, 0, 0),  # the first unit is off on both
    ],
)
def test_dead_units_by_hand(subject, silent, no_input, no_output):
    found = activity(subject)
    counts = [found[name]["1"] for name in ("silent", "no_input", "no_output")]
    assert counts == [silent, no_input, no_output]
    assert found["dead_units"] == {"1": max(counts), "3": 0}
    assert found["dead"] == max(counts) / 5
    assert found["units"] == {"1": 3, "3": 2}


def test_fan_in_and_layers_near_collapse_by_hand():
    found = activity(chain([[1.0, 0.0], [0.0, 0.0], [1.0, 1.0]], ON))
    assert found["fan_in"] == {"1": 1.5, "3": 3.0}
    assert found["near_collapse"] == []
    cut = activity(chain([[1.0, 0.0], [0.0, 0.0], [0.0, 0.0]], [[0.0, 1.0, 1.0], [0.0, 1.0, 1.0]]))
    assert cut["near_collapse"] == ["1", "3"]
    assert (cut["no_input"], cut["no_output"], cut["dead"]) == ({"1": 2, "3": 2}, {"1": 1, "3": 0}, 1.0)


@pytest.mark.parametrize("model", [{"name": "resnet", "depth": 8, "width": 4}, {"name": "conv_4", "scale": 0.1}])
def test_channels_of_any_architecture_are_looked_at(model):
    """A channel without inputs, and one that nothing hears, of the second convolution, in networks with sums."""
    setting = prepare(tiny(model=model, data__name="digits", data__validation=0))
    network = setting.dense(setting.initial(0))
    name, nxt = list(network.mask)[1:3]
    network.mask[name][0] = False
    network.mask[nxt][:, 1] = False
    found = activity(alone(setting, network, network, 0))
    layer = name.removesuffix(".weight")
    assert found["no_input"][layer] == 1
    assert found["no_output"][layer] == 1
    assert found["silent"][layer] >= 1
    assert sum(found["no_input"].values()) == 1


# A user's own


OWN = """
import lottery


@lottery.register("probes", traits={{"moves"}})
def own(subject):
    \"\"\"A probe.\"\"\"
    {body}
"""


def of_ones_own(body, folder):
    path = folder / "own.py"
    path.write_text(OWN.format(body=body))
    plugins.load_file(path)
    return carry_out(probed(probes=[{"name": "own", "every": "10it"}], replicates=1), folder / "runs")


@pytest.mark.usefixtures("nothing_brought")
def test_what_a_users_probe_is_given_are_copies(tmp_path):
    body = """
    images, labels = subject.images()
    found = {"first": images.sum().item()}
    for tensor in (*subject.weights.values(), *subject.state.values(), *subject.initial.values(), images):
        tensor.zero_()
    for mask in subject.mask.values():
        mask[:] = False
    return found"""
    run = of_ones_own(body, tmp_path)
    assert len({line["values"]["first"] for line in run.probes()}) == 1
    without = carry_out(probed(probes=[], replicates=1), tmp_path / "without")
    assert tensor_files(run) == tensor_files(without)


@pytest.mark.usefixtures("nothing_brought")
@pytest.mark.parametrize(
    ("body", "said"),
    [
        ("return 3", r"^probes\.own returns a int; it has to return a dict .*\nMend it"),
        ("return {'n': {1: object()}}", r"^probes\.own returns a dict in which n\.1 is a object"),
        ("subject.images(); return 1 / 0", r"^.*own\.py:8: ZeroDivisionError: division by zero\nMend it"),
    ],
)
def test_a_users_probe_that_goes_wrong_is_blamed(body, said, tmp_path):
    with pytest.raises(RunFailed, match=said):
        of_ones_own(body, tmp_path)


@pytest.mark.usefixtures("nothing_brought")
@pytest.mark.parametrize(
    ("body", "said"),
    [
        ("subject.images(5000)", r"^probe own: wants 5000 training images, and there are \d+$"),
        ("subject.images(per_class=900)", r"^probe own: wants 900 images of each class"),
        ("return 1 / 0", r"^probe own: .*own\.py:8: ZeroDivisionError: division by zero$"),
    ],
)
def test_a_probe_that_cannot_be_asked_is_found_before_a_run_is_made(body, said, tmp_path):
    (tmp_path / "own.py").write_text(OWN.format(body=body))
    plugins.load_file(tmp_path / "own.py")
    with pytest.raises(LotteryError, match=said):
        new(Prune(prepare(probed(probes=[{"name": "own", "every": "10it"}], replicates=1))))


@pytest.mark.parametrize(
    ("options", "said"),
    [
        # 1,210 parameters: at level 1 618 of them are left, at level 2 322
        (
            {"exact": 10_000},
            r"^probe hessian: the Hessian of 1,210 parameters takes .* as a matrix, and 1.0 MiB",
        ),
        ({"exact": 700}, r"^probe hessian: the Hessian of 618 parameters takes"),
        (
            {"exact": 1, "steps": 300},
            r"^probe hessian: 300 steps of Lanczos over 1,210 .* at most 108$",
        ),
        ({"exact": 1, "steps": 300, "images": 2000}, "probes: hessian wants 2000 training images"),
    ],
)
def test_a_hessian_too_large_is_found_before_a_run_is_made(options, said, monkeypatch):
    monkeypatch.setattr("lottery.devices.free_memory", lambda device: 2**20)
    with pytest.raises(LotteryError, match=said):
        new(Prune(prepare(tiny(pruning__iterations=2, probes=[{"name": "hessian", **options}]))))
    new(Prune(prepare(tiny(probes=[{"name": "hessian", "exact": 1, "steps": 50}]))))


@pytest.mark.usefixtures("nothing_brought")
def test_what_cannot_be_a_probe_is_said_when_it_is_loaded(tmp_path):
    for code, said in (
        ("@lottery.register('probes', shown=3)\ndef own(subject):", "shown is 3"),
        ("@lottery.register('probes')\ndef Own(subject):", "Own: no line can name it"),
        ("@lottery.register('probes')\ndef own(subject, other):", r"write own\(subject, \*"),
    ):
        (tmp_path / "own.py").write_text(f"import lottery\n{code}\n    'A probe.'\n")
        with pytest.raises(LotteryError, match=said):
            plugins.load_file(tmp_path / "own.py")
