"""Faults, each provoked: full and read-only disks, too little memory, divergence, collapse, two processes, damage."""

from __future__ import annotations

import errno
import json
import os
import re
import resource
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import safetensors.torch
import torch
from conftest import Forked, Quiet, carry_on, carry_out, evaluation, lines, main, new_trainer, plan, tensor_files, tiny
from torch import nn

from lottery.errors import Interrupted, LotteryError, RunFailed
from lottery.networks import masks
from lottery.networks.collapse import collapsed
from lottery.networks.key import Key
from lottery.networks.network import Network
from lottery.networks.parameters import prunable
from lottery.reporting.series import whole
from lottery.store import files
from lottery.store.checkpoints import Checkpoints
from lottery.store.run import Run
from lottery.store.tensor_files import read_tensors_about, write_tensors
from lottery.studies import chunk, forecast
from lottery.studies.prepare import prepare
from lottery.studies.setting import Setting
from lottery.training.loop import Trainer


class Watching(Quiet):
    """Remembers what was noted of a run's fate, and calls `when` whenever networks are trained."""

    def __init__(self, when=lambda: None):
        self.notes, self._when = [], when

    def noted(self, text):
        if not text.startswith("masks cover"):
            self.notes.append(text)

    def trained(self, members):
        self._when()


# Disk


@pytest.mark.parametrize(
    ("number", "said"),
    [(errno.ENOSPC, "no space left"), (errno.EROFS, "read-only"), (errno.EACCES, "permission denied")],
)
@pytest.mark.parametrize("call", [1, 4, 7, 12])
def test_a_disk_that_fails_stops_the_run_and_loses_nothing(number, said, call, finished, tmp_path, monkeypatch):
    run = Run.create(tmp_path, tiny(), {"study": "prune"})
    save, left = safetensors.torch.save_file, iter(range(10**6))

    def fall(*arguments):
        if next(left) >= call:
            raise OSError(number, os.strerror(number))
        save(*arguments)

    monkeypatch.setattr(safetensors.torch, "save_file", fall)
    with pytest.raises(RunFailed, match=rf"(?s){re.escape(str(run.path))}.*{said}.*lottery resume") as caught:
        carry_on(run, prepare(tiny()))
    assert len(str(caught.value).splitlines()) == 2
    assert not list(run.path.rglob("*.tmp"))
    monkeypatch.setattr(safetensors.torch, "save_file", save)
    carry_on(run, prepare(tiny()))
    assert tensor_files(run) == tensor_files(finished)


@pytest.fixture
def small_disk(tmp_path):
    """A file system of 2 MiB, which needs the right to mount one."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", str(disk)], capture_output=True)
    if mounted.returncode:
        pytest.skip("no right to mount a small file system")
    yield disk
    subprocess.run(["umount", "-l", str(disk)], check=True)


def test_a_disk_that_is_really_full(small_disk, finished):
    run = Run.create(small_disk, tiny(), {"study": "prune"})

    def fill():
        if not (small_disk / "ballast").exists():
            (small_disk / "ballast").write_bytes(bytes(shutil.disk_usage(small_disk).free - 8192))

    with pytest.raises(RunFailed, match=r"no space left"):
        carry_on(run, prepare(tiny()), Watching(fill))
    assert (run.path / "replicate-0" / "level-00" / "dense" / "summary.json").exists()
    with pytest.raises(LotteryError, match=r"needs .* of disk and .* are free; make room"):
        carry_on(run, prepare(tiny()))
    (small_disk / "ballast").unlink()
    carry_on(run, prepare(tiny()))
    assert tensor_files(run) == tensor_files(finished)


def test_a_disk_that_is_really_read_only(small_disk, finished):
    run = Run.create(small_disk, tiny(), {"study": "prune"})
    asked = iter(range(10**6))
    with pytest.raises(Interrupted):
        carry_on(run, prepare(tiny()), stop=lambda: next(asked) > 40)
    subprocess.run(["mount", "-o", "remount,ro", str(small_disk)], check=True)
    with pytest.raises(LotteryError, match=r"can't be written \(read-only file system\); copy it"):
        carry_on(run, prepare(tiny()))
    subprocess.run(["mount", "-o", "remount,rw", str(small_disk)], check=True)
    carry_on(run, prepare(tiny()))
    assert tensor_files(run) == tensor_files(finished)


def test_room_is_asked_for_before_the_start(lottery, config_file, monkeypatch, tmp_path):
    usage = shutil.disk_usage(tmp_path)._replace(free=100_000)
    monkeypatch.setattr(forecast.shutil, "disk_usage", lambda path: usage)
    result = lottery("prune", config_file)
    assert result.code == 2
    assert "are free; make room, or name another place with --runs-dir" in result.err
    assert not (tmp_path / "runs").exists()


def test_where_there_is_no_room_what_was_trained_stays(monkeypatch, tmp_path):
    """A chunk that a crash left half written is trained again as a whole, but not before there is room for it."""
    run = carry_out(tiny(execution="stacked"), tmp_path, "train")
    run.forget_network(main(1, 0))
    usage = shutil.disk_usage(tmp_path)._replace(free=1000)
    monkeypatch.setattr(forecast.shutil, "disk_usage", lambda path: usage)
    with pytest.raises(LotteryError, match="make room"):
        carry_on(run, prepare(run.config))
    assert run.has_network(main(0, 0))


def test_the_forecast_of_disk_use_is_not_too_low(finished):
    setting = prepare(tiny())
    files = [path for path in finished.path.rglob("*") if path.is_file() and "report" not in path.parts]
    tensors = sum(path.stat().st_size for path in files)
    kept, _ = forecast.disk(setting, plan(setting, "prune"))
    # Headers of small tensor files and the records of 18 networks are most of this tiny run.
    assert kept * 0.5 < tensors < kept + 200_000


# Memory


def test_where_memory_runs_out_chunks_are_halved(tmp_path, monkeypatch):
    config = tiny(execution="stacked", pruning__iterations=1)
    straight = carry_out(config, tmp_path)
    assert straight.record["layout"]["chunk"] == 8
    real = chunk.make_trainer

    def cramped(setting, networks, *others):
        if len(networks) > 2:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return real(setting, networks, *others)

    monkeypatch.setattr(chunk, "make_trainer", cramped)
    run, watching = Run.create(tmp_path, config, {"study": "prune"}), Watching()
    carry_on(run, prepare(config), watching)
    assert (run.record["layout"]["chunk"], run.record["layout"]["splits"]) == (2, 2)
    assert len(watching.notes) == 2
    assert len(run.levels()) == len(straight.levels())
    assert len(run.whole_metrics()) == len(straight.whole_metrics())
    for line in straight.levels():
        key = Key.of(line)
        for name, weight in straight.read_weights(key).items():
            torch.testing.assert_close(run.read_weights(key)[name], weight, rtol=1e-2, atol=1e-3)
    carry_on(run, prepare(config))  # nothing is left to do
    assert len(run.levels()) == len(straight.levels())


def test_where_memory_runs_out_on_the_way_no_evaluation_stands_twice(tmp_path, monkeypatch):
    """Two networks together come to step 10, and begin anew, each by itself."""
    config, advance = tiny(execution="stacked"), Trainer.advance

    def cramped(self, to, *others):
        if self.cohort.size > 1 and self.step >= 10:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return advance(self, to, *others)

    monkeypatch.setattr(Trainer, "advance", cramped)
    run = carry_out(config, tmp_path, "train")
    told = [(Key.of(line), line["step"], line["split"]) for line in run.whole_metrics()]
    assert len(told) == len(set(told)) == 2 * (3 + 4 + 4)


def test_memory_for_not_even_one_names_the_setting(tmp_path, monkeypatch):
    def cramped(*arguments):
        raise MemoryError("no room")

    monkeypatch.setattr(chunk, "make_trainer", cramped)
    with pytest.raises(RunFailed, match=r"out of memory \(no room\)\.\nLower train\.batch_size"):
        carry_out(tiny(), tmp_path)


def test_memory_that_runs_out_beside_training_fails_the_run_in_words(tmp_path):
    class Cramped(Quiet):
        def trained(self, members):
            raise MemoryError("no room")

    run = Run.create(tmp_path, tiny(), {"study": "train"})
    with pytest.raises(RunFailed, match=r"out of memory \(no room\)\.\nMake room, then go on with `lottery resume`"):
        carry_on(run, prepare(tiny()), Cramped())
    assert run.record["status"] == "failed"


REALLY_CRAMPED = """
import resource, sys, torch
from pathlib import Path
from conftest import carry_on, tiny
config = tiny(execution="stacked", pruning__iterations=1, pruning__arms=[], replicates=16, train__length="4it",
              model={"name": "fcn", "widths": [2048, 2048]}, train__evaluate_every="4it", train__optimizer="sgd")
setting = prepare(config)
run = Run.create(Path(sys.argv[1]), config, {"study": "prune"})
now = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (now + (1300 << 20), resource.RLIM_INFINITY))
carry_on(run, setting)
print(run.record["layout"]["chunk"], len(run.levels()))
"""


@pytest.mark.slow
def test_memory_that_really_runs_out(tmp_path):
    """Under a limit of address space: sixteen networks of 17 MiB with gradients and masks don't fit, fewer do."""
    path = os.pathsep.join([os.path.dirname(__file__), os.environ.get("PYTHONPATH", "")])  # noqa: PTH120
    done = subprocess.run(
        [sys.executable, "-c", REALLY_CRAMPED, str(tmp_path)], capture_output=True, text=True,
        env=os.environ | {"PYTHONPATH": path, "OMP_NUM_THREADS": "1"},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    size, lines = map(int, done.stdout.split())
    assert size < 16
    assert lines == 32


# Divergence


@pytest.mark.parametrize("execution", ["looped", "stacked"])
def test_a_network_that_diverges_is_marked_and_the_others_go_on(execution, tmp_path, monkeypatch):
    config = tiny(execution=execution, pruning__iterations=2, pruning__arms=["reinit"], replicates=3)
    straight = carry_out(config, tmp_path)
    initial = Setting.initial

    def bad(self, replicate, *name):
        state = initial(self, replicate, *name)
        if replicate == 1 and not name:
            state["output.bias"] += torch.inf
        return state

    monkeypatch.setattr(Setting, "initial", bad)
    watching, run = Watching(), Run.create(tmp_path, config, {"study": "prune"})
    carry_on(run, prepare(config), watching)
    assert run.record["status"] == "finished"
    assert watching.notes == ["level 0, replicate 1, dense: diverged at step 0"]
    lines = {Key.of(line): line for line in run.levels()}
    assert lines[main(1, 0)]["diverged"] == 0
    assert not any(key.replicate == 1 and key.level > 0 for key in lines)
    assert len(lines) == 3 + 2 * 4 * 1
    for key, line in lines.items():
        if key.replicate != 1:
            assert line["diverged"] is None
            for name, weight in straight.read_weights(key).items():
                torch.testing.assert_close(run.read_weights(key)[name], weight, rtol=1e-3, atol=1e-4)
    assert [line["replicate"] for line in whole(run.levels(), 0)] == [0, 2]
    from lottery.display.console import results_console
    from lottery.reporting.tables import run_tables

    console = results_console()
    with console.capture() as written:
        console.print(run_tables(run))
    assert "level 0, replicate 1, dense: diverged at step 0" in written.get()


def test_the_step_of_divergence_is_the_first_of_a_loss_that_is_not_finite():
    setting = prepare(tiny(train__optimizer={"name": "sgd", "lr": 0.1}))
    states = [setting.initial(replicate) for replicate in range(2)]
    networks = [Network(state, masks.full(state, list(setting.shapes))) for state in states]
    trainer = new_trainer(setting, networks, [0, 1], execution="stacked")
    trainer.advance(7)
    with torch.no_grad():
        trainer.cohort.weights["hidden_1.weight"][1] = torch.nan
    trainer.advance(20)
    assert trainer.diverged() == [None, 7]
    restored = new_trainer(setting, networks, [0, 1], execution="stacked")
    restored.load(trainer.state())
    assert restored.diverged() == [None, 7]


# Layer collapse


def chain():
    with torch.random.fork_rng(devices=[]):
        model = nn.Sequential()
        model.add_module("flatten", nn.Flatten())
        for name, inputs, outputs in (("first", 4, 3), ("second", 3, 3), ("output", 3, 2)):
            model.add_module(name, nn.Linear(inputs, outputs))
            model.add_module(f"relu_{name}", nn.ReLU())
    return model


def kept(**rows):
    """The mask of `chain` with these entries alone: layer -> list of (output, input)."""
    mask = {name: torch.zeros(shape, dtype=torch.bool) for name, shape in prunable(chain()).items()}
    for name, entries in rows.items():
        for entry in entries:
            mask[f"{name}.weight"][entry] = True
    return mask


def test_collapse_by_hand():
    shape = (1, 2, 2)
    assert collapsed(chain(), shape, kept(first=[(0, 3)], second=[(2, 0)], output=[(1, 2)])) == []
    assert collapsed(chain(), shape, kept(first=[(0, 3)], second=[], output=[(1, 2)])) == ["first", "second", "output"]
    # Weights are kept in every layer, but no two of them meet: what goes into unit 1 does not come out of unit 0.
    assert collapsed(chain(), shape, kept(first=[(1, 3)], second=[(2, 0)], output=[(1, 2)])) == [
        "first", "second", "output",
    ]  # fmt: skip
    everything = {name: torch.ones(shape, dtype=torch.bool) for name, shape in prunable(chain()).items()}
    assert collapsed(chain(), shape, everything) == []


class Rival(nn.Module):
    """Two convolutions whose sum is pooled by the maximum, and a layer that only training uses."""

    def __init__(self):
        super().__init__()
        self.one, self.other = nn.Conv2d(1, 1, 2, padding=1), nn.Conv2d(1, 1, 2, padding=1)
        self.output, self.aside = nn.Linear(1, 2), nn.Linear(1, 2)

    def forward(self, images):
        x = nn.functional.max_pool2d((self.one(images) + self.other(images)).relu(), 3).flatten(1)
        return self.output(x) + (self.aside(x) if self.training else 0)


def test_neither_a_rival_that_is_larger_nor_use_in_training_alone_is_collapse():
    with torch.random.fork_rng(devices=[]):
        network = Rival()
    mask = {name: torch.ones(shape, dtype=torch.bool) for name, shape in prunable(network).items()}
    mask["other.weight"][:] = torch.tensor([[True, False], [False, False]])  # less than the other at every place
    assert collapsed(network, (1, 2, 2), mask) == []
    mask["other.weight"][:] = False
    assert collapsed(network, (1, 2, 2), mask) == ["other"]


def test_a_single_path_through_many_wide_layers_is_found():
    with torch.device("meta"):
        deep = nn.Sequential(nn.Flatten(), *(nn.Linear(64, 64, bias=False) for _ in range(200)))
    deep = deep.to_empty(device="cpu")
    mask = {name: torch.zeros(shape, dtype=torch.bool) for name, shape in prunable(deep).items()}
    for weights in mask.values():
        weights[3, 3] = True
    assert collapsed(deep, (1, 8, 8), mask) == []
    mask["100.weight"][3, 3], mask["100.weight"][3, 4] = False, True
    assert len(collapsed(deep, (1, 8, 8), mask)) == 200


def test_a_residual_network_survives_an_empty_branch():
    setting = prepare(tiny(model={"name": "resnet", "depth": 8, "width": 4}))
    mask = setting.like.mask
    mask["stage_1.0.conv_2.weight"] = torch.zeros_like(mask["stage_1.0.conv_2.weight"])
    found = collapsed(setting.template, setting.data.shape, mask)
    # Nothing comes through the branch, whichever of its two layers is empty; the shortcut leads around it.
    assert found == ["stage_1.0.conv_1", "stage_1.0.conv_2"]


def test_a_collapsed_network_is_marked(tmp_path):
    config = tiny(pruning={"iterations": 1, "fraction": 0.998, "allocation": "uniform"}, train__length="10it")
    watching, run = Watching(), Run.create(tmp_path, config, {"study": "prune"})
    carry_on(run, prepare(config), watching)
    assert len(watching.notes) == 2
    assert "no path is left through hidden_1, output" in watching.notes[0]
    marks = {(line["level"], line["replicate"]): line["collapsed"] for line in run.levels()}
    assert marks == {(0, 0): [], (0, 1): [], (1, 0): ["hidden_1", "output"], (1, 1): ["hidden_1", "output"]}


# Two processes


@pytest.fixture
def long_run(tmp_path):
    """A run that a process of its own is working on: process, path."""
    study, config = (
        tiny(train__length="1000000it", checkpoint={"steps": "50it"}, pruning__arms=[]),
        tmp_path / "long.yaml",
    )
    prepare(study)  # what that imports needn't be imported by each process that is forked
    config.write_text(study.to_yaml())
    process = Forked(
        tmp_path, "prune", config, "--stop-on", "USR1",
        before=lambda: signal.signal(signal.SIGHUP, signal.SIG_DFL),  # the tests may run under nohup
    )  # fmt: skip
    deadline = time.monotonic() + 60
    while not list((tmp_path / "runs").glob("*/checkpoint/*.safetensors")):
        assert process.poll() is None, process.err
        assert time.monotonic() < deadline
        time.sleep(0.05)
    yield process, next((tmp_path / "runs").iterdir())
    process.end()


def test_a_second_process_is_refused_and_a_dead_one_is_not_in_the_way(long_run, lottery):
    process, path = long_run
    result = lottery("resume", path)
    assert result.code == 2
    assert f"is being worked on by process {process.pid} on {os.uname().nodename}" in result.err
    assert not Run.open(path).abandoned
    process.end()
    assert Run.open(path).abandoned
    assert "killed" in lottery("runs").out
    run = Run.open(path)
    with run.working():  # nobody is in the way
        pass


def test_a_batch_systems_signal_saves_and_stops(long_run):
    process, path = long_run
    process.send_signal(signal.SIGUSR1)
    assert process.wait(30) == 130
    assert "go on with: lottery resume" in process.err
    assert Run.open(path).record["status"] == "interrupted"


def test_a_terminal_that_has_gone_saves_and_stops(long_run):
    process, path = long_run
    process.send_signal(signal.SIGHUP)
    assert process.wait(30) == 130
    assert "go on with: lottery resume" in process.err
    assert Run.open(path).record["status"] == "interrupted"
    assert list(path.glob("checkpoint/*.safetensors"))


def test_a_signal_that_nohup_has_ignored_stays_so(long_run):
    def ignored(process):
        status = Path(f"/proc/{process.pid}/status").read_text()
        return bool(int(re.search(r"SigIgn:\s+(\w+)", status)[1], 16) >> signal.SIGHUP - 1 & 1)

    process, path = long_run
    assert not ignored(process)
    process.end()
    lines = len((path / "metrics.jsonl").read_bytes())
    again = Forked(path.parent, "resume", path, before=lambda: signal.signal(signal.SIGHUP, signal.SIG_IGN))
    try:
        deadline = time.monotonic() + 60
        while len((path / "metrics.jsonl").read_bytes()) <= lines and time.monotonic() < deadline:
            time.sleep(0.05)
        assert ignored(again)
        again.send_signal(signal.SIGHUP)
        time.sleep(0.5)
        assert again.poll() is None
        again.send_signal(signal.SIGTERM)
        assert again.wait(60) == 130
    finally:
        again.end()
    assert Run.open(path).record["status"] == "interrupted"


def test_a_run_that_is_renamed_under_a_real_process_fails_it(long_run, tmp_path):
    process, path = long_run
    path.rename(tmp_path / "elsewhere")
    assert process.wait(60) == 1
    errors = process.err
    assert "was renamed while it was worked on" in errors
    assert f"lottery resume {tmp_path / 'elsewhere'}" in errors
    assert "Traceback" not in errors
    assert not path.exists()


def test_a_second_interrupt_stops_at_once(long_run):
    process, path = long_run
    process.send_signal(signal.SIGINT)
    process.send_signal(signal.SIGTERM)
    assert process.wait(30) == 130
    assert Run.open(path).record["status"] == "interrupted"


def test_a_report_that_watches_ends_with_the_run(long_run):
    process, path = long_run
    watching = Forked(path.parent, "report", path, "--watch")
    try:
        time.sleep(1)
        assert watching.poll() is None
        process.send_signal(signal.SIGINT)
        assert process.wait(30) == 130
        assert watching.wait(30) == 0
    finally:
        watching.end()
    assert "interrupted" in watching.out


@pytest.mark.parametrize("name", ["KILL", "SIGSTOP", "NONSENSE", ""])
def test_signals_that_can_not_be_caught_are_refused(name, lottery, config_file):
    result = lottery("train", config_file, "--stop-on", name)
    assert result.code == 2
    assert "can be caught" in result.err


# Damage


@pytest.fixture
def copied(finished, tmp_path):
    return Run.open(shutil.copytree(finished.path, tmp_path / "moved and renamed"))


def test_a_run_that_was_moved_and_renamed_still_works(copied, finished):
    carry_on(copied, prepare(copied.config))
    assert tensor_files(copied) == tensor_files(finished)
    assert copied.levels() == finished.levels()


def flip(path, position=None):
    data = bytearray(path.read_bytes())
    data[len(data) // 2 if position is None else position] ^= 1
    path.write_bytes(data)


@pytest.mark.parametrize("name", ["weights.safetensors", "mask.safetensors", "summary.json"])
@pytest.mark.parametrize("how", ["flipped", "truncated", "swapped"])
def test_a_damaged_network_is_named_and_trained_again_on_demand(name, how, copied, finished):
    folder = copied.path / "replicate-0" / "level-01" / "ticket"
    if how == "flipped":
        flip(folder / name, -9)
    elif how == "truncated":
        (folder / name).write_bytes((folder / name).read_bytes()[:-5])
    else:
        shutil.copy(copied.path / "replicate-1" / "level-01" / "ticket" / name, folder / name)
    shutil.rmtree(copied.path / "replicate-0" / "level-02")
    with pytest.raises(LotteryError, match=rf"(?s){name}.*remove .*trained again"):
        carry_on(copied, prepare(copied.config))
    (folder / "summary.json").unlink()
    carry_on(copied, prepare(copied.config))
    assert tensor_files(copied) == tensor_files(finished)


@pytest.mark.parametrize("name", ["run.json", "config.yaml", "metrics.jsonl", "levels.jsonl"])
def test_a_flipped_bit_is_never_read_over(name, copied):
    for position in range(0, (copied.path / name).stat().st_size, 97):
        flip(copied.path / name, position)
        with pytest.raises(LotteryError, match=re.escape(name)):
            _ = (copied.record, copied.config, copied.levels(), copied.whole_metrics())
        flip(copied.path / name, position)
    _ = (copied.record, copied.config, copied.levels(), copied.whole_metrics())


def test_a_damaged_checkpoint_falls_back_to_the_one_before(tmp_path, capsys):
    run = Run.create(tmp_path, tiny(), {"study": "prune"})
    for step in (5, 10):
        about = {"members": [main(0, 0)], "execution": "looped", "step": step, "seconds": 1.5}
        Checkpoints(run).write("level-00-dense-0", {"x": torch.full((3,), step)}, about)
    assert [about["step"] for _, about in Checkpoints(run).read()] == [10]
    flip(run.path / "checkpoint" / "level-00-dense-0.safetensors", -3)
    assert [about["step"] for _, about in Checkpoints(run).read()] == [5]
    assert "is damaged" in capsys.readouterr().err
    flip(run.path / "checkpoint" / "level-00-dense-0.before", -3)
    assert list(Checkpoints(run).read()) == []


def test_a_network_that_was_removed_from_a_finished_run_is_trained_again(copied, finished, lottery):
    shutil.rmtree(copied.path / "replicate-0" / "level-02" / "ticket")
    assert lottery("resume", copied.path).code == 0
    assert tensor_files(copied) == tensor_files(finished)
    assert lottery("report", copied.path).code == 0


def test_a_line_that_stands_there_twice_is_no_further_replicate(copied, lottery):
    path = copied.path / "levels.jsonl"
    path.write_text(path.read_text() * 2)
    with pytest.raises(LotteryError, match="`lottery resume` writes it anew"):
        copied.levels()
    assert lottery("resume", copied.path).code == 0
    assert len(copied.levels()) == 2 + 2 * 8


@pytest.mark.parametrize("left", [0, 4])
def test_evaluations_lost_before_a_checkpoint_are_made_again(left, tmp_path):
    """The early-stop step is read off them: a network gone on from its checkpoint without them would get another."""
    config = tiny(execution="looped", replicates=1, pruning__arms=[], checkpoint={"steps": "12it"})
    straight, run = carry_out(config, tmp_path / "straight"), Run.create(tmp_path, config, {"study": "prune"})
    watching, asked = Watching(), iter(range(10**6))
    with pytest.raises(Interrupted):
        carry_on(run, prepare(config), stop=lambda: next(asked) >= 25)
    path = run.path / "metrics.jsonl"
    path.write_text("".join(path.read_text().splitlines(keepends=True)[:left]))
    carry_on(run, prepare(config), watching)
    assert "evaluations before its checkpoint are missing" in watching.notes[0]
    assert tensor_files(run) == tensor_files(straight)
    assert lines(run) == lines(straight)


def test_evaluations_of_a_checkpoint_that_does_not_fit_are_not_made_twice(tmp_path):
    """As of a run that began on a GPU, and is laid out anew on a CPU."""
    config, asked = tiny(pruning__iterations=1), iter(range(10**6))
    run = Run.create(tmp_path, tiny(pruning__iterations=1, execution="stacked"), {"study": "train"})
    with pytest.raises(Interrupted):
        carry_on(run, prepare(run.config), stop=lambda: next(asked) >= 20)
    assert {line["step"] for line in run.metrics()} == {0, 10}
    run.write_config(config)
    run.update(layout=run.record["layout"] | {"device": "cuda"})
    carry_on(run, prepare(config))
    made = [(Key.of(line), line["step"], line["split"]) for line in run.metrics()]
    assert len(set(made)) == len(made)
    assert {step for _, step, _ in made} == {0, 10, 20, 30}


def test_evaluations_of_a_trained_network_that_are_lost_are_told_before_anything_is_trained(tmp_path):
    config = tiny(execution="looped", replicates=1, pruning__arms=[])
    run, asked = Run.create(tmp_path, config, {"study": "prune"}), iter(range(10**6))
    with pytest.raises(Interrupted):
        carry_on(run, prepare(config), stop=lambda: next(asked) >= 40)
    trained = len(run.levels())
    (run.path / "metrics.jsonl").unlink()
    with pytest.raises(LotteryError, match=r"was cut short.*\nremove .*summary\.json to have it trained again"):
        carry_on(run, prepare(config))
    assert len(run.levels()) == trained == 1
    (run.path / "replicate-0" / "level-00" / "dense" / "summary.json").unlink()
    carry_on(run, prepare(config))
    assert len(run.levels()) == 3


def test_lines_that_were_cut_off_are_missed(copied):
    path = copied.path / "metrics.jsonl"
    whole = path.read_text().splitlines(keepends=True)
    path.write_text("".join(whole[:-3]))
    with pytest.raises(LotteryError, match="was cut short"):
        copied.whole_metrics()
    (copied.path / "levels.jsonl").write_text("")
    with pytest.raises(LotteryError, match="`lottery resume` writes it anew"):
        copied.levels()


def test_a_run_of_before_there_were_schemas_is_refused_by_name(copied):
    record = files.read_json(copied.path / "run.json")
    del record["schema"]
    (copied.path / "run.json").write_text(json.dumps(record))
    with pytest.raises(LotteryError, match=r"was written by an older lottery \(schema 1"):
        Run.open(copied.path)


def test_a_run_of_another_schema_is_refused_by_name(copied):
    for schema, said in ((1, "an older"), (99, "a newer")):
        record = files.read_json(copied.path / "run.json")
        files.write_json(copied.path / "run.json", record | {"schema": schema})
        with pytest.raises(LotteryError, match=rf"was written by {said} lottery \(schema {schema}"):
            Run.open(copied.path)


# A stranger's run


def test_links_that_lead_out_of_a_run_are_refused(copied, tmp_path):
    target = tmp_path / "mine"
    target.mkdir()
    shutil.rmtree(copied.path / "replicate-0" / "level-02")
    (copied.path / "replicate-0" / "level-02").symlink_to(target)
    with pytest.raises(LotteryError, match="is a symbolic link"):
        carry_on(copied, prepare(copied.config))
    assert not list(target.iterdir())


def test_a_pipe_in_place_of_a_file_is_not_waited_for(copied):
    (copied.path / "run.json").unlink()
    os.mkfifo(copied.path / "run.json")
    with pytest.raises(LotteryError, match="not a run directory"):
        Run.open(copied.path)
    (copied.path / "levels.jsonl").unlink()
    os.mkfifo(copied.path / "levels.jsonl")
    with pytest.raises(LotteryError, match=r"levels\.jsonl is no file; remove what stands there"):
        copied.levels()


@pytest.mark.parametrize(
    ("key", "value"),
    [("status", "\x1b[2J"), ("study", "../x"), ("layout", {"workers": 10**9}), ("rewind", {"level": "a"})],
)
def test_a_run_record_of_other_types_is_refused(key, value, copied):
    record = files.read_json(copied.path / "run.json")
    files.write_json(copied.path / "run.json", record | {key: value})
    with pytest.raises(LotteryError, match=rf"is not what lottery writes: {key}"):
        Run.open(copied.path)


@pytest.mark.parametrize(
    ("changes", "place"),
    [
        ({"loss": "0.9"}, "loss"),
        ({"order": -1}, "order"),
        ({"metrics": {"accuracy": {"value": "0.9", "right": 9, "of": 10}}}, "metrics.accuracy.value"),
        ({"metrics": {"accuracy": {"value": 0.9, "right": 8, "of": 10}}}, "metrics.accuracy"),
        ({"metrics": {"accuracy": {"value": 1.1, "right": 11, "of": 10}}}, "metrics.accuracy"),
        ({"metrics": {"accuracy": {"value": 0.9, "right": 9, "of": None}}}, "metrics.accuracy"),
        ({"metrics": {"accuracy": {"value": 1.7e308, "right": None, "of": None}}}, "metrics.accuracy.value"),
        ({"metrics": {"../x": {"value": 0.9, "right": 9, "of": 10}}}, "metrics"),
    ],
)
def test_lines_of_other_types_or_whose_counts_say_otherwise_are_refused(changes, place, copied):
    copied.append_metrics([evaluation(**changes)])
    with pytest.raises(LotteryError, match=rf"is not what lottery writes: [0-9]*\.?{re.escape(place)}"):
        copied.metrics()


def test_a_metric_that_is_no_share_of_answers_has_a_value_alone(copied):
    lines = copied.metrics()
    copied.append_metrics([evaluation(metrics={"perplexity": {"value": 12.5, "right": None, "of": None}})])
    assert copied.metrics()[: len(lines)] == lines


def test_tensors_that_do_not_fit_the_model_are_refused(copied):
    path = copied.path / "replicate-0" / "level-01" / "ticket" / "weights.safetensors"
    tensors, about = read_tensors_about(path)
    write_tensors(path, tensors | {"output.weight": torch.zeros(3, 3)}, about)
    shutil.rmtree(copied.path / "replicate-0" / "level-02")
    with pytest.raises(LotteryError, match=r"does not fit the model of config\.yaml: output\.weight"):
        carry_on(copied, prepare(copied.config))


@pytest.mark.parametrize("header", [1 << 62, 10**6, 7])
def test_a_safetensors_header_that_lies(header, copied):
    path = copied.path / "replicate-0" / "level-01" / "ticket" / "weights.safetensors"
    path.write_bytes(header.to_bytes(8, "little") + path.read_bytes()[8:])
    with pytest.raises(LotteryError, match="is damaged"):
        copied.read_weights(Key(0, 1, "ticket"))


def test_data_that_lies_about_its_place_in_the_file(copied):
    path = copied.path / "replicate-0" / "level-01" / "ticket" / "weights.safetensors"
    raw = path.read_bytes()
    size = int.from_bytes(raw[:8], "little")
    header = json.loads(raw[8 : 8 + size])
    header["output.weight"]["data_offsets"] = [0, 1 << 40]
    text = json.dumps(header).encode()
    path.write_bytes(len(text).to_bytes(8, "little") + text + raw[8 + size :])
    with pytest.raises(LotteryError, match="is damaged"):
        copied.read_weights(Key(0, 1, "ticket"))


def test_limits_of_this_process_are_as_they_were():
    assert resource.getrlimit(resource.RLIMIT_AS)[0] == resource.RLIM_INFINITY
