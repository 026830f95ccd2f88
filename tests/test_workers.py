import json
import multiprocessing
import os
import signal
import sys
import threading
import time
from pathlib import Path

import pytest
import torch
from conftest import Quiet, carry_on, carry_out, one_thread, same, tensor_files, tiny

from lottery import devices
from lottery.crews import workers
from lottery.crews.crew import crew
from lottery.crews.jobs import Job, Trained
from lottery.errors import Interrupted, RunFailed
from lottery.store.run import Run
from lottery.studies import execute
from lottery.studies.prepare import prepare

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="worker processes are forked on Linux alone")


@pytest.fixture(autouse=True)
def always_one_thread(monkeypatch):
    monkeypatch.setattr(devices, "cores", lambda: 2)
    with one_thread():
        yield


def study(**changes):
    return tiny(execution="looped", pruning__arms=["reinit"], pruning__rewind="7it", **changes)


@pytest.fixture(scope="module")
def alone(tmp_path_factory):
    with one_thread():
        return carry_out(study(), tmp_path_factory.mktemp("alone"))


def test_workers_change_no_byte(alone, tmp_path):
    run = carry_out(study(workers=2), tmp_path)
    assert (run.record["layout"]["workers"], run.record["layout"]["threads"]) == (2, 1)
    assert same(run, alone)


class Asked(Quiet):
    """Asks to stop after so many signs of life."""

    def __init__(self, left):
        self.left = left

    def advanced(self, members, steps):
        self.left -= 1

    def stop(self):
        return self.left <= 0


@pytest.mark.parametrize("signs", [0, 1, 7, 20])
def test_stopped_and_resumed_gives_the_same_bytes(signs, alone, tmp_path):
    config = study(workers=2)
    run = Run.create(tmp_path, config, {"study": "prune"})
    asked = Asked(signs)
    with pytest.raises(Interrupted):
        carry_on(run, prepare(config), asked, asked.stop)
    assert run.record["status"] == "interrupted"
    carry_on(run, prepare(config))
    assert same(run, alone)
    assert not (run.path / "checkpoint").exists()


def test_the_layout_is_kept_on_resume(alone, tmp_path):
    run = carry_out(study(workers=2, pruning__iterations=1), tmp_path)
    run.write_config(study(workers="auto"))
    carry_on(run, prepare(study(workers="auto")))
    assert (run.record["layout"]["workers"], run.record["layout"]["threads"]) == (2, 1)
    assert tensor_files(run) == tensor_files(alone)


class Noting(Quiet):
    """Remembers what it is told."""

    def __init__(self):
        self.notes = []

    def noted(self, text):
        self.notes.append(text)


@pytest.fixture
def started(monkeypatch):
    """Processes and threads of each crew that was started."""
    found = []
    start, alone = workers.Workers.__init__, torch.set_num_threads

    def remember(self, places, threads, *more):
        found.append((len(places), threads))
        assert len(places) <= 2
        start(self, places, threads, *more)

    monkeypatch.setattr(workers.Workers, "__init__", remember)
    monkeypatch.setattr(torch, "set_num_threads", lambda number: (found.append((1, number)), alone(min(number, 2))))
    return found


def stopped_early(config, folder):
    run = Run.create(folder, config, {"study": "prune"})
    asked = Asked(3)
    with pytest.raises(Interrupted):
        carry_on(run, prepare(config), asked, asked.stop)
    return run


def test_a_forged_layout_starts_no_more_than_there_are_cores(tmp_path, started):
    run = stopped_early(study(pruning__iterations=1), tmp_path)
    forged = run.record["layout"] | {"workers": 24, "threads": 4096}
    run.update(layout=forged)
    started.clear()
    noting = Noting()
    carry_on(run, prepare(run.config), noting)
    assert run.record["status"] == "finished"
    assert started[0] == (1, 2)
    assert max(threads for _, threads in started) <= 2
    assert "24 x 4096 threads are more than this machine has cores or GPUs for: 1 x 2 run; fewer" in noting.notes[0]
    assert run.record["layout"] == forged


def test_a_run_of_a_larger_machine_ends_in_the_same_bytes_on_a_smaller_one(tmp_path, monkeypatch, started):
    """Members are stacked: what is in a chunk changes the bytes, how many chunks are under way does not."""
    config = study(workers=4, pruning__iterations=1, replicates=4)
    config = config.model_copy(update={"execution": "stacked"})
    straight = carry_out(config, tmp_path / "straight")
    run = stopped_early(config, tmp_path / "stopped")
    monkeypatch.setattr(devices, "cores", lambda: 1)
    noting = Noting()
    carry_on(run, prepare(config), noting)
    assert noting.notes[0].endswith("4 x 1 threads are more than this machine has cores or GPUs for: 1 x 1 run")
    assert {processes for processes, _ in started} == {1, 2}
    assert same(run, straight)


def test_a_worker_that_dies_fails_the_run_and_loses_nothing(alone, tmp_path, monkeypatch):
    config = study(workers=2)
    run = Run.create(tmp_path, config, {"study": "prune"})
    team = []
    start = workers.Workers.__init__

    def remember(self, *arguments):
        team.append(self)
        start(self, *arguments)

    monkeypatch.setattr(workers.Workers, "__init__", remember)

    class Murder(Quiet):
        def training(self, members, done):
            if members[0].key.level == 1 and team[0]._processes[1].is_alive():
                os.kill(team[0]._processes[1].pid, signal.SIGKILL)

    with pytest.raises(RunFailed, match="exit code -9"):
        carry_on(run, prepare(config), Murder())
    assert run.record["status"] == "failed"
    assert {line["level"] for line in run.levels()} <= {0, 1}
    assert 1 <= len([line for line in run.levels() if line["level"] == 0]) <= 2
    carry_on(run, prepare(config))
    assert same(run, alone)


def test_an_error_in_a_worker_is_raised_here(tmp_path, monkeypatch, capfd):
    def fall(setting, job, stop):
        raise ZeroDivisionError("in the worker")
        yield

    monkeypatch.setattr(execute, "train_chunk", fall)
    config = study(workers=2)
    with pytest.raises(ZeroDivisionError, match="in the worker"):
        carry_out(config, tmp_path)
    assert "Traceback" in capfd.readouterr().err


def test_no_process_outlives_the_study():
    with crew([torch.device("cpu")] * 2, 1, lambda job, stop: iter(()), None) as team:
        processes = list(team._processes)
        assert all(process.is_alive() for process in processes)
    assert not any(process.is_alive() for process in processes)


class Killed(Quiet):
    """Stops the workers, so that they can't notice, and kills this process: one is idle by then, the other is there."""

    def __init__(self, tell):
        self.tell, self.seen = tell, set()

    def evaluated(self, lines):
        self.seen |= {line["replicate"] for line in lines}

    def trained(self, members):
        if len(self.seen) == 2:
            orphans = [process.pid for process in multiprocessing.active_children()]
            for orphan in orphans:
                os.kill(orphan, signal.SIGSTOP)
            os.write(self.tell, json.dumps(orphans).encode())
            os.kill(os.getpid(), signal.SIGKILL)


def test_workers_whose_parent_was_killed_neither_hold_the_run_nor_live_on(tmp_path):
    run = Run.create(tmp_path, study(workers=2), {"study": "prune"})
    read, write = os.pipe()
    parent = os.fork()
    if parent == 0:
        try:
            carry_on(run, prepare(study(workers=2)), Killed(write))
        finally:
            os._exit(1)
    os.close(write)
    assert os.WTERMSIG(os.waitpid(parent, 0)[1]) == signal.SIGKILL
    orphans = json.loads(os.read(read, 1000))
    os.close(read)
    assert len(orphans) == 2
    try:
        assert all(lives(orphan) for orphan in orphans)
        assert run.abandoned
        for orphan in orphans:
            os.kill(orphan, signal.SIGCONT)
        deadline = time.monotonic() + 30
        while any(lives(orphan) for orphan in orphans):
            assert time.monotonic() < deadline
            time.sleep(0.01)
    finally:
        for orphan in filter(lives, orphans):
            os.kill(orphan, signal.SIGKILL)


def lives(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_spawned_workers_end_in_the_same_bytes(alone, tmp_path, monkeypatch):
    """As on several GPUs: each process loads the data for itself."""
    monkeypatch.setattr(workers, "can_fork", lambda device: False)
    run = carry_out(study(workers=2), tmp_path)
    assert same(run, alone)


def test_they_compute_with_several_threads_after_their_parent_did():
    """As in a notebook, which has multiplied matrices before: a forked process lacks the threads that did it."""
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    torch.ones(1_000_000).exp().sum()
    numbers, jobs = torch.ones(1_000_000), [Job([], [], "looped", [])]

    def train(job, stop):
        yield Trained([], float(numbers.exp().sum()), [], [])

    done = []
    with crew([torch.device("cpu")] * 2, 2, train, None) as team:
        waiting = threading.Thread(
            target=lambda: done.extend(team.train(lambda: jobs.pop() if jobs else None, lambda: False)), daemon=True
        )
        waiting.start()
        waiting.join(20)
        torch.set_num_threads(before)
        assert len(done) == 1
