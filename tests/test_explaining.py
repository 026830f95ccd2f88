"""Analyses are carried out on runs: each piece is found once, kept at once, and survives kills and damage."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from unittest.mock import Mock

import pytest
import torch
from conftest import killed_at, tiny

import lottery
from lottery import registry
from lottery.analyses.distance import distance
from lottery.config.analyses import Analysis
from lottery.errors import LotteryError
from lottery.exhibits import Exhibit, Table
from lottery.explaining.asked import asked, command
from lottery.explaining.carry_out import carry_out
from lottery.explaining.piece import Piece
from lottery.explaining.trained import Lacking, Trained
from lottery.store.run import Run
from lottery.studies.prepare import prepare

pytestmark = pytest.mark.usefixtures("nothing_brought")

FOUND = []
"""What `own` was asked to find."""


def register_own(find=lambda key, times: {"times": times, "level": key.level}):
    """Register the analysis `own`, which reads no tensors."""

    def one(key, times):
        FOUND.append(key)
        return find(key, times)

    def shown(lines):
        return Exhibit("Own", [f"{len(lines)} lines."], table=Table(["level"], [[str(lines[0]["of"]["level"])]]))

    @lottery.register("analyses", shown=shown)
    def own(trained, *, times: int = 1, levels: tuple[int, ...] = ()):
        """Find what is known."""
        for key in trained.among(levels):
            yield Piece(key._asdict(), lambda key=key: one(key, times))

    FOUND.clear()


@pytest.fixture
def run(finished, tmp_path):
    """A finished run of its own."""
    shutil.copytree(finished.path, tmp_path / "runs" / finished.path.name)
    return Run.open(tmp_path / "runs" / finished.path.name)


def opened(run):
    return Trained(run, lambda run: prepare(run.config))


def unsecond(path):
    """The lines of a file, without what is measured in seconds, and the checksums that change with it."""
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    return [{name: value for name, value in line.items() if name not in ("seconds", "crc")} for line in lines]


def test_each_piece_is_found_once_for_the_same_options(run):
    register_own()
    trained = opened(run)
    first = carry_out(trained, asked("own", {}))
    assert [line["of"] for line in first] == [key._asdict() for key in trained.keys]
    assert trained.keys == FOUND
    assert carry_out(trained, asked("own", {})) == first == run.analysis("own")
    assert len(FOUND) == len(trained.keys)
    twice = carry_out(trained, asked("own", {"times": 2, "levels": [2]}))
    assert {line["values"]["times"] for line in twice} == {2}
    assert {line["of"]["level"] for line in twice} == {2}
    assert run.analysis("own") == [*first, *twice]
    # What was asked for last comes last, and nothing is looked for again.
    carry_out(trained, asked("own", {}))
    assert run.analysis("own") == [*twice, *first]
    assert len(FOUND) == len(first) + len(twice)


def test_pieces_of_networks_that_came_later_stand_in_their_place(run):
    register_own()
    whole, early = opened(run), opened(run)
    early.keys = [key for key in early.keys if key.level < 2]
    carry_out(early, asked("own", {}))
    carry_out(whole, asked("own", {}))
    assert [line["of"] for line in run.analysis("own")] == [key._asdict() for key in whole.keys]
    assert len(FOUND) == len(whole.keys)


def test_after_a_kill_the_file_is_the_same(run, monkeypatch):
    register_own()
    monkeypatch.setattr(Trained, "config", property(lambda self: tiny()))
    wanted = asked("own", {"levels": [1]})
    file = run.path / "analysis" / "own.jsonl"
    carry_out(opened(run), wanted)
    whole = unsecond(file)
    accesses, moment = None, 1
    while accesses is None:
        shutil.rmtree(file.parent)
        accesses = killed_at(run, lambda: carry_out(opened(run), wanted), moment)
        carry_out(opened(run), wanted)
        assert unsecond(file) == whole, moment
        moment += 1
    assert accesses >= 8  # each piece is kept by itself


def test_a_torn_line_is_found_again(run):
    register_own()
    wanted = asked("own", {"levels": [1]})
    file = run.path / "analysis" / "own.jsonl"
    carry_out(opened(run), wanted)
    whole, text = unsecond(file), file.read_bytes()
    for size in (0, 1, len(text) // 2, len(text) - 1):
        file.write_bytes(text[:size])
        FOUND.clear()
        carry_out(opened(run), wanted)
        assert unsecond(file) == whole
        assert len(FOUND) == len(whole) - text[:size].count(b"\n")


def test_a_damaged_line_is_named_with_what_to_do(run):
    register_own()
    carry_out(opened(run), asked("own", {}))
    file = run.path / "analysis" / "own.jsonl"
    file.write_text(file.read_text().replace('"level": 1', '"level": 7', 1))
    with pytest.raises(LotteryError, match=r"own\.jsonl, line \d+ is damaged; remove that line .*\n.*found again"):
        carry_out(opened(run), asked("own", {}))


def test_one_process_at_a_time(run):
    register_own()
    code = "import sys, time; from pathlib import Path; from lottery.store import locks\n"
    code += "with locks.lock(Path(sys.argv[1])): print('held', flush=True); time.sleep(60)"
    with subprocess.Popen([sys.executable, "-c", code, run.path], stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout.readline() == "held\n"
        try:
            with pytest.raises(LotteryError, match="is being worked on by process"):
                carry_out(opened(run), asked("own", {}))
        finally:
            other.kill()
    assert not FOUND


@pytest.mark.parametrize(
    ("find", "said"),
    [
        (lambda key, times: 1 / 0, r"analyses\.own: .*test_explaining\.py:\d+: ZeroDivisionError: division by zero"),
        (lambda key, times: 3, r"analyses\.own returns a int; it has to return a dict of numbers"),
        (lambda key, times: {"n": object()}, r"returns a dict in which n is a object; it has to"),
    ],
)
def test_a_users_analysis_is_blamed_in_one_line(find, said, run):
    register_own(find)
    with pytest.raises(LotteryError, match=said) as caught:
        carry_out(opened(run), asked("own", {}))
    assert "\n" not in str(caught.value)


def test_what_is_no_number_is_null_and_random_numbers_are_its_own(run):
    register_own(lambda key, times: {"nan": float("nan"), "drawn": torch.rand(2), "layers": {"a": [float("inf"), 1]}})
    lines = carry_out(opened(run), asked("own", {}))
    assert lines[0]["values"]["nan"] is None
    assert lines[0]["values"]["layers"] == {"a": [None, 1]}
    assert lines[0]["values"]["drawn"] != lines[1]["values"]["drawn"]
    drawn = [line["values"]["drawn"] for line in lines]
    shutil.rmtree(run.path / "analysis")
    assert [line["values"]["drawn"] for line in carry_out(opened(run), asked("own", {}))] == drawn


def test_what_is_lacking_is_named_with_the_command(run):
    trained = opened(run)
    there = re.escape(str(run.path))
    with pytest.raises(
        Lacking, match=f"^{there} has no level 5, but levels 0 to 2; lottery prune {there} --iterations 3"
    ):
        trained.among([1, 5])
    with pytest.raises(Lacking, match=r"has no 'reinitt' \(did you mean 'reinit'\?\), but dense, random, reinit"):
        trained.among((), ["reinitt"])
    trained.keys = [key for key in trained.keys if key.arm != "reinit"]
    with pytest.raises(Lacking, match=r"has no 'reinit', .*; `pruning\.arms: \[reinit\]` trains it"):
        trained.among((), ["reinit"])
    assert [key.level for key in trained.among([2], ["ticket"])] == [2, 2]
    dense = trained.keys[0]
    assert not trained.has_solution(dense)
    with pytest.raises(Lacking, match="has no pruning solution"):
        trained.solution(dense)


def test_the_command_says_what_differs_from_the_defaults(run):
    assert command(asked("distance", {}), "runs/my run") == "lottery analyze 'runs/my run' distance"
    wanted = asked("distance", {"levels": [1, 2], "solution": False})
    assert command(wanted, "a") == "lottery analyze a distance --set 'levels=[1, 2]' --set solution=False"
    assert wanted.plain == {"levels": [1, 2], "arms": [], "solution": False}


# From the command line and from Python


def test_the_command_finds_prints_and_keeps(lottery, run):
    said = lottery("analyze", run.path, "distance", "--set", "levels=[1]", "--set", "arms=[ticket]")
    assert said.code == 0, said.err
    assert re.search(r"\ndistance: 2 pieces found in .*, kept in ", said.err)
    assert "Does training lead back" in said.out
    assert "│" in said.out
    again = lottery("analyze", "latest", "distance", "--set", "levels=[1]", "--set", "arms=[ticket]")
    assert "distance: 2 pieces there already, kept in" in again.err
    assert again.out == said.out
    assert "Does training lead back" in lottery("report", run.path).out


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["distance"], "name a run and an analysis: lottery analyze latest distance"),
        (["tiny"], "name an analysis behind the run: lottery analyze tiny NAME; there are .*distance"),
        (
            ["latest", "distanc"],
            r"there is no analysis 'distanc' \(did you mean 'distance'\?\); there are .*distance",
        ),
        (
            ["latest", "distance", "--set", "lvl=1"],
            r"distance: lvl: unknown key .*; lottery methods analyses distance",
        ),
        (["latest", "distance", "--set", "levels=x"], r"distance: levels: .*; lottery methods analyses distance"),
        (["latest", "distance", "--set", "name=x"], r"distance: name: .*; lottery methods analyses distance"),
        (["latest", "distance", "--set", "levels"], r"--set levels: write OPTION=VALUE"),
        (["latest", "distance", "--set", "levels=["], r"--set levels=\[: the value is not valid YAML"),
        (["latest", "distance", "--set", "levels=[9]"], r"has no level 9, but levels 0 to 2; lottery prune \S+ --iter"),
        (["latest", "distance", "--set", "levels=[99999999999999999999]"], r"9, but levels 0 to 2$"),
        (["nowhere", "distance"], "nowhere is not there"),
    ],
)
def test_what_can_not_be_done_is_said_in_one_line(arguments, said, lottery, run):
    found = lottery("analyze", *arguments)
    assert (found.code, found.out) == (2, "")
    assert re.search(f"^error: .*{said}", found.err, re.M), found.err
    assert len(found.err.removeprefix("reading latest\n").removeprefix("reading nowhere\n").splitlines()) == 1


def test_interrupted_says_how_to_go_on(lottery, run):
    def stop(key, times):
        if len(FOUND) == 3:
            raise KeyboardInterrupt
        return {"n": 1}

    register_own(stop)
    said = lottery("analyze", run.path, "own", "--set", "times=2")
    assert said.code == 130
    assert f"go on with: lottery analyze {run.path} own --set times=2" in said.err
    assert len(run.analysis("own")) == 2


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_other_signals_say_it_too_and_are_put_back(number, lottery, run):
    before = signal.signal(number, handler := lambda number, frame: None)
    try:
        register_own(lambda key, times: {"n": len(FOUND) == 3 and os.kill(os.getpid(), number)})
        said = lottery("analyze", run.path, "own")
        assert (said.code, said.out) == (130, "")
        assert f"go on with: lottery analyze {run.path} own" in said.err
        assert len(run.analysis("own")) == 2
        assert signal.getsignal(number) is handler
    finally:
        signal.signal(number, before)


def test_a_study_hears_its_own_signals_in_its_analyses_too(lottery, tmp_path):
    before = signal.signal(signal.SIGUSR2, lambda number, frame: None)
    try:
        register_own(lambda key, times: {"n": os.kill(os.getpid(), signal.SIGUSR2)})
        (tmp_path / "tiny.yaml").write_text(tiny(pruning__arms=[], pruning__iterations=1, analyses=["own"]).to_yaml())
        said = lottery("prune", "tiny.yaml", "--stop-on", "USR2")
        assert said.code == 130, said.err
        assert "go on with: lottery analyze" in said.err
    finally:
        signal.signal(signal.SIGUSR2, before)


@pytest.mark.parametrize("error", [MemoryError(), RuntimeError("DefaultCPUAllocator: can't allocate memory: 8 bytes")])
def test_memory_that_runs_out_is_told_in_one_line(error, lottery, run, monkeypatch):
    monkeypatch.setattr("lottery.analyses.distance._found", Mock(side_effect=error))
    said = lottery("analyze", run.path, "distance")
    assert (said.code, said.out) == (1, "")
    assert said.err.splitlines()[-1].startswith("failed: distance: out of memory; what is found is kept")
    assert "Traceback" not in said.err


@pytest.mark.parametrize(
    ("name", "option"),
    [("function", "bins"), ("basin", "points"), ("basin", "draws"), ("hessian", "steps"), ("movement", "vectors")],
)
def test_options_that_cost_time_or_memory_each_are_bounded(name, option):
    assert asked(name, {option: 1000}).options[option] == 1000
    with pytest.raises(LotteryError, match=f"{name}: {option}: .*less than or equal to 1000"):
        asked(name, {option: 10**9})


@pytest.mark.parametrize(
    ("place", "make"),
    [("analysis", Path.touch), ("analysis", os.mkfifo), ("analysis/distance.jsonl", os.mkfifo),
     ("analysis/distance.jsonl", os.mkdir)],
)  # fmt: skip
def test_what_stands_in_the_way_is_named_with_the_remedy(place, make, lottery, run):
    path = run.path / place
    if "/" in place:
        path.parent.mkdir()
    make(path)
    said = lottery("analyze", run.path, "distance")
    failed = f"Remove {path}, in whose place something else belongs, then give the same command again"
    refused = (
        f"{path} is no file; remove what stands there;\nwhat is removed of {path} is found again by `lottery analyze`"
    )
    assert (refused if "/" in place else failed) in said.err
    assert said.code == (2 if "/" in place else 1)


def test_a_renamed_run_is_analysed_on(lottery, run):
    def rename(key, times):
        if run.path.exists():
            run.path.rename(run.path.with_name("elsewhere"))
        return {"n": 1}

    register_own(rename)
    said = lottery("analyze", run.path, "own", "--set", "times=2")
    assert said.code == 1
    assert f"Go on with: lottery analyze {run.path.with_name('elsewhere')} own --set times=2; what is" in said.err


def test_lines_that_stand_twice_are_no_pieces(lottery, run):
    lottery("analyze", run.path, "distance")
    path = run.path / "analysis" / "distance.jsonl"
    before = path.read_bytes()
    path.write_bytes(before * 2)
    said = lottery("analyze", run.path, "distance")
    assert re.search(r"distance: \d+ pieces there already", said.err), said.err


def test_python_returns_flat_records(run, capsys):
    found = lottery.analyze(run.path, "distance", levels=[1], arms=["ticket"], progress=False)
    assert capsys.readouterr() == ("", "")
    assert [record["replicate"] for record in found] == [0, 1]
    assert found[0]["options.levels"] == [1]
    assert found[0]["start_end.angle"] > 0
    assert lottery.open_run(run.path).analysis("distance") == found
    assert lottery.open_run(run.path).analysis("correlation") == []
    with pytest.raises(LotteryError, match=r"no analysis 'distanse' \(did you mean 'distance'\?\)"):
        lottery.open_run(run.path).analysis("distanse")
    with pytest.raises(LotteryError, match="levelss: unknown key"):
        lottery.analyze(run.path, "distance", levelss=[1], progress=False)


OWN_ANALYSIS = """
import lottery
from lottery.explaining.piece import Piece
from signs import sign

@lottery.register("analyses")
def size(trained, *, times: int = 1):
    "Find what is known."
    for key in trained.keys:
        yield Piece(key._asdict(), lambda: {"n": sign() * times})
"""


def test_what_other_code_found_is_looked_for_anew(lottery, run, tmp_path):
    """Of a user's own analysis, whose file has changed; what it found with other options stays till then."""
    (tmp_path / "signs.py").write_text("def sign(): return 1")
    plugin = tmp_path / "own.py"
    plugin.write_text(OWN_ANALYSIS)
    asked_for = ("analyze", run.path, "size", "--plugin", plugin)
    lottery(*asked_for), lottery(*asked_for, "--set", "times=2")
    before = run.analysis("size")
    count = len(before) // 2
    assert {line["values"]["n"] for line in before} == {1, 2}
    assert "there already" in lottery(*asked_for).err
    plugin.write_text(OWN_ANALYSIS.replace("sign() * times", "-sign() * times"))
    said = lottery(*asked_for)
    assert f"size: its code has changed since {count} pieces were found; they are looked for anew" in said.err
    assert f"size: {count} pieces found in" in said.err
    after = run.analysis("size")
    assert [line["values"]["n"] for line in after] == count * [2] + count * [-1]
    assert "there already" in lottery(*asked_for).err
    plugin.write_text(OWN_ANALYSIS.replace("sign() * times", "1 / 0"))  # what was found stays till something is found
    assert "ZeroDivisionError" in lottery(*asked_for).err
    assert run.analysis("size") == after
    lottery("analyze", run.path, "distance")
    assert all("code" not in line for line in run.analysis("distance"))


def test_a_parent_is_found_beside_its_run_and_else_missed(lottery, run, tmp_path):
    lottery("rewind", run.path, "--level", "1", "--replicates", "1")
    (path,) = (path for path in run.path.parent.iterdir() if path != run.path)
    moved = run.path.rename(run.path.with_name("renamed"))
    said = lottery("analyze", path, "function")
    assert (said.code, "pruned from" in said.out, "nothing is compared" in said.err) == (0, True, False), said.err
    shutil.rmtree(path / "analysis")
    moved.rename(tmp_path / "away")
    said = lottery("analyze", path, "function")
    assert said.code == 0, said.err
    assert said.err.count("nothing is compared with the solution that masks were pruned from: ") == 1
    assert lottery("analyze", path, "movement").code == 2


def test_what_has_no_pruned_mask_is_told_which_have(lottery, run):
    said = lottery("analyze", run.path, "basin", "--set", "levels=[0]")
    assert (said.code, "was pruned from a trained one, but those of levels 1 to 2 were" in said.err) == (2, True)
    lottery("rewind", run.path, "--level", "0", "--replicates", "1")
    (path,) = (path for path in run.path.parent.iterdir() if path != run.path)
    assert f"; lottery rewind {run.path} --level 1 makes some" in lottery("analyze", path, "basin").err
    shutil.move(run.path, run.path.parent.parent)
    said = lottery("analyze", path, "connectivity", "--set", "between=orders")  # which needs no parent
    assert f"has one training of each network: lottery rewind {run.path} --level 0 --to 0it" in said.err


def test_what_was_pruned_while_it_trained_is_its_own_solution(finished, monkeypatch):
    trained = opened(finished)
    piece = next(distance(trained, levels=(1,), arms=("ticket",)))
    assert "end_solution" in piece.find()
    sparse = tiny(sparse={"topology": "gradual", "density": 0.5}, pruning={})
    monkeypatch.setattr(trained, "config", sparse)
    assert "end_solution" not in piece.find()


def test_a_configs_analyses_are_done_when_training_is(lottery, tmp_path):
    """One that fails is a note, and the run is whole."""
    register_own(lambda key, times: 1 / 0)
    config = tiny(pruning__iterations=1, pruning__arms=[], analyses=["own", {"name": "distance", "levels": [1]}])
    (tmp_path / "tiny.yaml").write_text(config.to_yaml())
    said = lottery("prune", "tiny.yaml")
    assert said.code == 0, said.err
    assert re.search(r"\nown is left out: analyses\.own: .*ZeroDivisionError.*lottery analyze \S+ own\n", said.err)
    (path,) = (tmp_path / "runs").iterdir()
    run = Run.open(path)
    assert run.record["status"] == "finished"
    assert run.analysed() == ["distance"]
    assert {line["of"]["level"] for line in run.analysis("distance")} == {1}
    register_own()
    lottery("prune", path, "--iterations", "1")
    assert len(run.analysis("own")) == 6


def test_a_configs_analyses_are_of_levels_that_there_will_be(lottery, tmp_path):
    """Else that is said before anything is trained."""
    (tmp_path / "tiny.yaml").write_text(tiny(analyses=[{"name": "distance", "levels": [9]}]).to_yaml())
    said = lottery("prune", "tiny.yaml")
    assert said.code == 2
    assert "analyses: distance: levels: there is no 9; there are 0, 1, 2" in said.err
    assert not (tmp_path / "runs").exists()


def test_an_analysis_is_named_once_in_a_config():
    with pytest.raises(ValueError, match="distance is named twice"):
        tiny(analyses=["distance", {"name": "distance", "levels": [1]}])
    assert tiny(analyses=["distance"]).analyses == (Analysis(name="distance"),)
    assert registry.find("analyses", "distance").constants["SHOWN"]
