"""Networks sparse from the start, several studies side by side by density, and what they cost."""

import io
import json

import pytest
from conftest import forget_entries, networks, recorded, tiny
from matplotlib.figure import Figure
from PIL import Image
from rich.console import Console

from lottery import open_run, tasks
from lottery.reporting.canvas import density_axis
from lottery.reporting.comparison import dense_beside, differences, headings, labels, repetitions, standings
from lottery.reporting.entries import rows, with_costs
from lottery.reporting.figures import draw
from lottery.reporting.html import page
from lottery.reporting.tables import comparison_tables, run_tables, verdict_lines
from lottery.tasks import Metric
from lottery.tasks.classification import Classification

PASSES = 3 * 32 * 30  # forward and backward, images of a batch, steps


def trained(size):
    """What networks cost that need so many operations of a dense network's thousand."""
    return size | {"train_flops": size["flops"] * PASSES, "dense_flops": 1000}


def sparse(folder, name="set", accuracies=((0.90, 0.92), (0.80, 0.83)), dense=None, **changes):
    """A run of networks sparse from the start at 20 and 5 % of the weights; with `dense`, level 0 too."""
    config = tiny(name=name, sparse={"density": [0.2, 0.05], "dense": dense is not None}, **changes)
    lines = [] if dense is None else networks(dense, 0, density=1.0, nonzero=100, total=100, **trained({"flops": 1000}))
    for level, (density, own) in enumerate(zip((0.2, 0.05), accuracies, strict=True), start=1):
        size = {
            "density": density,
            "flops": int(1000 * density),
            "nonzero": int(100 * density),
            "total": 100,
            "parameters": 100,
        }
        lines += networks(own, level, "sparse", **trained(size))
    return recorded(folder, config, lines, "train")


def pruned(folder, **changes):
    """Dense, and two rounds of pruning."""
    lines = []
    for level, accuracies in enumerate([(0.94, 0.95), (0.93, 0.96), (0.92, 0.94)]):
        lines += networks(accuracies, level, density=0.5**level, **trained({"flops": 1000 // 2**level}))
    return recorded(folder, tiny(name="imp", **changes), lines)


def test_training_is_counted_by_hand(tmp_path):
    run = pruned(tmp_path)
    found = [(line["train_flops"], line["total_train_flops"]) for line in with_costs(run) if line["replicate"] == 0]
    assert found == [
        (1000 * PASSES, 1000 * PASSES), (500 * PASSES, 1500 * PASSES), (250 * PASSES, 1750 * PASSES),
    ]  # fmt: skip


def test_one_shot_pruning_costs_the_dense_network_alone(tmp_path):
    found = with_costs(pruned(tmp_path, pruning__one_shot=True))
    assert {line["total_train_flops"] for line in found if line["level"] == 2} == {1250 * PASSES}


def test_what_a_summary_says_of_its_training_counts(tmp_path):
    lines = networks((0.9,), 1, "sparse", flops=10, train_flops=10**19)  # beyond 64 bits of sign and magnitude
    run = recorded(tmp_path, tiny(sparse={"density": 0.1}), lines, "train")
    assert with_costs(run)[0]["total_train_flops"] == 10**19
    assert rows(run)[0]["train_flops"] == 10**19


def test_a_retrained_mask_came_from_elsewhere(tmp_path):
    about = {"level": 1, "to": 0, "weights": "rewind", "mask": "keep"}
    run = recorded(tmp_path, tiny(), networks((0.9, 0.9), 1), "rewind", parent="elsewhere", rewind=about)
    assert {line["total_train_flops"] for line in with_costs(run)} == {None}


def test_dense_networks_on_the_way_are_no_measure_of_costs(tmp_path):
    about = {"level": 1, "to": 10, "weights": "rewind", "mask": "keep"}
    lines = networks((0.5, 0.6), 0, "early", density=1.0) + networks((0.9, 0.9), 1)
    run = recorded(tmp_path, tiny(), lines, "rewind", parent="elsewhere", rewind=about)
    assert [(row["arm"], row["train_flops_of_dense"]) for row in rows(run)] == [("early", None), ("ticket", None)]


def test_costs_are_relative_to_the_dense_network_of_the_run(tmp_path):
    with_dense = rows(sparse(tmp_path, dense=(0.95, 0.95)))
    assert [row["flops_of_dense"] for row in with_dense] == [1, 0.2, 0.05]
    assert [row["train_flops_of_dense"] for row in with_dense] == [1, 0.2, 0.05]
    assert [row["theoretical_speedup"] for row in with_dense] == [1, 5, 20]
    without = rows(sparse(tmp_path))
    assert [row["flops_of_dense"] for row in without] == [0.2, 0.05]  # of one that was not trained
    assert {row["train_flops_of_dense"] for row in without} == {None}
    assert [row["compression_ratio"] for row in without] == [5, 20]


def shown(what):
    console = Console(width=200, file=io.StringIO())
    console.print(what)
    return console.file.getvalue()


def test_a_run_without_a_dense_network_is_reported(lottery, tmp_path):
    run = sparse(tmp_path)
    assert open_run(run.path).verdicts == []
    text = shown(run_tables(run))
    for words in ("91.00 ± 12.71", "no dense network in this run", "20.0", "5.0×", "Evci et al. 2020", "simulated"):
        assert words in text
    assert verdict_lines(run)[0].startswith("no dense network in this run")
    assert "no dense network in this run" in page([run])
    result = lottery("report", run.path, "--html")
    assert (result.code, result.err) == (0, "")
    assert {path.name for path in (run.path / "report").iterdir()} >= {"accuracy_by_density.png", "report.html"}


def test_what_keeps_next_to_nothing_is_drawn(lottery, tmp_path):
    lines = networks((0.9, 0.92), 1, "sparse", density=0.2)
    lines += networks((0.1, 0.11), 2, "sparse", density=0.0004)
    run = recorded(tmp_path, tiny(sparse={"density": [0.2, 0.0004]}), lines, "train")
    result = lottery("report", run.path, "--html")
    assert (result.code, result.err) == (0, "")
    axes = Figure().subplots()
    density_axis(axes, [0.2, 0.0004])
    assert [text.get_text() for text in axes.get_xticklabels()] == ["20.0", "0.04"]


def test_networks_sparse_from_the_start_are_judged_by_a_dense_one_of_their_run(tmp_path):
    found = open_run(sparse(tmp_path, accuracies=((0.96, 0.97), (0.80, 0.83)), dense=(0.95, 0.96)).path).verdicts
    assert {verdict.name for verdict in found} == {"matching", "matching, within a deviation"}
    assert [verdict.answer for verdict in found if verdict.name == "matching"] == ["yes", "no"]


def test_studies_are_compared_by_density(tmp_path):
    ours, theirs = sparse(tmp_path), pruned(tmp_path)
    groups = repetitions([ours, theirs])
    assert labels(groups) == ["set", "imp"]
    assert dense_beside(groups) == [1, 1]
    found = standings(groups)
    assert [(one.label, one.density) for one in found] == [
        ("imp", 1.0), ("imp", 0.5), ("imp", 0.25), ("set", 0.2), ("set", 0.05),
    ]  # fmt: skip
    last = found[3]
    # 90 and 92 % to the dense network's 94 and 95 % of the same seed and replicates.
    assert last.gain.values == pytest.approx((-0.04, -0.03))
    assert (last.flops, last.train_flops, last.total_train_flops) == (200, 200 * PASSES, 200 * PASSES)
    assert found[2].total_train_flops == 1750 * PASSES
    written = shown(comparison_tables([ours, theirs]))
    assert "-3.50 ± 6.35" in written
    assert "576 k" in written  # 200 * 2,880


def test_a_dense_network_of_another_model_is_none(tmp_path):
    groups = repetitions([sparse(tmp_path), pruned(tmp_path, model__widths=[32])])
    assert dense_beside(groups) == [None, 1]
    assert standings(groups)[-1].gain is None


def test_a_dense_network_of_another_task_is_none(tmp_path, monkeypatch):
    folder = tmp_path / "tasks"
    folder.mkdir()
    (folder / "other.py").write_text(
        "from lottery.tasks import classification\n\n\n"
        'def other():\n    """Learn the same under another name."""\n    return classification.classification()\n'
    )
    monkeypatch.setattr(tasks, "__path__", [*tasks.__path__, str(folder)])
    forget_entries()
    try:
        groups = repetitions([sparse(tmp_path), pruned(tmp_path, task="other")])
        assert dense_beside(groups) == [None, 1]
    finally:
        monkeypatch.undo()
        forget_entries()


def test_where_lower_is_better_a_study_gains_by_what_it_has_less(tmp_path, monkeypatch):
    """Of networks that err on 5 and 6 %, and a dense one that errs on 8 and 10 %."""
    errors = Metric(name="accuracy", unit="%", scale=100, digits=2, higher_is_better=False)
    monkeypatch.setattr(Classification, "metrics", (errors,))
    sparse_ones = sparse(tmp_path, accuracies=((0.05, 0.06), (0.2, 0.2)), dense=(0.08, 0.10))
    _, better, worse = standings([[sparse_ones]])
    assert better.gain.values == pytest.approx((0.03, 0.04))
    assert worse.gain.values == pytest.approx((-0.12, -0.10))
    assert headings([better])[1] == "less than dense, points"


def test_other_seeds_are_no_pairs(tmp_path):
    found = standings(repetitions([sparse(tmp_path, seed=5), pruned(tmp_path)]))
    assert {one.gain for one in found if one.label == "set"} == {None}


def test_a_longer_study_repeats_a_shorter_one_and_another_rewinding_does_not(tmp_path):
    short, long = (pruned(tmp_path, pruning__iterations=count, seed=count) for count in (2, 3))
    again = {"level": 1, "to": 0, "weights": "rewind", "mask": "keep"}
    kept, shuffled = (
        recorded(tmp_path, tiny(seed=seed), networks((0.9, 0.9), 1), "rewind", rewind=again | {"mask": mask})
        for seed, mask in enumerate(("keep", "shuffle"))
    )
    assert repetitions([short, long, kept, shuffled]) == [[short, long], [kept], [shuffled]]
    made = [f"level 1 from 0it, weights rewind, mask {mask}" for mask in ("keep", "shuffle")]
    assert labels([[kept], [shuffled]]) == made


def test_data_are_told_apart_by_what_they_hold_and_not_by_where_they_are(tmp_path):
    def run(root, digest, seed):
        data = {"shape": [1, 8, 8], "images": [9, 9], "classes": 2, "mean": [0.0], "std": [1.0], "sha256": digest * 64}
        config = tiny(seed=seed, data={"name": "mnist", "root": root})
        return recorded(tmp_path, config, networks((0.9, 0.9), 0), data=data)

    here, there, other = run("here", "a", 0), run("there", "a", 1), run("here", "b", 2)
    assert repetitions([here, there, other]) == [[here, there], [other]]
    assert differences([here, there]) == {}
    contents = {"data.contents": ["a" * 8, "b" * 8], "data.root": ["there", "here"]}
    assert differences([there, other]) == contents


def test_a_label_says_in_what_studies_differ(tmp_path):
    set_, finer, other = sparse(tmp_path), sparse(tmp_path, train__batch_size=16), pruned(tmp_path)
    assert labels(repetitions([set_, finer])) == ["batch_size=32", "batch_size=16"]
    assert labels(repetitions([set_, sparse(tmp_path, "b16", train__batch_size=16)])) == [
        "set (batch_size=32)",
        "b16 (batch_size=16)",
    ]
    assert labels([[set_], [finer], [other]])[2] == "imp (batch_size=32)"
    # In too much for a label: those of one name differ in less.
    far = pruned(
        tmp_path, train__length="60it", train__evaluate_every="5it", pruning__fraction=0.3, data__validation=10
    )
    assert labels([[set_], [finer], [far]]) == ["set (batch_size=32)", "set (batch_size=16)", "imp"]
    again = sparse(tmp_path)  # the same seed: in nothing
    assert labels(repetitions([set_, again])) == [set_.record["id"], again.record["id"]]
    score = pruned(tmp_path, pruning__score="random", pruning__allocation="uniform")
    assert labels([[other], [score]]) == ["score=magnitude, allocation=global", "score=random, allocation=uniform"]
    rate = pruned(tmp_path, data__augment={"crop": 2}, train__optimizer={"name": "adam", "lr": 0.1})
    assert labels([[other], [rate]]) == ["crop=0, lr=0.01", "crop=2, lr=0.1"]
    assert labels([[other]]) == ["imp"]
    assert labels([]) == []


def test_several_studies_are_drawn_with_one_dense_band(tmp_path):
    runs = [sparse(tmp_path), pruned(tmp_path), *(sparse(tmp_path, f"n{i}", train__batch_size=8 + i) for i in range(3))]
    (path,) = draw(runs)
    with Image.open(path) as image:
        assert len(image.convert("RGB").getcolors(1 << 24)) > 50
    text = page(runs)
    data = json.loads(text.partition("<script id=data type=application/json>")[2].partition("</script>")[0])
    assert [study["dense"] for study in data["studies"]] == [1] * 5
    assert len(data["standings"]) == 3 + 4 * 2


def test_a_small_dense_network_stands_at_its_size_beside_the_sparse_ones(tmp_path):
    model = {"name": "fcn", "widths": [16]}
    whole = recorded(tmp_path, tiny(name="whole", model=model), networks((0.94, 0.95), 0, density=1.0))
    small = recorded(
        tmp_path,
        tiny(name="small", model=model | {"small_dense": 0.2}),
        networks((0.91, 0.91), 0, density=1.0),
        "train",
    )
    groups = repetitions([small, whole])
    assert dense_beside(groups) == [1, 1]
    (dense, narrow) = standings(groups)
    assert (dense.label, dense.density, dense.gain) == ("whole", 1.0, None)
    assert (narrow.label, narrow.density) == ("small (small_dense=0.2)", 0.2)
    assert narrow.gain is not None
    assert narrow.gain.values == pytest.approx((-0.03, -0.04))
