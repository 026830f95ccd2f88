import json
import math

import pytest
import torch
from conftest import carry_on, evaluation, summary, tensor_files, tiny

from lottery import devices
from lottery.crews.jobs import Job
from lottery.errors import LotteryError
from lottery.networks.key import Key
from lottery.networks.network import Network
from lottery.store.checkpoints import Checkpoints, before_checkpoint
from lottery.store.run import Run
from lottery.store.tensor_files import read_tensors, write_tensors
from lottery.studies.prepare import prepare
from lottery.training.recipe import Member


@pytest.fixture
def run(tmp_path):
    return Run.create(tmp_path / "runs", tiny(), {"study": "prune"})


def network():
    return Network({"w": torch.arange(4.0), "b": torch.zeros(1)}, {"w": torch.tensor([True, False, True, True])})


def test_a_new_run_holds_its_config_and_record(run):
    assert run.path.name.endswith("_tiny")
    assert Run.open(run.path).config == tiny()
    assert run.record["id"] == run.path.name
    assert run.record["status"] == "running"
    other = Run.create(run.path.parent, tiny(), {"study": "prune"})
    assert other.path != run.path


def test_tensors_come_back_as_they_were(run):
    run.write_network(network(), summary(0, 3))
    assert (run.path / "replicate-0" / "level-03" / "ticket" / "summary.json").exists()
    assert run.has_network(Key(0, 3, "ticket"))
    assert not run.has_network(Key(1, 3, "ticket"))
    assert torch.equal(run.read_weights(Key(0, 3, "ticket"))["w"], network().state["w"])
    assert torch.equal(run.read_mask(Key(0, 3, "ticket"))["w"], network().mask["w"])
    run.write_state(Key(0, 0, "dense"), 0, network().state)
    run.write_state(Key(0, 0, "dense"), 20, network().state)
    other = Key(0, 3, "ticket", order=2)
    run.write_network(network(), summary(0, 3, order=2))
    run.write_state(other, 7, network().state)
    assert {path.relative_to(run.path).as_posix() for path in run.path.rglob("*.safetensors")} == {
        "replicate-0/level-00/dense/step-0.safetensors",
        "replicate-0/level-00/dense/step-20.safetensors",
        "replicate-0/level-03/ticket/mask.safetensors",
        "replicate-0/level-03/ticket/weights.safetensors",
        "replicate-0/level-03/ticket/order-2/mask.safetensors",
        "replicate-0/level-03/ticket/order-2/weights.safetensors",
        "replicate-0/level-03/ticket/order-2/step-7.safetensors",
    }
    assert run.has_state(other, 7)
    assert not run.has_state(other, 8)
    assert not run.has_state(Key(0, 3, "ticket"), 7)
    assert not list(run.path.rglob("*.tmp"))


def test_another_order_is_another_network(run):
    for order in (0, 1):
        run.write_network(network(), summary(0, 3, order=order))
    run.append_levels([summary(0, 3, order=1)])
    run.settle(lambda line: False)
    assert [Key.of(line) for line in run.levels()] == [Key(0, 3, "ticket", 1), Key(0, 3, "ticket", 0)]
    run.forget_network(Key(0, 3, "ticket", 1))
    assert run.has_network(Key(0, 3, "ticket"))
    assert not run.has_network(Key(0, 3, "ticket", 1))


def chunk(step, *keys):
    return {"members": [*keys], "execution": "looped", "step": step, "seconds": 1.5}


def test_checkpoints_come_back_as_they_were(run):
    checkpoints = Checkpoints(run)
    about = chunk(3, Key(0, 1, "ticket", 2), Key(1, 1, "ticket"))
    checkpoints.write("level-01-ticket-0", {"x": torch.ones(2)}, about)
    ((tensors, found),) = checkpoints.read()
    assert torch.equal(tensors["x"], torch.ones(2))
    assert found == about
    checkpoints.drop("level-01-ticket-0")
    assert list(checkpoints.read()) == []
    assert not (run.path / "checkpoint").exists()


def test_a_checkpoint_that_says_what_none_does_is_gone_without(run, capsys):
    checkpoints = Checkpoints(run)
    checkpoints.write("level-01-ticket-0", {"x": torch.ones(2)}, chunk(3, Key(0, 1, "ticket")) | {"step": "x"})
    assert list(checkpoints.read()) == []
    assert "going on without it" in capsys.readouterr().err


def test_an_evaluation_is_before_a_checkpoint_of_its_network_alone():
    about = chunk(10, Key(0, 1, "ticket"))
    assert before_checkpoint(evaluation(0, 1, step=10), about)
    assert not before_checkpoint(evaluation(0, 1, step=11), about)
    assert not before_checkpoint(evaluation(1, 1, step=10), about)
    assert not before_checkpoint(evaluation(0, 1, step=10, order=1), about)


@pytest.mark.parametrize(
    ("key", "execution"),
    [
        (Key(1, 0, "dense"), "looped"),
        (Key(0, 1, "dense"), "looped"),
        (Key(0, 0, "early"), "looped"),
        (Key(0, 0, "dense", 1), "looped"),
        (Key(0, 0, "dense"), "stacked"),
    ],
)
def test_a_checkpoint_of_another_network_or_execution_is_not_gone_on_from(key, execution, tmp_path):
    """It would not even fit."""
    run = Run.create(tmp_path, tiny(execution="looped", replicates=1), {"study": "train"})
    Checkpoints(run).write("level-00-other", {"step": torch.tensor(5)}, chunk(5, key) | {"execution": execution})
    carry_on(run, prepare(run.config))
    assert run.record["status"] == "finished"


def test_each_chunk_has_a_name_of_its_own():
    keys = [Key(0, 1, "ticket"), Key(1, 1, "ticket"), Key(0, 2, "ticket"), Key(0, 1, "reinit"), Key(0, 1, "ticket", 1)]
    recipe = prepare(tiny()).recipe
    assert len({Job([Member(key, recipe)], [], "looped", []).name for key in keys}) == len(keys)


def test_damage_is_named(run):
    run.write_network(network(), summary())
    path = run.path / "replicate-0" / "level-00" / "dense" / "weights.safetensors"
    path.write_bytes(path.read_bytes()[:20])
    with pytest.raises(LotteryError, match=r"weights\.safetensors is damaged"):
        run.read_weights(Key(0, 0, "dense"))
    with pytest.raises(LotteryError, match=r"mask\.safetensors is missing"):
        run.read_mask(Key(0, 1, "ticket"))
    (run.path / "run.json").write_text("{")
    with pytest.raises(LotteryError, match=r"run\.json is damaged"):
        _ = run.record


def test_a_torn_last_line_is_left_out(run):
    lines = [evaluation(step=1), evaluation(step=2)]
    run.append_metrics(lines)
    with (run.path / "metrics.jsonl").open("a") as file:
        file.write('{"replicate":')
    assert run.metrics() == lines


def test_settling_drops_what_will_come_again_and_adds_what_was_lost(run):
    run.write_network(network(), summary())
    run.write_network(network(), summary(0, 1))
    run.append_levels([summary()])  # the crash came before the second line
    steps = [(0, 5), (1, 5), (2, 5), (2, 10)]
    run.append_metrics([evaluation(level=level, step=step) for level, step in steps])
    run.settle(lambda record: record["step"] <= 5)
    assert run.levels() == [summary(), summary(0, 1)]
    assert run.metrics() == [evaluation(level=level, step=step) for level, step in steps[:3]]


def test_lines_that_were_lost_come_back_level_by_level(run):
    for replicate in (0, 1):
        for level in (0, 1):
            run.write_network(network(), summary(replicate, level))
    run.settle(lambda record: False)
    assert [(line["level"], line["replicate"]) for line in run.levels()] == [(0, 0), (0, 1), (1, 0), (1, 1)]


@pytest.mark.parametrize(
    "dtype", [torch.float32, torch.float64, torch.bfloat16, torch.float16, torch.int64, torch.bool]
)
def test_tensors_of_any_type_and_shape_are_read_as_they_were_written(dtype, tmp_path):
    tensors = {str(shape): torch.arange(6).to(dtype)[: math.prod(shape)].view(shape) for shape in ((2, 3), (), (0, 2))}
    write_tensors(tmp_path / "some.safetensors", tensors)
    found = read_tensors(tmp_path / "some.safetensors", tensors)
    assert all(torch.equal(found[name], tensor) for name, tensor in tensors.items())


def test_tensors_may_take_the_memory_that_is_free_and_no_more(tmp_path, monkeypatch):
    path = tmp_path / "some.safetensors"
    write_tensors(path, network().state)
    size = path.stat().st_size
    monkeypatch.setattr(devices, "free_memory", lambda device: size)
    assert torch.equal(read_tensors(path)["w"], network().state["w"])
    monkeypatch.setattr(devices, "free_memory", lambda device: size - 1)
    with pytest.raises(LotteryError, match="of memory are free"):
        read_tensors(path)


def test_what_is_no_run_is_refused(tmp_path):
    with pytest.raises(LotteryError, match="is not there"):
        Run.open(tmp_path / "nothing")
    with pytest.raises(LotteryError, match="not a run directory"):
        Run.open(tmp_path)
    (tmp_path / "file").write_text("")
    with pytest.raises(LotteryError, match=r"can't be made .*name another with --runs-dir"):
        Run.create(tmp_path / "file", tiny(), {"study": "train"})


@pytest.mark.parametrize("schema", [1000, -1, 3.0, "3", None])
def test_a_schema_that_no_lottery_has_is_refused(run, schema):
    run.update(schema=schema)
    with pytest.raises(LotteryError, match=r"run\.json is not what lottery writes: schema"):
        Run.open(run.path)


def test_every_line_of_a_study_is_json_with_the_documented_keys(finished):
    metrics = {
        "replicate", "level", "arm", "order", "step", "epoch", "split", "loss", "metrics", "lr", "seconds",
    }  # fmt: skip
    for text in (finished.path / "metrics.jsonl").read_text().splitlines():
        assert set(json.loads(text)) == metrics | {"crc"}
    needed = {
        "replicate", "level", "arm", "order", "density", "nonzero", "total", "parameters", "flops", "dense_flops",
        "start_step", "stop_step", "test", "validation", "early_stop", "evaluate_every", "train_seconds", "train_flops",
        "diverged", "collapsed",
    }  # fmt: skip
    for text in (finished.path / "levels.jsonl").read_text().splitlines():
        assert needed <= set(json.loads(text))
    record = finished.record
    assert record["status"] == "finished"
    assert {"id", "study", "device", "versions", "commit", "dirty", "seed", "started", "finished"} <= set(record)


def test_members_of_a_chunk_share_the_seconds_that_it_took(finished):
    assert finished.record["layout"]["chunk"] == 8  # a level is a chunk
    for level in range(3):
        shares = [line["train_seconds"] for line in finished.levels() if line["level"] == level]
        taken = max(line["seconds"] for line in finished.metrics() if line["level"] == level)
        assert sum(shares) == pytest.approx(taken, abs=0.001 * len(shares))


def test_a_ticket_loads_into_the_plain_model(finished):
    """State-dict keys are the dense model's: any PyTorch code can load a ticket."""
    from safetensors.torch import load_file
    from torch import nn

    with torch.random.fork_rng(devices=[]):
        model = nn.Sequential()
        model.add_module("flatten", nn.Flatten())
        model.add_module("hidden_1", nn.Linear(64, 16))
        model.add_module("relu_1", nn.ReLU())
        model.add_module("output", nn.Linear(16, 10))
    folder = finished.path / "replicate-0" / "level-02" / "ticket"
    model.load_state_dict(load_file(folder / "weights.safetensors"))
    mask = load_file(folder / "mask.safetensors")
    assert mask["hidden_1.weight"].dtype == torch.bool
    assert len(tensor_files(finished)) == 2 * (1 + 2 * (1 + 4 + 4))
