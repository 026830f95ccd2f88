import math
import sys

import pytest
import torch
from conftest import tiny

from lottery import devices
from lottery.data import Dataset
from lottery.errors import LotteryError
from lottery.networks.key import Key
from lottery.studies import layout
from lottery.studies.layout import Layout, choose
from lottery.studies.prepare import prepare
from lottery.training.recipe import Member


def lay_out(**values):
    return Layout(**({"execution": "stacked", "chunk": 4, "workers": 1, "threads": 1, "device": "cpu"} | values))


def members(*arms):
    """Members of seven replicates; their recipe is none of a layout's business."""
    return [Member(Key(replicate, 1, arm), None) for arm in arms for replicate in range(7)]


@pytest.mark.parametrize(
    ("workers", "threads", "cores", "hands"),
    [
        (24, 4096, 2, (1, 2)),
        (4096, 1, 2, (2, 1)),
        (3, 2, 2, (1, 2)),
        (3, 2, 4, (2, 2)),
        (1, 4, 8, (1, 4)),
        (2, 1, 1, (1, 1)),
    ],
)
def test_no_more_is_started_than_there_are_cores(workers, threads, cores, hands, monkeypatch):
    monkeypatch.setattr(devices, "cores", lambda: cores)
    layout = lay_out(workers=workers, threads=threads)
    assert layout.hands("cpu", torch.device("cpu")) == hands
    assert math.prod(hands) <= max(cores, threads)
    assert len(layout.chunks(members("ticket"))) == max(2, min(workers, 7))  # chunks stay: the bytes depend on them


def test_no_more_gpus_are_worked_on_than_there_are(monkeypatch):
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    layout = lay_out(workers=24, threads=1, device="cuda")
    assert layout.hands("auto", torch.device("cuda", 0))[0] == 2
    assert layout.hands("cuda:1", torch.device("cuda", 1))[0] == 1


@pytest.mark.parametrize(("chunk", "workers"), [(1, 1), (1, 4), (3, 1), (3, 2), (7, 1), (50, 3)])
def test_chunks_lose_nobody_are_even_and_keep_workers_busy(chunk, workers):
    everyone = members("ticket", "reinit")
    chunks = lay_out(chunk=chunk, workers=workers).chunks(everyone)
    flat = [member for part in chunks for member in part]
    assert sorted(member.key for member in flat) == sorted(member.key for member in everyone)
    assert [member.key.replicate for member in flat] == sorted(member.key.replicate for member in everyone)
    sizes = [len(part) for part in chunks]
    assert 1 <= min(sizes) <= max(sizes) <= min(chunk, min(sizes) + 1)
    assert len(chunks) >= workers


def test_how_many_workers(monkeypatch):
    monkeypatch.setattr(torch, "get_num_threads", lambda: 8)
    setting = prepare(tiny(workers="auto"))

    def workers_and_threads(setting, members):
        chosen, _ = choose(setting, members)
        return chosen.workers, chosen.threads

    assert workers_and_threads(setting, 15) == (8, 1)
    assert workers_and_threads(setting, 3) == (3, 2)
    assert workers_and_threads(setting, 1) == (1, 8)
    assert workers_and_threads(prepare(tiny(workers=2)), 15) == (2, 4)
    monkeypatch.setattr(sys, "platform", "darwin")
    assert workers_and_threads(setting, 15) == (1, 8)
    with pytest.raises(LotteryError, match="workers: 2 can't be had"):
        prepare(tiny(workers=2))


def images(*shape):
    pixels = torch.zeros(64, *shape, dtype=torch.uint8)
    labels = torch.arange(64) % 10
    return Dataset(pixels, labels, pixels, labels, 10, (0.0,) * shape[0], (1.0,) * shape[0])


def chosen(model, shape, members, batch=32, **changes):
    config = tiny(model=model, data__validation=0, train__batch_size=batch, **changes)
    return choose(prepare(config, images(*shape)), members)


def test_execution_follows_what_was_measured():
    """The three networks of docs/performance.md, on a CPU."""
    for members in (1, 2, 4, 8, 32):
        assert chosen("lenet_300_100", (1, 28, 28), members)[0].execution == "looped"
        assert chosen("conv_2", (3, 32, 32), members)[0].execution == "looped"
        assert chosen({"name": "resnet", "depth": 20}, (3, 32, 32), members)[0].execution == "looped"
    small = {"name": "fcn", "widths": [16]}
    assert chosen(small, (1, 8, 8), 3)[0].execution == "looped"
    assert chosen(small, (1, 8, 8), 8)[0] == lay_out(chunk=8, threads=torch.get_num_threads())
    assert chosen(small, (1, 8, 8), 8, workers=2)[0].execution == "stacked"
    assert chosen(small, (1, 8, 8), 6, workers=2)[0].execution == "looped"
    assert chosen(small, (1, 8, 8), 8, execution="looped")[0].chunk == 1


def test_the_reason_tells_the_work_of_a_step():
    # LeNet-300-100 on 60 images: 266,200 weights, two FLOPs each, three times for forward and backward.
    layout, why = chosen("lenet_300_100", (1, 28, 28), 4, batch=60)
    assert layout.execution == "looped"
    assert f"steps of {266_200 * 2 * 3 * 60 / 1e6:,.0f} MFLOP" in why


def test_chunks_fit_memory(monkeypatch):
    def setting(**changes):
        config = tiny(data__validation=0, train__batch_size=32, **changes)
        return prepare(config, images(1, 8, 8))

    one, two = setting(), setting(workers=2)
    # Five copies of 64 * 16 + 16 + 16 * 10 + 10 parameters; 16 + 16 + 10 outputs, the flattened image and the image.
    needed = 4 * (5 * 1210 + 2 * 32 * (16 + 16 + 10 + 64 + 64))
    monkeypatch.setattr(devices, "free_memory", lambda device: needed * 5 / 0.8 + 1)
    assert choose(one, 20)[0].chunk == 5
    assert "memory holds 5" in choose(one, 20)[1]
    assert choose(two, 20)[0].chunk == 2
    monkeypatch.setattr(devices, "free_memory", lambda device: 1)
    assert choose(one, 20)[0].chunk == 1


def test_a_model_that_memory_can_not_hold_is_refused_before_it_is_made():
    with pytest.raises(LotteryError, match=r"model: .* parameters take .* to train, and .* are free"):
        prepare(tiny(model={"name": "fcn", "widths": [10**9]}))


def test_a_gpu_stacks_whatever_the_network():
    config = prepare(tiny(data__validation=0), images(3, 32, 32))
    assert layout._execution(config.template, 8, False, 1e12) == ("stacked", "one launch for all members")
    assert layout._execution(config.template, 1, False, 1e12)[0] == "looped"
