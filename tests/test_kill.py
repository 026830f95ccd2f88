"""Kill a study anywhere, go on, and compare every byte with a study that nobody killed.

The default tests kill at some moments. All of them, and real processes killed at random moments:

    pytest -m slow tests/test_kill.py -s
"""

from __future__ import annotations

import os
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from conftest import carry_on, carry_out, killed_at, one_thread, same, tiny

from lottery.store.checkpoints import Checkpoints
from lottery.store.run import Run
from lottery.studies.prepare import prepare
from lottery.training.batches import Batches
from lottery.training.loop import Trainer

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="processes are forked here on Linux alone")


def study(**changes):
    return tiny(
        execution="looped", pruning__arms=["reinit"], pruning__rewind="7it", pruning__iterations=1,
        checkpoint={"steps": "8it"}, **changes,
    )  # fmt: skip


@pytest.fixture(autouse=True)
def always_one_thread():
    with one_thread():
        yield


@pytest.fixture(scope="module")
def straight(tmp_path_factory):
    with one_thread():
        return carry_out(study(), tmp_path_factory.mktemp("straight"))


def finish(run: Run) -> None:
    carry_on(run, prepare(study()))


@pytest.mark.parametrize("share", [0.02, 0.1, 0.25, 0.4, 0.55, 0.7, 0.85, 0.98])
def test_killed_at_a_file_and_resumed_gives_the_same_bytes(share, straight, tmp_path):
    total = killed_at(Run.create(tmp_path, study(), {"study": "prune"}), study(), 10**9)
    assert total > 100
    run = Run.create(tmp_path, study(), {"study": "prune"})
    assert killed_at(run, study(), round(share * total)) is None
    finish(run)
    assert same(run, straight)
    assert not list(run.path.rglob("checkpoint"))


@pytest.mark.slow
@pytest.mark.parametrize("workers", [1, 2])
def test_killed_at_any_file_and_resumed_gives_the_same_bytes(workers, straight, tmp_path):
    """At each access to a file in turn; and killed once more on the way."""
    moment, killed = 0, 0
    while True:
        moment += 1
        run = Run.create(tmp_path, study(workers=workers), {"study": "prune"})
        if killed_at(run, study(workers=workers), moment) is not None:
            break
        killed += 1
        if killed_at(run, study(workers=workers), moment + 5) is None:
            killed += 1
        finish(run)
        assert same(run, straight), f"killed at access {moment}"
    print(f"\nkills survived at file accesses, {workers} workers: {killed}/{killed}")
    assert killed > 100


LONGER = """
name: longer
data: {name: digits, validation: 100}
model: {name: fcn, widths: [64]}
train: {length: 1500it, batch_size: 32, optimizer: {name: adam, lr: 0.001}, evaluate_every: 100it}
pruning: {iterations: 3, arms: [reinit], rewind: 300it}
checkpoint: {steps: 70it}
replicates: 3
device: cpu
"""


@pytest.mark.slow
@pytest.mark.parametrize("workers", [1, 2])
def test_real_processes_killed_at_random_moments(workers, tmp_path):
    """`lottery prune` killed by SIGKILL, and each `lottery resume` after it, at moments drawn at random."""
    config = tmp_path / "longer.yaml"
    config.write_text(LONGER + f"workers: {workers}\n")
    lottery = [sys.executable, "-c", "from lottery.cli import main; main()"]
    environment = os.environ | {"OMP_NUM_THREADS": str(workers)}

    messages = tmp_path / "messages"

    def start(*arguments):
        with messages.open("w") as file:
            return subprocess.Popen(
                [*lottery, *map(str, arguments)], cwd=tmp_path, env=environment, start_new_session=True,
                stdout=subprocess.DEVNULL, stderr=file,
            )  # fmt: skip

    def only(folder: str) -> Path:
        return next((tmp_path / folder).glob("*/run.json")).parent

    began = time.monotonic()
    whole = start("prune", config, "--runs-dir", "straight")
    assert whole.wait() == 0, messages.read_text()
    seconds = time.monotonic() - began
    moments = random.Random(workers)
    kills = rounds = 0
    while kills < 30:
        rounds += 1
        folder = f"killed-{rounds}"
        process = start("prune", config, "--runs-dir", folder)
        while True:
            try:
                assert process.wait(timeout=moments.uniform(1.2, max(4.0, seconds))) == 0, messages.read_text()
                break
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
                kills += 1
            if list((tmp_path / folder).glob("*/run.json")):
                process = start("resume", only(folder))
            else:
                process = start("prune", config, "--runs-dir", folder)
        assert same(Run.open(only(folder)), Run.open(only("straight")))
    print(f"\nreal processes killed at random moments, {workers} workers: {kills}/{kills} in {rounds} studies")


@pytest.fixture(scope="module")
def under_way(tmp_path_factory) -> Run:
    """A run that was killed while a level was under way."""
    with one_thread():
        return killed_with_a_checkpoint(tmp_path_factory.mktemp("killed"))


@pytest.fixture
def killed(under_way, tmp_path) -> Run:
    """A copy of it."""
    return Run.open(shutil.copytree(under_way.path, tmp_path / under_way.path.name))


def killed_with_a_checkpoint(folder: Path) -> Run:
    total = killed_at(Run.create(folder, study(), {"study": "prune"}), study(), 10**9)
    for moment in range(total // 4, total):
        run = Run.create(folder, study(), {"study": "prune"})
        assert killed_at(run, study(), moment) is None
        if any(about["step"] < 30 for _, about in Checkpoints(run).read()) and not list(run.path.rglob("*.before")):
            return run
    raise AssertionError("no moment left a checkpoint")


def test_the_harness_notices_a_forgotten_optimizer_slot(straight, killed, monkeypatch):
    load = Trainer.load

    def forget(self, tensors):
        load(self, tensors)
        self._slots.clear()

    monkeypatch.setattr(Trainer, "load", forget)
    finish(killed)
    assert not same(killed, straight)


def test_the_harness_notices_another_order_of_batches(straight, killed, monkeypatch):
    draw = Batches._draw
    monkeypatch.setattr(Batches, "_draw", lambda self, epoch: (draw(self, epoch + 1), setattr(self, "_epoch", epoch)))
    finish(killed)
    assert not same(killed, straight)
