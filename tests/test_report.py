import csv
import io
import json
import re
import shutil
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from conftest import accuracy, carry_out, evaluation, networks, recorded, summary, tiny
from matplotlib.axes import Axes
from PIL import Image
from rich.console import Console
from scipy import stats

from lottery import open_run
from lottery.display import found
from lottery.networks.key import Key
from lottery.networks.masks import overlap
from lottery.networks.network import Network
from lottery.reporting.canvas import arm_colour, density_colours
from lottery.reporting.comparison import differences, labels, pooled, repetitions
from lottery.reporting.entries import rows
from lottery.reporting.figures import draw
from lottery.reporting.fitted import Fitted
from lottery.reporting.formats import as_csv, as_json, as_latex, as_markdown
from lottery.reporting.html import page
from lottery.reporting.quantities import EARLY_STOP_STEP, at_early_stop, at_end
from lottery.reporting.series import by_level, curves, series_of, whole
from lottery.reporting.tables import comparison_tables, run_tables
from lottery.reporting.ticket_figures import draw_tickets
from lottery.reporting.tickets import tickets, weights
from lottery.reporting.verdicts import missing_controls
from lottery.statistics import estimate
from lottery.store.flat import flat_summary
from lottery.store.run import Run
from lottery.tasks import Metric
from lottery.tasks.classification import Classification

(ACCURACY,) = Classification.metrics


def text(run):
    console = Console(width=200, file=io.StringIO())
    console.print(run_tables(run))
    return console.file.getvalue()


def test_tables_show_the_numbers_of_the_run(finished):
    shown = text(finished)
    own = [line for line in finished.levels() if line["level"] == 2 and line["arm"] == "reinit"]
    expected = estimate([100 * accuracy(line["test"]) for line in own])
    assert f"{expected.mean:.2f} ± {expected.half_width:.2f}" in shown
    for word in ("finished", "0 dense", "ticket", "reinit", "random", "shuffle", "25.0", "t-interval"):
        assert word in shown


def test_a_single_replicate_and_a_run_without_networks(tmp_path):
    run = carry_out(tiny(replicates=1, pruning__iterations=1, data__validation=0), tmp_path)
    assert "±" not in text(run)
    assert "early" not in text(run)
    (run.path / "levels.jsonl").unlink()
    shutil.rmtree(run.path / "replicate-0")
    assert "no network is trained yet" in text(run)
    assert draw([run]) == []


def test_figures_are_drawn(finished, tmp_path):
    other = carry_out(tiny(replicates=1, pruning__iterations=1, pruning__arms=[]), tmp_path)
    paths = draw([finished, other])
    assert [path.name for path in paths] == [
        "accuracy_by_density.png", "learning_curves.png", "accuracy_by_density.png", "learning_curves.png",
        "comparison.png",
    ]  # fmt: skip
    for path in paths:
        with Image.open(path) as image:
            assert min(image.size) > 500
            assert len(image.convert("RGB").getcolors(1 << 24)) > 50


def test_rows_and_their_formats(finished):
    found = rows(finished)
    assert len(found) == 1 + 2 * 4
    last = next(row for row in found if (row["level"], row["arm"]) == (2, "ticket"))
    own = [line for line in finished.levels() if (line["level"], line["arm"]) == (2, "ticket")]
    assert last["compression_ratio"] == pytest.approx(own[0]["total"] / own[0]["nonzero"])
    assert last["theoretical_speedup"] == pytest.approx(found[0]["flops"] / last["flops"], rel=1e-2)
    assert last["test_accuracy_mean"] == pytest.approx(np.mean([accuracy(line["test"]) for line in own]))
    assert last["test_accuracy_std"] == pytest.approx(np.std([accuracy(line["test"]) for line in own], ddof=1))
    read = list(csv.DictReader(io.StringIO(as_csv([finished]))))
    assert [row["arm"] for row in read] == [row["arm"] for row in found]
    assert json.loads(as_json([finished])) == found
    lines = as_markdown([finished]).splitlines()
    assert len({line.count("|") for line in lines}) == 1
    assert len(lines) == 2 + len(found)
    assert r"\pm" in as_latex([finished])
    assert as_latex([finished]).count(r"\\") == 1 + len(found)


def test_a_quantity_is_read_from_its_own_metric_and_step(tmp_path):
    """Where a task has another metric that comes first; at the end, and at the early-stop step."""
    line = summary(test_accuracy=0.9, early_stop_test_accuracy=0.8)
    for measured in (line["test"], line["early_stop"]["test"]):
        measured["metrics"] = {"another": {"value": 7.0, "right": None, "of": None}} | measured["metrics"]
    assert (at_end(ACCURACY).of(line), at_early_stop(ACCURACY).of(line)) == (0.9, 0.8)
    (row,) = rows(recorded(tmp_path, tiny(), [line]))
    assert (row["test_accuracy_mean"], row["early_stop_test_accuracy_mean"]) == (0.9, 0.8)


def test_speed_up_is_known_where_no_dense_network_was_trained(tmp_path):
    sparse = {"density": [0.5, 0.25], "dense": False, "allocation": "uniform"}
    run = carry_out(tiny(sparse=sparse, replicates=1), tmp_path, "train")
    # 64 * 16 + 16 * 10 weights, each multiplied and added once.
    assert {line["dense_flops"] for line in run.levels()} == {2 * (64 * 16 + 16 * 10)}
    found = rows(run)
    assert [row["level"] for row in found] == [1, 2]
    assert [row["theoretical_speedup"] for row in found] == [pytest.approx(2, rel=1e-2), pytest.approx(4, rel=1e-2)]
    assert [row["flops_of_dense"] for row in found] == [pytest.approx(0.5, rel=1e-2), pytest.approx(0.25, rel=1e-2)]


def test_reports_are_pipeable(lottery, finished):
    result = lottery("report", finished.path, "--csv")
    assert result.err == ""
    assert len(result.out.splitlines()) == 1 + 9
    assert json.loads(lottery("report", finished.path, "--json").out)
    assert "winning ticket: at its early-stop step" in lottery("report", finished.path, "--verdicts").out
    assert lottery("report", finished.path, "--csv", "--json").code == 2


def test_results_for_python(finished):
    results = open_run(finished.path)
    for flat, line in zip(results.levels, finished.levels(), strict=True):
        assert (flat["replicate"], flat["level"], flat["arm"], flat["order"]) == Key.of(line)
        test = line["test"]["metrics"]["accuracy"]
        assert (flat["test_accuracy"], flat["test_accuracy_right"], flat["test_accuracy_of"]) == tuple(test.values())
        assert (flat["test_loss"], flat["early_stop_step"]) == (line["test"]["loss"], line["early_stop"]["step"])
        assert flat["early_stop_test_accuracy"] == accuracy(line["early_stop"]["test"])
        assert not any(isinstance(value, dict) for value in flat.values())
    test = next(line for line in results.metrics if line["split"] == "test")
    assert test.keys() >= {"step", "loss", "accuracy", "accuracy_right", "accuracy_of", "lr"}
    assert not any(isinstance(value, dict) for value in test.values())
    assert results.config["train"]["batch_size"] == 32
    assert results.about["status"] == "finished"
    assert results.mask(1, replicate=1)["output.weight"].shape == results.weights(1)["output.weight"].shape
    assert not results.mask(1)["output.weight"].all()
    assert results.mask(0)["output.weight"].all()
    assert torch.equal(results.mask(1)["output.weight"], results.mask(1, arm="reinit")["output.weight"])
    assert {verdict.name for verdict in results.verdicts} >= {"matching", "beats reinit"}
    assert results.summary == rows(finished)


def test_what_was_measured_when_is_told_apart_in_a_flat_record():
    flat = flat_summary(summary(test_accuracy=0.9, validation_accuracy=0.7, early_stop_test_accuracy=0.8))
    parts = ("test", "validation", "early_stop_test")
    assert [flat[f"{part}_accuracy"] for part in parts] == [0.9, 0.7, 0.8]
    assert [flat[f"{part}_accuracy_right"] for part in parts] == [9000, 7000, 8000]


def test_results_of_another_order_for_python(tmp_path):
    run = Run.create(tmp_path, tiny(), {"study": "prune"})
    for order in (0, 1):
        line = summary(0, 1, order=order)
        run.write_network(Network({"w": torch.full((2,), order)}, {"w": torch.tensor([True, order == 1])}), line)
    results = open_run(run.path)
    for order in (0, 1):
        assert results.weights(1, order=order)["w"].tolist() == [order, order]
        assert results.mask(1, order=order)["w"].tolist() == [True, order == 1]


def test_overlap_by_hand():
    first = {"a": torch.tensor([1, 1, 0, 0], dtype=torch.bool), "b": torch.tensor([1, 1], dtype=torch.bool)}
    second = {"a": torch.tensor([0, 1, 0, 1], dtype=torch.bool), "b": torch.tensor([1, 0], dtype=torch.bool)}
    # Two in common of the smaller mask's three; by chance 2 * 2 / 4 in a and 2 * 1 / 2 in b.
    assert overlap(first, second) == (pytest.approx(2 / 3), pytest.approx(2 / 3))
    assert overlap(first, first) == (1.0, pytest.approx((1 + 2) / 4))
    with pytest.raises(ValueError, match="keeps nothing"):
        overlap(first, {name: torch.zeros_like(kept) for name, kept in first.items()})


def with_masks(folder, config, kept, study, arm=None):
    """A run of tickets whose masks over eight weights keep these positions: (replicate, level) -> positions."""
    run = Run.create(folder, config, {"study": study})
    for (replicate, level), positions in kept.items():
        mask = {"w": torch.tensor([position in positions for position in range(8)])}
        line = summary(replicate, level, density=len(positions) / 8)
        run.write_network(Network({"w": torch.zeros(8)}, mask), line)
        run.append_levels([line])
    return run


def test_overlap_between_levels_and_replicates_by_hand(tmp_path):
    kept = {(0, 1): {0, 1, 2, 3}, (1, 1): {2, 3, 4, 5}, (0, 2): {3, 7}, (1, 2): {4, 5}}
    run = with_masks(tmp_path, tiny(sparse={"density": [0.5, 0.25]}), kept, "train", "sparse")
    everything = tickets([run])
    (found,) = everything.between_levels
    # One of {3, 7} was there before, both of {4, 5}; of two weights drawn freely, half fall among four of eight.
    assert (found.density, found.shares.values, found.chance) == (0.25, (0.5, 1.0), 0.5)
    first, second = everything.between_replicates
    assert (first.density, first.shares.values, first.chance) == (0.5, (0.5,), 0.5)
    assert (second.density, second.shares.values, second.chance) == (0.25, (0.0,), 0.25)


def test_a_ticket_lies_within_its_parent_by_chance_too(tmp_path, finished):
    (found,) = tickets([finished]).between_levels
    assert (found.shares.values, found.chance) == ((1.0, 1.0), 1.0)
    kept = {(0, 0): set(range(8)), (0, 1): {0, 1, 2, 3}, (0, 2): {3, 7}}
    (free,) = tickets([with_masks(tmp_path, tiny(pruning__one_shot=True), kept, "prune")]).between_levels
    assert (free.shares.values, free.chance) == ((0.5,), 0.5)


def test_masks_of_repetitions_are_compared_across_runs(tmp_path):
    one = with_masks(tmp_path, tiny(), {(0, 1): {0, 1, 2, 3}, (0, 2): {0, 1}}, "prune")
    other = with_masks(tmp_path, tiny(seed=7), {(0, 1): {3, 4, 5, 6}, (0, 2): {3, 4}}, "prune")
    found = tickets([one, other])
    assert [common.shares.values for common in found.between_replicates] == [(0.25,), (0.0,)]
    assert found.between_levels[0].shares.values == (1.0, 1.0)  # each within its own run
    assert found.densities == {1: 0.5, 2: 0.25}
    assert found.layers == {"w": [0.5, 0.25]}


def test_a_ticket_with_nothing_left_has_nothing_in_common(tmp_path):
    kept = {(0, 1): {0, 1}, (1, 1): {1, 2}, (0, 2): set(), (1, 2): set()}
    run = with_masks(tmp_path, tiny(), kept, "prune")
    found = tickets([run])
    assert (len(found.between_replicates), found.between_levels, found.layers) == (1, [], {"w": [0.25, 0.0]})
    assert len(draw_tickets([run])) == 4  # no weights: these networks have no initialization


def test_weights_over_their_deviation_agree_with_a_count(finished):
    found = weights([finished])
    assert (found.level, found.layers) == (2, 2)
    values = []
    for replicate in range(2):
        mask, state = (
            finished.read_mask(Key(replicate, 2, "ticket")),
            finished.read_state(Key(replicate, 0, "dense"), 0),
        )
        values += [(state[name] / state[name].std(correction=0))[~kept].numpy() for name, kept in mask.items()]
    values = np.concatenate(values)
    width = 2 * found.limit / len(found.shares["initial, pruned"])
    inside = np.abs(values) <= found.limit
    for index in (0, 60, 75):
        low = -found.limit + index * width
        share = np.mean((values[inside] >= low) & (values[inside] < low + width)) / width
        assert found.shares["initial, pruned"][index] == pytest.approx(share, rel=1e-6)
    for shares in found.shares.values():
        assert sum(shares) * width == pytest.approx(1)


def test_there_are_no_tickets_in_a_dense_study(tmp_path):
    run = recorded(tmp_path, tiny(), networks([0.9, 0.8], 0), "train")
    assert (tickets([run]), weights([run])) == (None, None)
    assert "Masks and weights" not in page([run])


def test_learning_curves_are_means_of_networks_that_came_to_their_end(tmp_path):
    run = recorded(tmp_path, tiny(replicates=3), networks([0.9, 0.9, 0.9], 1, diverged=[None, None, 20]))
    accuracies = {(0, 10): 0.5, (1, 10): 0.7, (2, 10): 0.1, (0, 20): 0.8, (1, 20): 0.8, (2, 20): 0.1}
    run.append_metrics(
        evaluation(replicate, 1, step=step, accuracy=accuracy) for (replicate, step), accuracy in accuracies.items()
    )
    run.append_metrics([evaluation(5, 1, step=10, accuracy=0.0), evaluation(0, 1, step=15, split="validation")])
    (curve,) = curves([run], ACCURACY).values()
    assert curve == {10: [0.5, 0.7], 20: [0.8, 0.8], 30: [0.9, 0.9]}
    ((step, mean, half_width), *_) = page_data(run)["studies"][0]["curves"][0]["points"]
    assert (step, mean) == (10, pytest.approx(0.6))
    assert half_width == pytest.approx(stats.t.ppf(0.975, 1) * stats.sem([0.5, 0.7]), rel=1e-4)
    assert draw([run])


def test_where_all_networks_of_an_arm_diverged_no_curve_is_drawn(tmp_path):
    run = recorded(tmp_path, tiny(), networks([0.9, 0.9], 0) + networks([0.1, 0.1], 1, diverged=3))
    assert list(curves([run], ACCURACY)) == [(0, "dense")]
    assert draw([run])
    nothing = recorded(tmp_path, tiny(), networks([0.1, 0.1], 1, diverged=3))
    assert draw([nothing])


def test_the_sparser_a_curve_the_darker_it_is():
    assert len(density_colours(1)) == 1
    for count in (2, 6, 15):
        light = [
            0.2126 * red**2.2 + 0.7152 * green**2.2 + 0.0722 * blue**2.2 for red, green, blue in density_colours(count)
        ]
        assert light == sorted(light, reverse=True)
        assert len(set(light)) == count


def test_arms_have_their_columns_and_colours_in_the_order_of_their_places():
    lines = [line for arm in ("random", "other", "reinit", "ticket", "dense") for line in networks([0.9], 1, arm)]
    found = series_of(lines)
    assert [series.name for series in found] == ["ticket", "reinit", "random", "other"]
    assert [line["arm"] for line in found[0].of(lines)] == ["ticket", "dense"]
    assert len({arm_colour(series.place) for series in found}) == 4
    assert [series.name for series in series_of(networks([0.9], 0))] == ["dense"]
    assert [series.name for series in series_of(networks([0.9], 1, "sparse"))] == ["sparse"]


def test_other_orders_of_batches_are_no_further_replicates_in_rows(tmp_path):
    lines = [*networks([0.9, 0.8], 0), *networks([0.5], 0, order=1)]
    run = recorded(tmp_path, tiny(), lines, "train")
    usual, other = rows(run)
    assert (usual["order"], usual["test_accuracy_replicates"], usual["test_accuracy_mean"]) == (
        0,
        2,
        pytest.approx(0.85),
    )
    assert (other["order"], other["test_accuracy_replicates"], other["test_accuracy_mean"]) == (1, 1, 0.5)
    assert "85.00 ±" in text(run)
    assert "50.00" not in text(run)
    assert "1 network more, of further orders of batches" in text(run)
    assert "1 network more, of further orders of batches" in page([run])
    assert as_markdown([run]).count("\n") == 3


def test_dense_networks_on_the_way_to_a_rewound_one_stand_in_rows_alone(tmp_path):
    about = {"level": 1, "to": 10, "weights": "rewind", "mask": "keep"}
    lines = networks([0.5, 0.6], 0, "early", stop_step=10) + networks([0.9, 0.9], 1)
    run = recorded(tmp_path, tiny(), lines, "rewind", parent="elsewhere", rewind=about)
    assert [row["arm"] for row in rows(run)] == ["early", "ticket"]
    assert "early" not in text(run).replace("early-stop", "")
    assert "retrained from elsewhere: level 1 from 10it" in text(run)
    assert [row["arm"] for row in page_data(run)["studies"][0]["levels"]] == ["ticket"]
    assert list(curves([run], ACCURACY)) == [(1, "ticket")]
    assert open_run(run.path).verdicts == []
    assert as_markdown([run]).count("\n") == 3
    assert draw([run], everything=True)


def test_a_task_of_another_metric_is_reported_by_that_one(tmp_path, monkeypatch):
    """Its name, unit, scale and direction are the task's alone: no report knows of accuracy."""
    monkeypatch.setattr(
        Classification, "metrics", (Metric("bits_per_byte", unit="bits", scale=1.0, digits=3, higher_is_better=False),)
    )

    def lines(values, level):
        for line, value in zip(networks([0.5] * len(values), level), values, strict=True):
            test = {"loss": 1.0, "metrics": {"bits_per_byte": {"value": value, "right": None, "of": None}}}
            yield line | {"test": test, "validation": None, "early_stop": {"step": 20, "test": test}}

    run = recorded(tmp_path, tiny(), [*lines([1.21, 1.23], 0), *lines([1.11, 1.14], 1)])
    run.append_metrics(evaluation(0, level, step=30) | line["test"] for level, line in enumerate(run.levels()[::2]))
    shown, written = text(run), page([run])
    assert "test bits per byte at the end, bits" in shown
    assert "1.125 ± 0.191" in shown
    assert "sparsest: bits per byte better by +0.095 ± 0.064 bits, at 80.0 %" in shown
    assert "Bits per byte and speed against density" in written
    assert rows(run)[0]["test_bits_per_byte_mean"] == pytest.approx(1.22)
    frames, set_ylim = [], Axes.set_ylim
    monkeypatch.setattr(
        Axes, "set_ylim", lambda axes, *ends, **more: frames.append(ends) or set_ylim(axes, *ends, **more)
    )
    assert [path.name for path in draw([run])] == ["bits_per_byte_by_density.png", "learning_curves.png"]
    assert (pytest.approx((1.11 - 0.2, 1.23 + 1)),) in frames, "where curves come from is above"
    for said in (shown, written, as_csv([run]), as_markdown([run])):
        assert "accuracy" not in said.lower()


def test_figures_of_tickets_are_drawn(finished, tmp_path):
    run = Run(shutil.copytree(finished.path, tmp_path / "copy"))
    paths = draw_tickets([run])
    assert [path.name for path in paths] == [
        f"{name}.{suffix}"
        for name in ("layer_density", "mask_overlap", "weight_histograms")
        for suffix in ("png", "svg")
    ]
    for path in paths:
        if path.suffix == ".svg":
            assert "<svg" in path.read_text()
        else:
            with Image.open(path) as image:
                assert min(image.size) > 300
    assert draw_tickets([Run.create(tmp_path, tiny(), {"study": "prune"})]) == []


def printed(*runs: Run) -> str:
    console = Console(width=200, file=io.StringIO())
    console.print(comparison_tables(runs) if len(runs) > 1 else run_tables(*runs))
    return console.file.getvalue()


def test_what_was_given_from_python_is_called_by_what_is_known_of_it(tmp_path):
    def study(of: str, digest: str) -> Run:
        model = {"name": "given", "of": of, "digest": digest}
        return recorded(tmp_path, tiny(model=model, data="given"), networks([0.9, 0.8], 0))

    mixer, wider, other = study("common.Mixer", "078c87ed7b2c"), study("common.Mixer", "9"), study("common.Net", "3")
    named = recorded(tmp_path, tiny(data="given"), networks([0.9, 0.8], 0))
    assert "finished; common.Mixer on given data, 2 of 2 replicates" in printed(mixer)
    assert labels([[mixer], [other]]) == ["model=common.Mixer", "model=common.Net"]
    assert differences([mixer, other]) == {"model.name": ["common.Mixer", "common.Net"]}
    assert differences([mixer, named])["model.name"] == ["common.Mixer", "fcn"]
    (told,) = differences([mixer, wider]).items()
    assert told[0] == "model.architecture"
    assert labels([[mixer], [wider]]) == [f"architecture={one}" for one in told[1]]
    assert {"model.name", "model.architecture"} == set(differences([mixer, wider, other]))


def test_a_study_that_is_carried_out_again_differs_in_nothing(tmp_path):
    written = printed(*(recorded(tmp_path, tiny(), networks([0.9, 0.9], 0)) for _ in range(2)))
    assert "the same study with the same seed, carried out again" in written
    assert "in which the studies differ" not in written


def test_repetitions_are_pooled_and_other_studies_are_told_apart(finished, tmp_path):
    more = carry_out(tiny(seed=7, replicates=1, name="more", workers=2, execution="looped"), tmp_path)
    same = carry_out(tiny(), tmp_path)  # the same seed: the same replicates once more
    other = carry_out(tiny(pruning__fraction=0.3, pruning__iterations=1), tmp_path)
    groups = repetitions([finished, more, same, other])
    assert [[run.path for run in group] for group in groups] == [[finished.path, more.path], [same.path], [other.path]]
    lines = pooled(groups[0])
    assert len(lines) == len(finished.levels()) + len(more.levels())
    assert {line["replicate"] for line in lines} == {0, 1, 2}
    assert len(by_level(whole(lines, 1), at_end(ACCURACY))[1].values) == 3
    assert differences([finished, other]) == {"pruning.fraction": ["0.5", "0.3"]}
    console = Console(width=200, file=io.StringIO())
    console.print(comparison_tables([finished, more, other]))
    written = console.file.getvalue()
    assert "one study, 3 replicates" in written
    assert "pruning.fraction" in written
    assert draw([finished, more, other])[-1].name == "comparison.png"


def test_formats_of_several_runs_say_in_what_their_configs_differ(tmp_path):
    lines = networks([0.9], 0)
    one = recorded(tmp_path, tiny(name="a", replicates=1), lines)
    other = recorded(tmp_path, tiny(name="b", seed=3, replicates=1, pruning__arms=["shuffle"]), lines)
    lr = "train.optimizer.lr"
    third = recorded(tmp_path, tiny(name="c", replicates=1, train__optimizer={"name": "adam", "lr": 0.1}), lines)
    found = json.loads(as_json([one, other, third]))
    assert [row[lr] for row in found] == [0.01, 0.01, 0.1]
    assert [row["seed"] for row in found] == [0, 3, 0]
    assert [row["pruning.arms"] for row in found] == [
        "[reinit, random, shuffle]",
        "[shuffle]",
        "[reinit, random, shuffle]",
    ]
    read = list(csv.DictReader(io.StringIO(as_csv([one, other, third]))))
    assert [(row[lr], row["seed"]) for row in read] == [("0.01", "0"), ("0.01", "3"), ("0.1", "0")]
    head, _, first, *_ = as_markdown([one, third]).splitlines()
    assert head.startswith("| run | lr | level |")
    assert first.startswith(rf"| {one.record['id'].replace('_', chr(92) + '_')} | 0.01 | 0 |")
    assert "run & lr & level" in as_latex([one, third])
    assert as_markdown([one, one]).startswith("| level |"), "one run needs no name, however often it is given"
    assert json.loads(as_json([one])) == rows(one)


def test_what_is_drawn_of_an_interval_ends_where_values_do():
    wide = estimate([0.98, 1.0])
    assert wide.mean + wide.half_width > 1
    low, high = at_end(ACCURACY).bounds(wide)
    assert (low, high) == (pytest.approx(100 * (wide.mean - wide.half_width)), 100)
    assert EARLY_STOP_STEP.bounds(estimate([10, 100]))[0] == 0
    loss = Metric("bits", unit="bits", scale=1.0, digits=3, higher_is_better=False)
    assert at_end(loss).bounds(estimate([99.0, 101.0]))[1] > 101
    assert at_end(ACCURACY).bounds(estimate([0.5])) == (50, 50)


def test_the_page_draws_no_interval_beyond_what_there_can_be(tmp_path):
    (study,) = page_data(recorded(tmp_path, tiny(), networks([0.98, 1.0], 0)))["studies"]
    assert study["limits"] == [0, 100]


HEADINGS = ("level", "weights, %", "theoretical speed-up", "test accuracy, %", "matching, within a deviation")
ROWS = [(str(level), "100.0", "1.25×", "97.50 ± 14.12", "undecided") for level in range(3)]


def fitted(width, **options):
    console = Console(width=width, file=io.StringIO())
    console.print(Fitted(HEADINGS, ROWS, **options))
    return console.file.getvalue()


def test_a_table_fits_and_cuts_no_number():
    wide = fitted(200)
    assert "│     0 │      100.0 │                1.25× │    97.50 ± 14.12 │                    undecided │" in wide
    assert wide.count("┏") == 1
    for width in (100, 80, 60, 40):
        narrow = fitted(width)
        assert max(map(len, narrow.splitlines())) <= width
        assert "…" not in narrow
        assert narrow.count("97.50 ± 14.12") == len(ROWS)
        blocks = narrow.count("┏")
        assert narrow.count("│     1 │") == blocks  # what a row is of stands before every part of it
        assert (blocks == 1) == (width >= 80)
    assert fitted(80, left=HEADINGS[-1:]).count("undecided") == len(ROWS)


def test_a_comparison_comes_first_and_files_of_a_folder_in_one_line(lottery, finished, tmp_path):
    one = shutil.copytree(finished.path, tmp_path / "runs" / finished.path.name)
    other = recorded(tmp_path / "runs", tiny(name="other"), networks([0.9, 0.9], 0))
    said = lottery("report", one, other.path).out
    assert said.index("studies by density") < said.index(f"{finished.record['id']}: prune")
    found = re.findall(r"^figures in (\S+):\s+(.*)$", said, flags=re.MULTILINE)
    assert [folder for folder, _ in found] == [f"{one}/report", f"{other.path}/report"]
    assert found[0][1].startswith("accuracy_by_density.{png,svg}, learning_curves.{png,svg}, comparison.{png,svg}, ")


def test_a_notebook_shows_the_figures(tmp_path, monkeypatch):
    shown = []
    stand_in = SimpleNamespace(display=shown.append, Image=lambda filename, retina: Path(filename))
    monkeypatch.setitem(sys.modules, "IPython", SimpleNamespace(version_info=(9,)))  # which matplotlib asks
    monkeypatch.setitem(sys.modules, "IPython.display", stand_in)
    monkeypatch.setattr(found, "results_console", lambda: Console(force_jupyter=True, width=100))
    drawn = found.show([recorded(tmp_path, tiny(), networks([0.9, 0.9], 0))], everything=True)
    assert [one for one in shown if isinstance(one, Path)] == [path for path in drawn if path.suffix == ".png"]
    assert {path.suffix for path in drawn} == {".png", ".svg"}


def test_files_of_a_folder_are_wrapped_between_names():
    names = [f"a_figure_of_{number}" for number in range(9)]
    paths = [Path(f"runs/one-two/report/{name}.{suffix}") for name in names for suffix in ("png", "svg")]
    files = ", ".join(f"{name}.{{png,svg}}" for name in names)
    assert found.figure_lines(paths, 400) == [f"figures in runs/one-two/report: {files}"]
    heading, *rest = found.figure_lines(paths, 60)
    assert heading == "figures in runs/one-two/report:"
    assert max(map(len, rest)) <= 60
    assert " ".join(line.removeprefix("  ") for line in rest) == files
    assert all(re.fullmatch(r"  (\w+\.\{png,svg\},? ?)+", line) for line in rest)


HOSTILE = "<img src=x onerror=document.title='owned'></script><script>document.title='owned'</script>"


@pytest.fixture
def hostile(finished, tmp_path):
    """A run whose name is markup."""
    run = Run(shutil.copytree(finished.path, tmp_path / "hostile"))
    run.update(id=HOSTILE)
    return run


def test_the_page_is_one_file_that_asks_for_nothing(finished):
    text = page([finished])
    assert "http" not in text.replace("http://www.w3.org/2000/svg", "").replace("http-equiv", "")
    assert "src=" not in text.replace("script-src", "").replace("img-src", "").replace("style-src", "")
    data = json.loads(text.partition("<script id=data type=application/json>")[2].partition("</script>")[0])
    (study,) = data["studies"]
    last = next(row for row in study["levels"] if (row["level"], row["arm"]) == (2, "reinit"))
    own = [accuracy(line["test"]) for line in finished.levels() if (line["level"], line["arm"]) == (2, "reinit")]
    assert last["measured"]["test_accuracy"]["values"] == own
    assert last["measured"]["test_accuracy"]["mean"] == pytest.approx(np.mean(own))
    assert [one["name"] for one in data["series"]] == ["ticket", "reinit", "random", "shuffle"]
    assert len(study["curves"]) == 9
    assert "winning ticket" in text


def page_data(*runs):
    """What is embedded in the page for its script."""
    return json.loads(page(runs).partition("<script id=data type=application/json>")[2].partition("</script>")[0])


def test_the_page_holds_what_its_figures_of_masks_are_drawn_from(finished, tmp_path):
    (study,) = page_data(finished)["studies"]
    found, sizes = tickets([finished]), weights([finished])
    masks = study["masks"]
    assert [*masks["tickets"]["densities"]] == ["0", "1", "2"]
    assert masks["tickets"]["layers"] == found.layers
    apart, nested = masks["overlaps"].values()
    assert [one["shares"]["mean"] for one in apart] == [one.shares.mean for one in found.between_replicates]
    assert [(one["chance"], one["shares"]["values"]) for one in nested] == [(1, [1, 1])]
    assert masks["weights"]["level"] == sizes.level
    others = [recorded(tmp_path, tiny(name=f"n{number}"), networks([0.9], 1)) for number in range(3)]
    assert "Drawn in reports of up to 3 runs" in page([finished, *others])
    assert "Drawn in reports of up to" not in page([finished, *others[:2]])
    assert all(one["masks"] is None for one in page_data(finished, *others)["studies"])


def test_a_hostile_name_is_no_markup(hostile):
    text = page([hostile])
    assert HOSTILE not in text
    assert "&lt;img src=x" in text


def test_a_page_of_a_run_without_networks(tmp_path):
    assert "report" in page([Run.create(tmp_path, tiny(), {"study": "prune"})])


def test_missing_controls_come_with_their_command(finished, tmp_path):
    assert missing_controls(finished, finished.levels()) == ""
    run = recorded(tmp_path, tiny(pruning__arms=["shuffle"]), networks([0.9], 0) + networks([0.9], 1))
    said = missing_controls(run, run.levels())
    assert said.endswith(f"lottery prune {run.path}/config.yaml --set 'pruning.arms=[shuffle,reinit,random]'")


def test_html_is_written(lottery, finished, tmp_path):
    run = shutil.copytree(finished.path, tmp_path / "copy")
    result = lottery("report", run, "--html")
    assert result.code == 0, result.err
    assert (run / "report" / "report.html").read_text().startswith("<!doctype html>")
