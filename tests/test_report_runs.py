"""Runs that are not whole: reported for what they are, and never in the way of others."""

import csv
import io
import json
import shutil

import pytest
import torch
from conftest import evaluation, networks, recorded, summary, tiny
from rich.console import Console

from lottery.errors import LotteryError
from lottery.networks.key import Key
from lottery.networks.network import Network
from lottery.reporting.html import page
from lottery.reporting.listing import listing
from lottery.reporting.snapshot import Snapshot
from lottery.reporting.tables import run_tables
from lottery.store import files, places
from lottery.store.folders import own_folder
from lottery.store.reader import Reader
from lottery.store.run import Run


def study(folder, name="one", accuracies=(0.9, 0.92), **changes):
    lines = networks(accuracies, 0, density=1.0) + networks(accuracies, 1, **changes)
    return recorded(folder, tiny(name=name), lines)


def shown(run):
    console = Console(width=200, file=io.StringIO())
    console.print(run_tables(run))
    return console.file.getvalue()


@pytest.mark.parametrize("schema", [2, 99])
def test_a_run_of_another_schema_is_left_out_and_named(lottery, tmp_path, schema):
    good, other = study(tmp_path), study(tmp_path, "two")
    other.update(schema=schema)
    result = lottery("report", other.path, good.path, "--csv")
    assert result.code == 0
    assert [row["run"] for row in csv.DictReader(io.StringIO(result.out))] == [good.record["id"]] * 2
    (line,) = result.err.splitlines()
    assert line.startswith(f"left out: {other.path} was written by")
    assert f"schema {schema}" in line


def test_where_no_run_can_be_read_there_is_no_report(lottery, tmp_path):
    runs = [study(tmp_path), study(tmp_path, "two")]
    for run in runs:
        run.update(schema=99)
    assert lottery("report", runs[0].path).code == 2
    result = lottery("report", runs[0].path, runs[1].path)
    assert (result.code, result.out) == (2, "")
    assert result.err.count("left out: ") == 2


@pytest.mark.parametrize("name", ["levels.jsonl", "metrics.jsonl", "config.yaml", "run.json"])
def test_a_damaged_run_is_left_out_and_named(lottery, tmp_path, name):
    good, other = study(tmp_path), study(tmp_path, "two")
    (other.path / name).write_text("{\n")
    result = lottery("report", good.path, other.path, "--html")
    assert result.code == 0
    (line,) = result.err.splitlines()
    assert line.startswith(f"left out: {other.path / name}")
    assert good.record["id"] in result.out
    assert other.path.name not in (own_folder(good.path, "report") / "report.html").read_text()


@pytest.mark.parametrize(
    ("status", "said"), [("interrupted", "interrupted"), ("failed", "failed"), ("running", "killed")]
)
def test_a_half_finished_run_is_reported_as_one(tmp_path, status, said):
    run = study(tmp_path)
    run.update(status=status)
    assert f": prune, {said};" in shown(run)
    assert f": prune, {said}," in page([run])


def test_missing_replicates_are_counted(tmp_path):
    run = study(tmp_path, accuracies=(0.9,))  # of two
    assert "1 of 2 replicates" in shown(run)
    assert "±" not in shown(run).replace("mean ±", "")
    assert "undecided" in shown(run)


def test_networks_that_diverged_are_named_and_left_out(tmp_path):
    run = study(tmp_path, diverged=[None, 12])
    text = shown(run)
    assert "level 1, replicate 1, ticket: diverged at step 12" in text
    assert "90.00" in text  # of the other alone
    data = page([run]).partition("<script id=data type=application/json>")[2].partition("</script>")[0]
    last = json.loads(data)["studies"][0]["levels"][-1]
    assert (last["diverged"], last["networks"], last["measured"]["test_accuracy"]["values"]) == (1, 2, [0.9])


def test_where_all_diverged_nothing_is_judged(tmp_path):
    run = study(tmp_path, diverged=[3, 12])
    assert "unknown" in shown(run)
    assert "yes" not in shown(run)
    assert "NaN" not in page([run])


def with_forged(line, place, value):
    """A line in which something else stands at a dotted place."""
    first, _, rest = place.partition(".")
    return line | {first: with_forged(line[first], rest, value) if rest else value}


@pytest.mark.parametrize(
    ("name", "place", "value"),
    [
        *(("levels", place, value) for place in ("test.loss", "validation.loss") for value in (1e308, -1e308)),
        *(("levels", "train_seconds", value) for value in (1e308, -1.0)),
        *(("metrics", "loss", value) for value in (1e308, -1e308)),
        *(("metrics", place, 1e308) for place in ("epoch", "seconds")),
        ("metrics", "lr", -0.1),
        ("levels", "test.metrics.accuracy.of", 0),
        ("levels", "evaluate_every", 0),
    ],
)
def test_numbers_that_are_none_are_refused_by_name(tmp_path, name, place, value):
    """Means and squares of such losses and seconds are no numbers either."""
    run = study(tmp_path)
    read = getattr(run, name)
    files.write_lines(run.path / f"{name}.jsonl", [with_forged(line, place, value) for line in read()])
    with pytest.raises(LotteryError, match=rf"{name}\.jsonl is not what lottery writes: 0\.{place}"):
        read()


def test_a_run_with_such_numbers_is_left_out(lottery, tmp_path):
    good, other = study(tmp_path), study(tmp_path, "other")
    files.write_lines(other.path / "levels.jsonl", [line | {"train_seconds": 1e308} for line in other.levels()])
    result = lottery("report", good.path, other.path, "--csv")
    assert (result.code, len(result.err.splitlines())) == (0, 1)
    assert result.err.startswith(f"left out: {other.path}/levels.jsonl is not what lottery writes: 0.train_seconds")


def test_what_training_may_write_is_read(tmp_path):
    """A loss on its way to infinity, and a learning rate that a config may hold."""
    run = study(tmp_path, test_loss=3.4028234663852886e38)
    run.append_metrics([evaluation(loss=3.4028234663852886e38, lr=1e308), evaluation(loss=None)])
    assert [line["loss"] for line in run.metrics()[-2:]] == [3.4028234663852886e38, None]
    assert page([run])


@pytest.mark.parametrize("place", ["test", "validation", "early_stop.test"])
def test_counts_that_do_not_make_the_accuracy_are_refused(tmp_path, place):
    """What a table shows is what a verdict rests on."""
    run = study(tmp_path)
    forged = with_forged(summary(), f"{place}.metrics.accuracy.right", 8_999)
    files.write_lines(run.path / "levels.jsonl", [forged])
    place = rf"0\.{place}\.metrics\.accuracy: value is 0\.[89]+, not 8999 of 10000"
    with pytest.raises(LotteryError, match=rf"levels\.jsonl is not what lottery writes: {place}"):
        run.levels()
    run.append_metrics([with_forged(evaluation(), "metrics.accuracy.of", 9_999)])
    with pytest.raises(LotteryError, match=r"value is 0\.9, not 9000 of 9999"):
        run.metrics()


def test_a_snapshot_reads_each_file_once(tmp_path, monkeypatch):
    run = Snapshot(study(tmp_path).path)
    again = Reader(run.path)
    assert (run.levels(), run.metrics(), run.record) == (again.levels(), again.metrics(), again.record)
    assert run.probes() == again.probes()
    for name in ("levels.jsonl", "metrics.jsonl", "run.json"):
        (run.path / name).unlink()
    monkeypatch.setattr(files, "checked_lines", lambda path: pytest.fail(f"{path} is read again"))
    assert len(run.levels()) == 4
    assert page([run])


@pytest.fixture(scope="module")
def emptied(finished, tmp_path_factory):
    """A run whose last level keeps no weight at all, as older ones may have."""
    run = Run(shutil.copytree(finished.path, tmp_path_factory.mktemp("emptied") / "run"))
    for line in run.levels():
        if line["level"] == 2:
            key = Key.of(line)
            mask, weights = ({name: torch.zeros_like(one) for name, one in read(key).items()}
                             for read in (run.read_mask, run.read_weights))  # fmt: skip
            nothing = {"nonzero": 0, "density": 0.0, "flops": 0, "train_flops": 0}
            run.write_network(Network(weights, mask), line | nothing | {"collapsed": ["hidden_1", "output"]})
    run.settle(lambda _: False)
    return run


@pytest.mark.parametrize("asked", [(), ("--csv",), ("--json",), ("--markdown",), ("--latex",), ("--verdicts",)])
def test_a_run_with_a_level_of_nothing_is_reported(asked, emptied, finished, lottery):
    for runs in ([emptied], [finished, emptied]):
        result = lottery("report", *(run.path for run in runs), *asked, "--html")
        assert result.code == 0
        assert "nan" not in result.out.lower()
    assert (emptied.path / "report" / "layer_density.png").exists() or asked


def test_runs_say_what_they_retrain_and_who_wrote_them(tmp_path):
    parent = study(tmp_path)
    about = {"level": 1, "to": 10, "weights": "reinit", "mask": "keep"}
    lines = networks([0.9], 1)
    record = {"parent": str(parent.path), "parent_id": parent.record["id"], "rewind": about}
    recorded(tmp_path, tiny(name="one"), lines, "rewind", **record)
    for name, schema in (("old", 2), ("new", 99)):
        (tmp_path / name).mkdir()
        (tmp_path / name / "config.yaml").touch()
        (tmp_path / name / "run.json").write_text(json.dumps({"schema": schema}))
    _, own, retrained, new, old = listing(places.runs(tmp_path))
    assert "finished" in own
    assert retrained.endswith(f"of {parent.record['id']}: level 1 from 10it, weights reinit, mask keep")
    assert old.endswith("written by an older lottery (schema 2)")
    assert new.endswith("written by a newer lottery (schema 99)")
