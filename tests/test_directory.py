"""A run's directory: what is written, in which order, with which rights; and what happens when it is taken away."""

from __future__ import annotations

import hashlib
import os
import shutil
import stat
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from conftest import Quiet, carry_on, evaluation, summary, tensor_files, tiny

from lottery.errors import Interrupted, LotteryError, RunFailed
from lottery.networks.key import Key
from lottery.networks.network import Network
from lottery.reporting.listing import listing
from lottery.store import files, locks
from lottery.store.checkpoints import Checkpoints
from lottery.store.reader import Reader
from lottery.store.run import Run
from lottery.store.tensor_files import read_tensors, read_tensors_about, write_tensors
from lottery.studies.prepare import prepare

linux = pytest.mark.skipif(sys.platform != "linux", reason="/proc tells where an open file is")


@pytest.fixture
def run(tmp_path):
    return Run.create(tmp_path / "runs", tiny(), {"study": "prune"})


def network():
    return Network({"w": torch.arange(4.0)}, {"w": torch.tensor([True, False, True, True])})


# Taken away


class Thief(Quiet):
    """Does something once, when it is told of `when` for the second time."""

    def __init__(self, when, act):
        self._when, self._act, self._told = when, act, 0

    def _tell(self, when):
        self._told += when == self._when
        if when == self._when and self._told == 2:
            self._act()

    def training(self, members, done):
        self._tell("training")

    def advanced(self, members, steps):
        self._tell("advanced")

    def evaluated(self, lines):
        self._tell("evaluated")

    def trained(self, members):
        self._tell("trained")


MOMENTS = ["training", "advanced", "evaluated", "trained"]


@linux
@pytest.mark.parametrize("when", MOMENTS)
def test_a_run_that_is_renamed_stops_and_says_where_to_go_on(when, run, tmp_path, finished):
    new = tmp_path / "else where"
    thief = Thief(when, lambda: run.path.rename(new))
    with pytest.raises(
        RunFailed, match=rf"was renamed while .* it is {new} now\.\nGo on with: lottery resume '{new}'"
    ) as caught:
        carry_on(run, prepare(tiny()), thief)
    assert len(str(caught.value).splitlines()) == 2
    assert not run.path.exists()
    moved = Run.open(new)
    assert moved.abandoned
    carry_on(moved, prepare(tiny()))
    assert tensor_files(moved) == tensor_files(finished)


@linux
@pytest.mark.parametrize("when", MOMENTS)
def test_a_run_that_is_deleted_is_not_made_again(when, run):
    with pytest.raises(RunFailed, match=r"was deleted or renamed while it was worked on\.\n.*start the study anew"):
        carry_on(run, prepare(tiny()), Thief(when, lambda: shutil.rmtree(run.path)))
    assert not run.path.exists()


@linux
@pytest.mark.parametrize("when", MOMENTS)
def test_another_directory_in_its_place_is_left_alone(when, run, tmp_path):
    def digests():
        paths = (path for path in sorted(run.path.rglob("*")) if path.is_file())
        return {path: hashlib.sha256(path.read_bytes()).hexdigest() for path in paths}

    found = []

    def swap():
        shutil.copytree(run.path, tmp_path / "copy")
        run.path.rename(tmp_path / "elsewhere")
        (tmp_path / "copy").rename(run.path)
        found.append(digests())

    with pytest.raises(RunFailed, match="was renamed while it was worked on"):
        carry_on(run, prepare(tiny()), Thief(when, swap))
    assert digests() == found[0]


@linux
def test_a_checkpoint_is_not_written_into_nothing(run):
    """Asked to stop after the directory has gone."""
    gone = []

    def go():
        run.path.rename(run.path.with_name("elsewhere"))
        gone.append(True)

    with pytest.raises(RunFailed, match="was renamed"):
        carry_on(
            run,
            prepare(tiny(train__length="100000it", train__evaluate_every="100000it")),
            Thief("advanced", go),
            lambda: bool(gone),
        )
    assert not run.path.exists()


def test_nothing_is_lost_where_nothing_is_locked(run, tmp_path):
    assert not locks.is_lost(run.path)
    with run.working():
        assert not locks.is_lost(run.path)
    assert locks.place(run.path) is None


def test_no_writer_makes_the_directory_again(run):
    path = run.path
    shutil.rmtree(path)
    for write in (
        lambda: run.append_metrics([evaluation()]),
        lambda: run.append_levels([summary()]),
        lambda: run.write_state(Key(0, 0, "dense"), 0, network().state),
        lambda: run.write_network(network(), summary()),
        lambda: run.write_mask(Key(0, 0, "dense"), network().mask),
        lambda: Checkpoints(run).write("level-00-dense-0", {"x": torch.zeros(1)}, {}),
        lambda: run.write_config(tiny()),
        lambda: run.finish("finished"),
        lambda: run.settle(lambda record: False),
    ):
        with pytest.raises((RunFailed, LotteryError)):
            write()
        assert not path.exists()


# Order


@pytest.fixture
def order(run, monkeypatch):
    """What is flushed, made and renamed, in order: (what, path in the run)."""
    events = []
    fsync, replace, mkdir = os.fsync, os.replace, os.mkdir

    def short(path):
        path = Path(os.fsdecode(path))
        return path.relative_to(run.path).as_posix() if path.is_relative_to(run.path) else None

    def remember_fsync(descriptor):
        events.append(("flush", short(Path(f"/proc/self/fd/{descriptor}").readlink())))
        fsync(descriptor)

    def remember_replace(source, target, **more):
        events.append(("rename", short(source), short(target)))
        replace(source, target, **more)

    def remember_mkdir(path, *more, **others):
        events.append(("make", short(path)))
        mkdir(path, *more, **others)

    monkeypatch.setattr(os, "fsync", remember_fsync)
    monkeypatch.setattr(os, "replace", remember_replace)
    monkeypatch.setattr(os, "mkdir", remember_mkdir)
    return events


def parent(path):
    return Path(path).parent.as_posix()


def is_durable(events):
    """Each renamed file was flushed right before, its folder right after, and so that of each folder that was made."""
    for place, (kind, path, *target) in enumerate(events):
        if kind == "rename" and path.endswith(".tmp"):
            assert events[place - 1] == ("flush", path)
            assert events[place + 1] == ("flush", parent(target[0]))
        if kind == "make":
            assert events[place + 1] == ("flush", parent(path))
    return True


@linux
def test_files_are_flushed_before_their_names_and_their_folders_after(run, order):
    run.append_metrics([evaluation()])
    run.write_state(Key(0, 0, "dense"), 0, network().state)
    run.write_network(network(), summary())
    run.update(status="finished")
    assert is_durable(order)
    names = [target[0] for kind, _, *target in order if kind == "rename"]
    member = "replicate-0/level-00/dense"
    assert names == [
        f"{member}/step-0.safetensors", f"{member}/mask.safetensors", f"{member}/weights.safetensors",
        f"{member}/summary.json", "run.json",
    ]  # fmt: skip
    made = [path for kind, path, *_ in order if kind == "make"]
    assert made == ["replicate-0", "replicate-0/level-00", member]


@linux
def test_evaluations_are_flushed_before_the_summary_that_counts_on_them(run, order):
    run.append_metrics([evaluation()])
    run.write_network(network(), summary())
    names = [target[0] if kind == "rename" else path for kind, path, *target in order]
    assert ("flush", "metrics.jsonl") in order
    assert names.index("metrics.jsonl") < names.index("replicate-0/level-00/dense/summary.json")


@linux
def test_evaluations_are_flushed_before_a_checkpoint_that_counts_on_them(run, order):
    for step in (1, 2):
        run.append_metrics([evaluation(step=step)])
        order.clear()
        Checkpoints(run).write("level-00-dense-0", {"x": torch.zeros(1)}, {"step": step})
        kinds = [(kind, target[0] if target else path) for kind, path, *target in order]
        assert kinds.index(("flush", "metrics.jsonl")) < kinds.index(
            ("rename", "checkpoint/level-00-dense-0.safetensors")
        )
        assert is_durable(order)


# Rights


@pytest.mark.parametrize("umask", [0o022, 0o002, 0o077])
def test_every_file_has_the_rights_that_the_umask_leaves(umask, tmp_path):
    before = os.umask(umask)
    try:
        asked = iter(range(10**6))
        run = Run.create(tmp_path, tiny(), {"study": "prune"})
        with pytest.raises(Interrupted):
            carry_on(run, prepare(tiny()), stop=lambda: next(asked) > 60)
    finally:
        os.umask(before)
    found = {
        path.suffix or path.name: stat.S_IMODE(path.stat().st_mode) for path in run.path.rglob("*") if path.is_file()
    }
    assert set(found.values()) == {0o666 & ~umask}, found
    assert {".safetensors", ".json", ".jsonl", ".yaml", ".lock"} <= set(found)


# Tensors


@pytest.mark.parametrize(
    ("there", "wanted"),
    [({"w", "b"}, {"w"}), ({"w"}, {"w", "b"}), ({"w", "c"}, {"w", "b"}), ({"v"}, {"w"}), (set(), {"w"})],
)
def test_names_of_tensors_are_those_of_the_model(there, wanted, tmp_path):
    path = tmp_path / "x.safetensors"
    write_tensors(path, {name: torch.zeros(3) for name in there})
    like = {name: torch.zeros(3) for name in wanted}
    for read in (read_tensors, read_tensors_about):
        with pytest.raises(
            LotteryError, match=rf"does not fit the model .*: [{''.join(there ^ wanted)}] is another or missing"
        ):
            read(path, like)
    assert set(read_tensors(path)) == there


def test_shapes_and_types_of_tensors_are_those_of_the_model(tmp_path):
    path = tmp_path / "x.safetensors"
    write_tensors(path, {"w": torch.zeros(3)})
    for like in (torch.zeros(4), torch.zeros(1, 3), torch.zeros(3, dtype=torch.float64)):
        with pytest.raises(LotteryError, match="does not fit the model"):
            read_tensors(path, {"w": like})
    assert set(read_tensors(path, {"w": torch.ones(3)})) == {"w"}


# Listed


def listed(*paths):
    return [line.split("  ") for line in listing(paths)]


def cells(line):
    return [cell.strip() for cell in line if cell.strip()]


def test_a_list_has_a_line_for_each_run(run, finished):
    for level, density in ((0, 1.0), (2, 0.012), (1, 0.1)):
        for replicate in range(2):
            run.append_levels([summary(replicate, level, density=density)])
    head, own, other = map(cells, listed(run.path, finished.path))
    assert head == ["run", "study", "status", "levels", "lowest density", "device"]
    assert own == [run.path.name, "prune", "killed", "3", "1.2 %"]
    assert other[:5] == [finished.path.name, "prune", "finished", "3", f"{100 * 0.25:.1f} %"]
    assert other[5].startswith("cpu (")


def test_a_list_says_what_is_damaged(run, finished):
    run.append_levels([summary()])
    path = run.path / "levels.jsonl"
    path.write_bytes(path.read_bytes().replace(b"0.5", b"0.4"))
    lines = [*listing([run.path, finished.path])]
    assert f"damaged: {path}, line 1 is damaged" in lines[1]
    assert "finished" in lines[2]
    files.write_lines(path, [{"level": "x"}])
    assert "lines in levels.jsonl that lottery does not write" in [*listing([run.path])][1]
    (run.path / "run.json").write_text("{")
    assert "run.json is damaged" in [*listing([run.path])][1]


def test_torch_is_not_imported_to_list_runs(run, tmp_path):
    code = (
        "import sys; from lottery import cli; sys.argv = ['lottery', 'runs']\n"
        "try: cli.main()\nfinally: print('torch' in sys.modules, file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "False\n")
    assert run.path.name in done.stdout


# Made


@pytest.mark.parametrize(
    "record",
    [{"command": ["lottery", "a\nb"]}, {"parent": "a\x1b", "rewind": {}}, {"command": ["\udcff"]}, {"study": "other"}],
)
def test_a_record_that_could_not_be_read_makes_no_directory(record, tmp_path):
    with pytest.raises(LotteryError, match=r"run\.json is not what lottery writes") as caught:
        Run.create(tmp_path / "runs", tiny(), {"study": "train"} | record)
    assert len(str(caught.value).splitlines()) == 1
    assert not (tmp_path / "runs").exists()


def test_a_long_command_is_kept(tmp_path):
    command = ["lottery", "train", "--set", "pruning.exclude=[" + "a, " * 20_000 + "]"]
    run = Run.create(tmp_path, tiny(), {"study": "train", "command": command})
    assert Reader.open(run.path).record["command"] == command
