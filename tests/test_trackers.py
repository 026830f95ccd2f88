"""What trackers wrote is read back with their own libraries, and compared with the run directory."""

import os
import struct
import sys
from collections import defaultdict
from itertools import product

import numpy as np
import pytest
from conftest import Quiet, carry_on, carry_out, evaluation, one_thread, same, tiny

from lottery import registry
from lottery.config.file import parse
from lottery.contracts.contract import candidate, examine
from lottery.errors import Interrupted
from lottery.networks.key import Key
from lottery.store.run import Run
from lottery.studies.mirror import Tracking, tracked
from lottery.studies.prepare import prepare
from lottery.trackers import measurements, title

LIBRARY = {"tensorboard": "tensorboard.summary", "mlflow": "mlflow", "wandb": "wandb"}
TRACKERS = registry.names("trackers")


@pytest.fixture(autouse=True)
def nothing_leaves(monkeypatch, tmp_path):
    """No network, no telemetry, and no settings of whoever runs the tests."""
    for key in ("WANDB_MODE", "WANDB_PROJECT", "WANDB_DIR", "MLFLOW_TRACKING_URI"):
        monkeypatch.delenv(key, raising=False)
    for key in ("MLFLOW_DISABLE_TELEMETRY", "WANDB_SILENT"):
        monkeypatch.setenv(key, "true")
    monkeypatch.setenv("WANDB_ERROR_REPORTING", "false")


@pytest.fixture(scope="module")
def database(tmp_path_factory):
    """Made once: that takes MLflow seconds."""
    return f"sqlite:///{tmp_path_factory.mktemp('mlflow') / 'mlflow.db'}"


@pytest.fixture
def tracker(request, monkeypatch):
    """The name of a tracker whose library is there."""
    name = request.param
    pytest.importorskip(name, reason=f"needs pip install 'lottery[{name}]'")
    if name == "mlflow":
        monkeypatch.setenv("MLFLOW_TRACKING_URI", request.getfixturevalue("database"))
    return name


class AsIfKilled(BaseException):
    """What nothing catches."""


class Notes(Quiet):
    """A watcher that keeps what is noted, and may fail once networks have come to a step."""

    def __init__(self, fails_at=None):
        self.noticed, self.fails_at = [], fails_at

    def noted(self, text):
        self.noticed.append(text)

    def evaluated(self, records):
        if self.fails_at == records[0]["step"]:
            raise AsIfKilled


SMALL = {"pruning__iterations": 1, "pruning__arms": ["reinit"]}


def create(folder, *names, **changes):
    return Run.create(folder, tiny(trackers=names, **SMALL | changes), {"study": "prune"})


@pytest.fixture(scope="module")
def untracked(tmp_path_factory):
    return carry_out(tiny(**SMALL), tmp_path_factory.mktemp("runs"))


def interrupt(run):
    """Go on until level 1 is under way."""

    def stop():
        return bool(run.metrics()) and (run.metrics()[-1]["level"], run.metrics()[-1]["step"]) == (1, 20)

    with pytest.raises(Interrupted):
        go_on(run, stop=stop)


def go_on(run, watcher=None, stop=lambda: False):
    watcher = watcher or Notes()
    with tracked(run, watcher) as everyone:
        carry_on(run, prepare(run.config), everyone, stop)
    return watcher


def measured(run):
    """What the run directory says: (network, tag) -> [(step, value)]."""
    found = defaultdict(dict)
    for line in run.metrics():
        network = f"level-{line['level']:02d}/{line['arm']}/replicate-{line['replicate']}"
        found[network, "lr"][line["step"]] = line["lr"]
        values = {"loss": line["loss"]} | {name: one["value"] for name, one in line["metrics"].items()}
        for key, value in values.items():
            found[network, f"{line['split']}/{key}"][line["step"]] = value
    for line in run.levels():
        network = f"level-{line['level']:02d}/{line['arm']}/replicate-{line['replicate']}"
        test, early = line["test"]["metrics"]["accuracy"], line["early_stop"]
        ends = {"density": line["density"], "test_accuracy": test["value"], "test_accuracy_right": test["right"],
                "early_stop_step": early["step"], "early_stop_test_loss": early["test"]["loss"]}  # fmt: skip
        for key, value in ends.items():
            found[network, f"final/{key}"][line["stop_step"]] = value
    return {key: sorted(values.items()) for key, values in found.items()}


def read_tensorboard(run):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    found = {}
    folder = run.path / "tensorboard"
    for place in {path.parent for path in folder.rglob("events.*")}:
        events = EventAccumulator(str(place), size_guidance={"scalars": 0}).Reload()
        for tag in events.Tags()["scalars"]:
            name = place.relative_to(folder).as_posix()
            found[name, tag] = sorted((event.step, event.value) for event in events.Scalars(tag))
    return found


def read_mlflow(run):
    from mlflow import MlflowClient

    client = MlflowClient(os.environ["MLFLOW_TRACKING_URI"])
    experiment = client.get_experiment_by_name("lottery").experiment_id
    mine = client.search_runs([experiment], f"tags.`lottery.run` = '{run.record['id']}'")
    (study,) = [one for one in mine if "mlflow.parentRunId" not in one.data.tags]
    found = {}
    for one in mine:
        assert one.info.status == "FINISHED"
        assert one.data.params["train.optimizer.lr"] == "0.01"
        if one is study:
            continue
        assert one.data.tags["mlflow.parentRunId"] == study.info.run_id
        for tag in one.data.metrics:
            history = client.get_metric_history(one.info.run_id, tag)
            found[one.info.run_name, tag] = sorted((point.step, point.value) for point in history)
    return found


def read_wandb(run):
    from wandb.proto.wandb_internal_pb2 import Record

    found = defaultdict(list)
    for path in run.path.parent.glob("wandb/offline-run-*/*.wandb"):
        name, ends = None, {}
        for content in leveldb_records(path.read_bytes()):
            record = Record.FromString(content)
            if record.HasField("run"):
                name = record.run.display_name
                assert record.run.run_group == run.record["id"]
            if record.HasField("history"):
                row = {item.key or "/".join(item.nested_key): item.value_json for item in record.history.item}
                for tag, value in row.items():
                    if not tag.startswith("_"):
                        found[name, tag].append((int(row["_step"]), float(value)))
            if record.HasField("summary"):
                ends |= {item.key: item.value_json for item in record.summary.update}
        step = max((step for (network, _), points in found.items() if network == name for step, _ in points), default=0)
        for tag, value in ends.items():
            if tag.startswith("final/"):
                found[name, tag] = [(step, float(value))]
    return {key: sorted(values) for key, values in found.items()}


def leveldb_records(content):
    """Records of a log in LevelDB's format, as wandb's offline files are, after a header of seven bytes."""
    place, record = 7, b""
    while place + 7 <= len(content):
        if 32768 - place % 32768 < 7:
            place += 32768 - place % 32768
            continue
        _, length, kind = struct.unpack("<IHB", content[place : place + 7])
        record += content[place + 7 : place + 7 + length]
        place += 7 + length
        if kind in (1, 4):  # whole, or the last part
            yield record
            record = b""


READ = {"tensorboard": read_tensorboard, "mlflow": read_mlflow, "wandb": read_wandb}
PRECISION = {"tensorboard": np.float32, "mlflow": float, "wandb": float}


def assert_holds_all(run, tracker):
    """Every number of the run directory once, and nothing else."""
    kind, found = PRECISION[tracker], READ[tracker](run)
    expected = {key: [(step, kind(value)) for step, value in values] for key, values in measured(run).items()}
    assert {key: values for key, values in found.items() if not key[1].startswith("final/")} == {
        key: values for key, values in expected.items() if not key[1].startswith("final/")
    }
    for key in expected:
        assert found[key] == expected[key], key


@pytest.mark.parametrize("tracker", TRACKERS, indirect=True)
def test_a_tracker_holds_what_the_run_directory_holds_after_an_interruption_too(tracker, untracked, tmp_path):
    run = create(tmp_path, tracker)
    interrupt(run)
    assert go_on(run).noticed == []
    assert_holds_all(run, tracker)
    assert same(run, untracked)


@pytest.mark.parametrize(
    ("tracker", "seconds"), [("tensorboard", 0.0), ("mlflow", -1.0), ("mlflow", 60.0)], indirect=["tracker"]
)
def test_a_killed_run_leaves_neither_gaps_nor_duplicates(tracker, seconds, tmp_path, monkeypatch):
    """Evaluated at 12 before a checkpoint, at 15 and 18 after it, and these once more by the resumed run.

    MLflow had been told everything, or nothing yet.
    """
    run = create(tmp_path, tracker, train__evaluate_every="3it", checkpoint__steps="13it")
    with monkeypatch.context() as patch:
        patch.setattr(Tracking, "close", lambda self: None)
        patch.setattr("lottery.trackers.mlflow._SECONDS_BETWEEN_WRITES", seconds)
        with pytest.raises(AsIfKilled):
            go_on(run, Notes(fails_at=21))
    if tracker == "tensorboard":
        assert max(step for points in read_tensorboard(run).values() for step, _ in points) == 18
    assert go_on(run).noticed == []
    assert_holds_all(run, tracker)


SECONDS = [pytest.param(name, marks=() if name == "tensorboard" else pytest.mark.slow) for name in TRACKERS]


@pytest.mark.parametrize("tracker", SECONDS, indirect=True)
def test_a_tracker_fulfils_its_contract(tracker):
    outcomes = list(examine(candidate(registry.find("trackers", tracker), {})))
    assert {outcome.check: outcome.failure for outcome in outcomes if outcome.failure} == {}


@pytest.mark.parametrize("tracker", ["tensorboard"], indirect=True)
def test_workers_are_tracked_too(tracker, tmp_path):
    with one_thread():
        run = create(tmp_path, tracker, workers=2, execution="looped")
        assert go_on(run).noticed == []
    assert run.record["layout"]["workers"] == (2 if sys.platform == "linux" else 1)
    assert_holds_all(run, tracker)


@pytest.mark.parametrize("tracker", ["tensorboard"], indirect=True)
def test_an_extended_study_and_a_rewound_level_are_tracked_too(tracker, lottery, tmp_path):
    (tmp_path / "tiny.yaml").write_text(tiny(**SMALL).to_yaml())
    result = lottery("prune", "tiny.yaml", "--set", f"trackers=[{tracker}]")
    assert (result.code, "tracker" in result.err) == (0, False)
    assert lottery("prune", "latest", "--iterations", "1").code == 0
    run = Run.open(next((tmp_path / "runs").iterdir()))
    assert {line["level"] for line in run.levels()} == {0, 1, 2}
    assert_holds_all(run, tracker)
    assert lottery("rewind", "latest", "--level", "1").code == 0
    (other,) = [path for path in (tmp_path / "runs").iterdir() if path != run.path]
    assert_holds_all(Run.open(other), tracker)


@pytest.mark.parametrize("tracker", ["tensorboard"], indirect=True)
def test_tensorboard_compares_hyperparameters(tracker, tmp_path):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
    from tensorboard.plugins.hparams.plugin_data_pb2 import HParamsPluginData

    run = create(tmp_path, tracker)
    go_on(run)
    events = EventAccumulator(str(run.path / "tensorboard" / "level-01" / "reinit" / "replicate-1")).Reload()
    (content,) = events.PluginTagToContent("hparams").values()
    said = HParamsPluginData.FromString(content).session_start_info.hparams
    assert (said["level"].number_value, said["arm"].string_value, said["replicate"].number_value) == (1, "reinit", 1)
    assert said["train.optimizer.lr"].number_value == 0.01
    assert said["pruning.arms"].string_value == '["reinit"]'
    assert "train.compile" in said
    assert "sparse" not in said


@pytest.mark.parametrize("at", ["__init__", "has", "evaluated", "trained", "close"])
def test_a_tracker_that_fails_warns_once_and_changes_no_byte(at, untracked, tmp_path, monkeypatch):
    class Broken:
        def __init__(self, run):
            if at == "__init__":
                raise OSError("the server is gone\nsecond line")

        def __getattr__(self, name):
            def method(*arguments):
                if name == at:
                    raise OSError("the server is gone\nsecond line")

            return method

    monkeypatch.setattr("lottery.trackers.tensorboard._TensorBoard", Broken)
    run = create(tmp_path, "tensorboard")
    if at == "has":  # which is asked where there is something to catch up with
        interrupt(run)
    assert go_on(run).noticed == ["tracker tensorboard: the server is gone; the run goes on without it"]
    assert run.record["status"] == "finished"
    assert same(run, untracked)


@pytest.mark.parametrize("name", TRACKERS)
def test_a_missing_library_is_a_warning_with_the_remedy(name, tmp_path, monkeypatch):
    for module in [key for key in sys.modules if key.partition(".")[0] == name] + [name]:
        monkeypatch.setitem(sys.modules, module, None)
    run = create(tmp_path, name)
    (note,) = go_on(run).noticed
    assert note.startswith(f"tracker {name}: ")
    assert note.endswith(f" (pip install 'lottery[{name}]'); the run goes on without it")
    assert run.record["status"] == "finished"


@pytest.mark.parametrize("tracker", ["tensorboard"], indirect=True)
def test_a_tracker_that_was_missing_is_told_what_it_missed(tracker, tmp_path, monkeypatch):
    run = create(tmp_path, tracker)
    with monkeypatch.context() as patch:
        patch.setattr("lottery.trackers.tensorboard._TensorBoard", None)
        interrupt(run)
    assert not (run.path / "tensorboard").exists()
    go_on(run)
    assert_holds_all(run, tracker)


def test_one_tracker_that_fails_leaves_the_others(tmp_path, monkeypatch):
    pytest.importorskip("tensorboard", reason="needs pip install 'lottery[tensorboard]'")
    monkeypatch.setitem(sys.modules, "wandb", None)
    run = create(tmp_path, "wandb", "tensorboard")
    assert len(go_on(run).noticed) == 1
    assert_holds_all(run, "tensorboard")


def test_what_is_evaluated_once_more_is_told_once(tmp_path, monkeypatch):
    """Where memory ran out, smaller chunks begin anew; another order's network is another one."""
    told = []

    class Listening:
        def __init__(self, run): ...

        def has(self, key): ...

        def evaluated(self, new):
            told.extend((one.key.order, one.step) for one in new)

    monkeypatch.setattr("lottery.trackers.tensorboard._TensorBoard", Listening)
    tracking = Tracking(create(tmp_path, "tensorboard"), Quiet())
    tracking.planned([], 0, "")
    tracking.training([], 0)
    for order, step in ((0, 0), (0, 5), (0, 0), (1, 0), (0, 5), (0, 10)):
        tracking.evaluated([evaluation(step=step, order=order)])
    assert told == [(0, 0), (0, 5), (1, 0), (0, 10)]


def test_a_network_has_one_name_in_all_trackers():
    assert title(Key(3, 1, "ticket")) == "level-01/ticket/replicate-3"
    assert title(Key(3, 1, "ticket", 2)) == "level-01/ticket/replicate-3/order-2"
    assert len({title(Key(*place)) for place in product(range(2), range(2), ("dense", "early"), range(2))}) == 16


def test_what_is_not_finite_is_not_measured():
    lines = [evaluation(step=10), evaluation(step=10, split="train", loss=None) | {"metrics": {}}]
    (found,) = measurements(lines)
    assert found == (Key(0, 0, "dense"), 10, {"test/loss": 0.3, "test/accuracy": 0.9, "lr": 0.1})


def test_trackers_in_a_config(lottery, config_file):
    unknown = lottery("prune", config_file, "--set", "trackers=[tensorbord]")
    assert unknown.code == 2
    assert "'tensorbord' is none of the trackers (did you mean 'tensorboard'?)" in unknown.err
    twice = lottery("prune", config_file, "--set", "trackers=[wandb, {name: wandb, mode: online}]")
    assert (twice.code, "named twice" in twice.err) == (2, True)
    option = lottery("prune", config_file, "--set", "trackers=[{name: mlflow, uri: x}]")
    assert (option.code, "experiment" in option.err) == (2, True)
    (wandb,) = tiny(trackers=["wandb"]).trackers
    assert wandb.options == {"project": "lottery", "mode": "offline"}


def test_a_config_of_before_there_were_trackers_has_none(tmp_path):
    text = tiny().to_yaml()
    assert "trackers: []\n" in text
    assert parse(text.replace("trackers: []\n", ""), "config.yaml", "tiny") == tiny()
