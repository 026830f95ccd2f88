"""Records that a stranger forged, with checksums that are right: they are refused by name, or do no harm."""

from __future__ import annotations

import copy
import itertools
import json
import math
import shutil
from typing import get_type_hints

import pytest
from conftest import carry_on, carry_out, networks, recorded, tensor_files, tiny

from lottery import devices
from lottery.errors import LotteryError, RunFailed
from lottery.networks.key import Key
from lottery.reporting import figures
from lottery.results import Results
from lottery.store import files
from lottery.store.about import About
from lottery.store.parts import DataRecord, LayoutRecord, RewindRecord
from lottery.store.run import Run
from lottery.studies.prepare import prepare

REWIND = {"level": 1, "to": 0, "weights": "final", "mask": "keep"}
VALUES = [
    None, True, -1, 0, 1, 7, 1 << 47, 10**30, 1e300, "", "train", "prune", "rewind", "finished", "interrupted", "cuda",
    "stacked", "\x1b[2J", "a\nb", "\u202e", "\ud800", "../../etc", "x" * 5000, [], ["x"], {}, {"x": 1}, [[[]]],
    REWIND, REWIND | {"level": 1 << 47}, REWIND | {"to": 1 << 47},
    {"execution": "stacked", "chunk": 1 << 20, "workers": 4096, "threads": 4096, "device": "cpu", "splits": 1 << 47},
    {"execution": "looped", "chunk": 1, "workers": 1, "threads": 1, "device": "mps", "splits": 0},
    {"execution": "looped", "chunk": 1, "workers": 1, "threads": 1, "device": "cpu", "splits": 0, "more": 1},
]  # fmt: skip
KEYS = [*get_type_hints(About), "replicates", "seed", "versions", "new"]


@pytest.fixture(scope="module")
def half(tmp_path_factory):
    """A study whose last level is still to be trained, and the same finished: bytes of its tensors."""
    config = tiny(
        train__length="4it", train__evaluate_every="4it", pruning__arms=[], pruning__iterations=1, replicates=1
    )
    whole = carry_out(config, tmp_path_factory.mktemp("whole"))
    expected = tensor_files(whole)
    run = Run(shutil.copytree(whole.path, tmp_path_factory.mktemp("half") / "run"))
    shutil.rmtree(run.path / "replicate-0" / "level-01")
    run.settle(lambda record: False)
    run.update(status="interrupted")
    return run, expected


def forged(half, folder, changes):
    run = Run(shutil.copytree(half.path, folder / "forged"))
    record = files.read_json(run.path / "run.json")
    for key, value in changes.items():
        record.pop(key, None)
        if value is not ...:
            record[key] = copy.deepcopy(value)
    files.write_json(run.path / "run.json", record)
    return run


def outcome(run, lottery, monkeypatch):
    """`refused`, or the tensors of the run once it is listed, reported, retrained and resumed."""
    monkeypatch.setattr(devices, "cores", lambda: 2)
    monkeypatch.setattr(figures, "draw", lambda runs, everything: [])
    for command in (
        ["runs", "--runs-dir", run.path.parent],
        ["report", run.path],
        ["rewind", run.path, "--level", "0", "--to", "2it", "--dry-run"],
    ):
        result = lottery(*command)
        assert result.code in (0, 2), result
        assert len(result.err.splitlines()) <= 4, result.err
        assert not any(not one.isprintable() for one in result.out.replace("\n", "") + result.err.replace("\n", ""))
    try:
        carry_on(run, prepare(run.config))
    except (LotteryError, RunFailed) as error:
        assert len(str(error).splitlines()) <= 2
        assert len(str(error)) < 1000
        return "refused"
    return tensor_files(run)


CASES = [{key: value} for key in KEYS for value in [*VALUES, ...]]
TOGETHER = [{"study": "rewind", "parent": "x", "rewind": REWIND | {"to": to}} for to in (0, 3, 4, 1 << 47)]
FORK = {"levels": [0], "arms": ["dense"], "at": [0], "copies": 1}
TOGETHER += [
    {"study": "fork", "parent": "x", "fork": FORK | changed}
    for changed in ({}, {"levels": [9]}, {"arms": ["x"]}, {"at": [1 << 47]}, {"at": [0, 0]}, {"copies": 1000})
]


@pytest.mark.slow
@pytest.mark.parametrize("changes", [*CASES, *TOGETHER], ids=lambda changes: repr(changes)[:60])
def test_any_forged_record(changes, half, tmp_path, lottery, monkeypatch):
    check(changes, half, tmp_path, lottery, monkeypatch)


@pytest.mark.parametrize("changes", [*CASES[3::41], *TOGETHER], ids=lambda changes: repr(changes)[:60])
def test_a_forged_record(changes, half, tmp_path, lottery, monkeypatch):
    check(changes, half, tmp_path, lottery, monkeypatch)


def check(changes, half, tmp_path, lottery, monkeypatch):
    run, expected = half
    found = outcome(forged(run, tmp_path, changes), lottery, monkeypatch)
    if found != "refused" and "study" not in changes:
        assert found.keys() == expected.keys()


@pytest.mark.parametrize(
    "changes",
    [
        {"parent": "x"}, {"study": "rewind"}, {"study": "rewind", "parent": "x"}, {"rewind": REWIND},
        {"layout": VALUES[-1]}, {"schema": True}, {"schema": 1 << 40}, {"schema": ...}, {"study": ...},
    ],
    ids=repr,
)  # fmt: skip
def test_what_does_not_go_together_is_refused_by_name(changes, half, tmp_path):
    run = forged(half[0], tmp_path, changes)
    with pytest.raises(LotteryError, match=r"run\.json is not what lottery writes|was written by an older"):
        Run.open(run.path)


def test_every_key_of_a_nested_record_is_checked(half, tmp_path):
    record = half[0].record
    for number, (key, value) in enumerate(itertools.product(get_type_hints(LayoutRecord), [None, "x", -1, 10**9])):
        if (key, value) == ("splits", 10**9):
            continue
        folder = tmp_path / str(number)
        folder.mkdir()
        run = forged(half[0], folder, {"layout": record["layout"] | {key: value}})
        with pytest.raises(LotteryError, match=rf"layout\.{key}"):
            Run.open(run.path)
    good = {"level": 0, "to": 0, "weights": "rewind", "mask": "keep"}
    for key, value in itertools.product(get_type_hints(RewindRecord), [None, "x", -1, 1.5]):
        folder = tmp_path / f"{key}-{value}"
        folder.mkdir()
        run = forged(half[0], folder, {"study": "rewind", "parent": "x", "rewind": good | {key: value}})
        with pytest.raises(LotteryError, match=rf"rewind\.{key}"):
            Run.open(run.path)


@pytest.mark.parametrize("value", [None, "x", -1, [], [1, 2], ["x"], [1, 1, 1, 1], [0, 8, 8], [-1.0], {}], ids=repr)
def test_every_key_of_what_a_run_says_of_its_data_is_checked(value, half, tmp_path):
    for key in get_type_hints(DataRecord):
        folder = tmp_path / key
        folder.mkdir()
        run = forged(half[0], folder, {"data": half[0].record["data"] | {key: value}})
        if (key, value) in (("mean", [-1.0]), ("images", [1, 2])):
            Run.open(run.path)
            continue
        with pytest.raises(LotteryError, match=r"run\.json is not what lottery writes: data"):
            Run.open(run.path)


@pytest.mark.parametrize(
    "said",
    [
        {"std": [1e-320]}, {"std": [1e300]}, {"mean": [1e300]}, {"mean": [math.nan]}, {"classes": 10**12},
        {"shape": [1, 1 << 40, 1]}, {"shape": [1 << 40, 1, 1]},
    ],
    ids=repr,
)  # fmt: skip
def test_what_no_data_can_be_is_refused(said, half, tmp_path):
    run = forged(half[0], tmp_path, {"data": half[0].record["data"] | said})
    with pytest.raises(LotteryError, match=r"run\.json is not what lottery writes: data"):
        Results(run.path)


@pytest.mark.parametrize(
    "said",
    [{"shape": [1, 10**6, 10**6]}, {"shape": [1, 1 << 20, 1 << 20]}, {"classes": 10**7, "shape": [1, 10**6, 1]}],
    ids=repr,
)
def test_a_network_that_has_no_room_is_not_made(said, half, tmp_path, monkeypatch):
    monkeypatch.setattr(devices, "free_memory", lambda device: 1 << 28)
    run = forged(half[0], tmp_path, {"data": half[0].record["data"] | said})
    with pytest.raises(LotteryError, match=r"^model: ") as found:
        Results(run.path).model(0)
    assert "\n" not in str(found.value)


def test_a_run_that_lacks_its_layout_is_rewound_all_the_same(finished, tmp_path, lottery):
    """The dense networks at a step that wasn't kept are trained again."""
    copied = Run(shutil.copytree(finished.path, tmp_path / "copied"))
    copied.update(layout=None)
    result = lottery("rewind", copied.path, "--level", "1", "--to", "5it")
    assert result.code == 0, result.err


def test_a_name_with_a_line_end_is_refused(tmp_path):
    run = recorded(tmp_path, tiny(), [])
    path = run.path.rename(tmp_path / "x\nerror: y")
    with pytest.raises(LotteryError, match=r"x\\nerror: y: control characters have no place") as caught:
        Run.open(path)
    assert len(str(caught.value).splitlines()) == 1


@pytest.fixture
def trained(tmp_path):
    return recorded(tmp_path, tiny(pruning__iterations=1), networks([0.9, 0.9], 0) + networks([0.9, 0.9], 1))


def test_a_report_is_not_written_through_links(trained, tmp_path):
    outside = tmp_path / "outside"
    outside.mkdir()
    (trained.path / "report").symlink_to(outside)
    with pytest.raises(LotteryError, match="report is a symbolic link"):
        figures.draw([trained])
    (trained.path / "report").unlink()
    (trained.path / "report").mkdir()
    (trained.path / "report" / "accuracy_by_density.png").symlink_to(outside / "mine.png")
    with pytest.raises(LotteryError, match=r"accuracy_by_density\.png is a symbolic link"):
        figures.draw([trained])
    assert not list(outside.iterdir())


def test_a_tensor_file_larger_than_memory_is_refused_by_name(trained):
    """It takes a few bytes on the disk, where nothing is written between its ends."""
    path, size = trained.path / "replicate-0" / "level-01" / "ticket" / "mask.safetensors", 1 << 42
    header = json.dumps({"a": {"dtype": "U8", "shape": [size], "data_offsets": [0, size]}}).encode()
    path.write_bytes(len(header).to_bytes(8, "little") + header)
    with path.open("r+b") as file:
        file.truncate(8 + len(header) + size)
    with pytest.raises(LotteryError, match=r"mask\.safetensors is damaged \(4\.0 TiB, and .* of memory are free\)"):
        trained.read_mask(Key(0, 1, "ticket"))


@pytest.mark.parametrize("lines", [b"\n" * 9, b'{"a": 1}\n\n'])
def test_empty_lines_are_refused_before_they_are_counted(trained, lines):
    (trained.path / "metrics.jsonl").write_bytes(lines)
    with pytest.raises(LotteryError, match=r"metrics\.jsonl is damaged \(it has empty lines\)"):
        trained.metrics()
