import csv
import io
import json
import shutil

import numpy as np
import pytest
import torch
from conftest import carry_out, networks, recorded, summary, tiny
from PIL import Image
from rich.console import Console
from scipy import stats

from lottery import open_run
from lottery.analysis.overlap import overlap
from lottery.cohort import Network
from lottery.report.comparison import differences, pooled, repetitions
from lottery.report.draw import draw
from lottery.report.html import page
from lottery.report.jackpot import jackpot_lines, jackpots
from lottery.report.mask_figures import between_levels, between_replicates, draw_tickets
from lottery.report.rows import as_csv, as_json, as_latex, as_markdown, rows
from lottery.report.statistics import by_level_and_arm, estimate, paired, replicates_needed
from lottery.report.tables import comparison_tables, run_tables
from lottery.report.verdicts import missing_controls, summed_up, verdicts
from lottery.store import Run


@pytest.mark.parametrize("values", [(0.1, 0.2), (3.0, 3.5, 2.25, 8.0, 1.0), (5.0, 5.0, 5.0)])
def test_intervals_agree_with_scipy(values):
    found = estimate(values)
    assert found.mean == pytest.approx(sum(values) / len(values), abs=1e-12)
    sem = stats.sem(values)
    low, high = stats.t.interval(0.95, len(values) - 1, loc=found.mean, scale=sem) if sem else (found.mean, found.mean)
    assert found.mean - found.half_width == pytest.approx(low, abs=1e-9)
    assert found.mean + found.half_width == pytest.approx(high, abs=1e-9)


def test_one_value_has_no_interval_and_none_no_mean():
    assert estimate([2.0]).half_width is None
    with pytest.raises(ValueError, match="no values"):
        estimate([])


def test_groups():
    lines = [{"level": 0, "arm": "main", "x": 1.0}, {"level": 0, "arm": "main", "x": 3.0},
             {"level": 1, "arm": "main", "x": None}]  # fmt: skip
    found = by_level_and_arm(lines, "x")
    assert list(found) == [(0, "main")]
    assert found[0, "main"].mean == 2.0


def text(run):
    console = Console(width=200, file=io.StringIO())
    console.print(run_tables(run))
    return console.file.getvalue()


def test_tables_show_the_numbers_of_the_run(finished):
    shown = text(finished)
    own = [line for line in finished.levels() if line["level"] == 2 and line["arm"] == "reinit"]
    expected = estimate([100 * line["test_accuracy"] for line in own])
    assert f"{expected.mean:.2f} ± {expected.half_width:.2f}" in shown
    for word in ("finished", "main", "reinit", "random", "shuffle", "25.0", "t-interval"):
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


def answers(levels):
    return {verdict.name: verdict.answer for verdict in verdicts(levels) if verdict.level == 1}


@pytest.mark.parametrize(
    ("left", "right"), [((0.9, 0.8, 0.95), (0.85, 0.8, 0.9)), ((3.0, 1.0, 2.5, 7.0), (1.0, 1.5, 2.0, 9.0))]
)
def test_paired_differences_agree_with_scipy(left, right):
    found = paired(dict(enumerate(left)), dict(enumerate(right)))
    test = stats.ttest_rel(left, right)
    low, high = test.confidence_interval(0.95)
    assert found.low == pytest.approx(low, abs=1e-9)
    assert found.high == pytest.approx(high, abs=1e-9)
    assert found.deviation == pytest.approx(np.std(np.subtract(left, right), ddof=1), abs=1e-12)


def test_pairs_are_of_one_replicate():
    assert paired({0: 1.0, 2: 5.0, 3: 9.0}, {2: 1.0, 0: 0.5, 1: 100.0}).values == (0.5, 4.0)
    assert paired({0: 1.0}, {1: 1.0}) is None


@pytest.mark.parametrize("values", [(0.2, -0.1, 0.3), (1.0, 1.1), (0.5, -0.4, 0.1, 0.3, 0.0)])
def test_replicates_needed_is_the_first_number_that_would_do(values):
    found = estimate(values)
    needed = replicates_needed(found)

    def half_width(count):
        return stats.t.ppf(0.975, count - 1) * np.std(values, ddof=1) / np.sqrt(count)

    assert half_width(needed) < abs(found.mean)
    assert needed == 2 or half_width(needed - 1) >= abs(found.mean)


def test_replicates_needed_where_none_would_do():
    assert replicates_needed(estimate((1.0,))) is None
    assert replicates_needed(estimate((1.0, -1.0))) is None
    assert replicates_needed(estimate((0.5, 0.5)), threshold=0.2) == 2


DENSE = networks([0.970, 0.972, 0.974], 0, early_stop_step=[100, 110, 120], early_stop_test_accuracy=0.96)


@pytest.mark.parametrize(
    ("steps", "accuracies", "answer"),
    [
        ([80, 90, 100], [0.97, 0.97, 0.97], "yes"),  # 20 steps sooner, 1 point better, in each replicate
        ([100, 110, 120], [0.96, 0.96, 0.96], "yes"),  # the same is at least as good
        ([120, 130, 140], [0.97, 0.97, 0.97], "no"),  # better but later
        ([80, 90, 100], [0.95, 0.95, 0.95], "no"),  # sooner but worse
        ([80, 90, 100], [0.99, 0.94, 0.97], "undecided"),  # +0.67 points with an interval of 6.3
        ([10, 200, 100], [0.97, 0.97, 0.97], "undecided"),
    ],
)
def test_winning_tickets_by_hand(steps, accuracies, answer):
    ticket = networks([0.97] * 3, 1, early_stop_step=steps, early_stop_test_accuracy=accuracies)
    assert answers(DENSE + ticket)["winning ticket"] == answer


@pytest.mark.parametrize(
    ("accuracies", "matching", "within"),
    [
        ([0.970, 0.972, 0.974], "yes", "yes"),
        ([0.968, 0.970, 0.972], "yes", "yes"),  # 0.2 points below: the very threshold, and one deviation of dense
        ([0.967, 0.969, 0.971], "no", "no"),  # 0.3 points below in each replicate
        ([0.980, 0.965, 0.966], "undecided", "yes"),  # -0.17 points with an interval of 2.6
    ],
)
def test_matching_by_hand(accuracies, matching, within):
    found = answers(DENSE + networks(accuracies, 1))
    assert found["matching"] == matching
    assert found["matching, within a deviation"] == within


def test_controls_by_hand():
    ticket = networks([0.980, 0.982, 0.984], 1)
    reinit = networks([0.970, 0.972, 0.975], 1, "reinit")
    random = networks([0.979, 0.985, 0.982], 1, "random")
    found = answers(DENSE + ticket + reinit + random)
    assert (found["beats reinit"], found["beats random"]) == ("yes", "undecided")


def test_what_is_missing_is_said():
    (winning, matching, _) = verdicts(DENSE[:1] + networks([0.97], 1))
    assert (winning.answer, matching.answer, matching.missing) == ("undecided", "undecided", "more replicates")
    without = {"early_stop_step": None, "early_stop_test_accuracy": None}
    blind = networks([0.97] * 3, 0, **without) + networks([0.98] * 3, 1, **without)
    assert verdicts(blind)[0].answer == "unknown"
    assert "validation data" in verdicts(blind)[0].missing
    open_one = verdicts(DENSE + networks([0.980, 0.965, 0.966], 1))[1]
    # -0.1667 points, deviation 1.0116, 0.0333 from the threshold: 1.96 * 1.0116 / sqrt(n) = 0.0333 at n = 3,538.
    assert open_one.missing == "about 3,541 replicates"  # Student's t is a little wider than the normal distribution


def test_a_diverged_network_is_no_pair():
    levels = DENSE + networks([0.970, 0.972, 0.5], 1, diverged=[None, None, 12])
    assert "+0.00 ± 0.00 points" in verdicts(levels)[1].numbers


def test_answers_are_summed_up_by_density():
    levels = DENSE + networks([0.980, 0.982, 0.984], 1) + networks([0.970, 0.972, 0.974], 2)
    levels += networks([0.90, 0.90, 0.90], 3) + networks([0.980, 0.965, 0.966], 4) + networks([0.972, 0.974, 0.976], 5)
    found = next(sentence for sentence in summed_up(verdicts(levels)) if sentence.name == "matching")
    assert found.spans == {"yes": "80.0 to 64.0, 32.8", "no": "51.2", "undecided": "41.0"}
    assert found.sparsest == "sparsest: accuracy +0.20 ± 0.00 points, at 32.8 %"


def test_rows_and_their_formats(finished):
    found = rows(finished)
    assert len(found) == 1 + 2 * 4
    last = next(row for row in found if (row["level"], row["arm"]) == (2, "main"))
    own = [line for line in finished.levels() if (line["level"], line["arm"]) == (2, "main")]
    assert last["compression_ratio"] == pytest.approx(own[0]["total"] / own[0]["nonzero"])
    assert last["theoretical_speedup"] == pytest.approx(found[0]["flops"] / last["flops"], rel=1e-2)
    assert last["test_accuracy_mean"] == pytest.approx(np.mean([line["test_accuracy"] for line in own]))
    assert last["test_accuracy_std"] == pytest.approx(np.std([line["test_accuracy"] for line in own], ddof=1))
    read = list(csv.DictReader(io.StringIO(as_csv(found))))
    assert [row["arm"] for row in read] == [row["arm"] for row in found]
    assert json.loads(as_json(found)) == found
    lines = as_markdown(found).splitlines()
    assert len({line.count("|") for line in lines}) == 1
    assert len(lines) == 2 + len(found)
    assert r"\pm" in as_latex(found)
    assert as_latex(found).count(r"\\") == 1 + len(found)


def test_reports_are_pipeable(lottery, finished):
    result = lottery("report", finished.path, "--csv")
    assert result.err == ""
    assert len(result.out.splitlines()) == 1 + 9
    assert json.loads(lottery("report", finished.path, "--json").out)
    assert "winning ticket: at its early-stop step" in lottery("report", finished.path, "--verdicts").out
    assert lottery("report", finished.path, "--csv", "--json").code == 2


def test_results_for_python(finished):
    results = open_run(finished.path)
    assert results.levels == finished.levels()
    assert {key for key, _ in results.metrics[0].items()} >= {"step", "split", "accuracy"}
    assert results.config["train"]["batch_size"] == 32
    assert results.about["status"] == "finished"
    assert results.mask(1, replicate=1)["output.weight"].shape == results.weights(1)["output.weight"].shape
    assert {verdict.name for verdict in results.verdicts} >= {"matching", "beats reinit"}
    assert results.summary == rows(finished)


def test_overlap_by_hand():
    first = {"a": torch.tensor([1, 1, 0, 0], dtype=torch.bool), "b": torch.tensor([1, 1], dtype=torch.bool)}
    second = {"a": torch.tensor([0, 1, 0, 1], dtype=torch.bool), "b": torch.tensor([1, 0], dtype=torch.bool)}
    # Two in common of the smaller mask's three; by chance 2 * 2 / 4 in a and 2 * 1 / 2 in b.
    assert overlap(first, second) == (pytest.approx(2 / 3), pytest.approx(2 / 3))
    assert overlap(first, first) == (1.0, pytest.approx((1 + 2) / 4))
    with pytest.raises(ValueError, match="keeps nothing"):
        overlap(first, {name: torch.zeros_like(kept) for name, kept in first.items()})


def with_masks(folder, config, kept, study):
    """A run of tickets whose masks over eight weights keep these positions: (replicate, level) -> positions."""
    run = Run.create(folder, config, {"study": study})
    for (replicate, level), positions in kept.items():
        mask = {"w": torch.tensor([position in positions for position in range(8)])}
        line = summary(replicate, level, density=len(positions) / 8)
        run.write_member(replicate, level, "main", Network({"w": torch.zeros(8)}, mask), line)
        run.append_levels([line])
    return run


def test_overlap_between_levels_and_replicates_by_hand(tmp_path):
    kept = {(0, 1): {0, 1, 2, 3}, (1, 1): {2, 3, 4, 5}, (0, 2): {3, 7}, (1, 2): {4, 5}}
    run = with_masks(tmp_path, tiny(sparse={"density": [0.5, 0.25]}), kept, "train")
    (found,) = between_levels(run)
    # One of {3, 7} was there before, both of {4, 5}; of two weights drawn freely, half fall among four of eight.
    assert (found.density, found.shares.values, found.chance) == (0.25, (0.5, 1.0), 0.5)
    first, second = between_replicates(run)
    assert (first.density, first.shares.values, first.chance) == (0.5, (0.5,), 0.5)
    assert (second.density, second.shares.values, second.chance) == (0.25, (0.0,), 0.25)


def test_a_ticket_lies_within_its_parent_by_chance_too(tmp_path, finished):
    (found,) = between_levels(finished)
    assert (found.shares.values, found.chance) == ((1.0, 1.0), 1.0)
    kept = {(0, 0): set(range(8)), (0, 1): {0, 1, 2, 3}, (0, 2): {3, 7}}
    (free,) = between_levels(with_masks(tmp_path, tiny(pruning__one_shot=True), kept, "prune"))
    assert (free.shares.values, free.chance) == ((0.5,), 0.5)


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


def test_repetitions_are_pooled_and_other_studies_are_told_apart(finished, tmp_path):
    more = carry_out(tiny(seed=7, replicates=1, name="more", workers=2, execution="looped"), tmp_path)
    same = carry_out(tiny(), tmp_path)  # the same seed: the same replicates once more
    other = carry_out(tiny(pruning__fraction=0.3, pruning__iterations=1), tmp_path)
    groups = repetitions([finished, more, same, other])
    assert [[run.path for run in group] for group in groups] == [[finished.path, more.path], [same.path], [other.path]]
    lines = pooled(groups[0])
    assert len(lines) == len(finished.levels()) + len(more.levels())
    assert {line["replicate"] for line in lines} == {0, 1, 2}
    assert len(by_level_and_arm(lines, "test_accuracy")[1, "main"].values) == 3
    assert differences([finished, other]) == {"pruning.fraction": ["0.5", "0.3"]}
    console = Console(width=200, file=io.StringIO())
    console.print(comparison_tables([finished, more, other]))
    written = console.file.getvalue()
    assert "one study, 3 replicates" in written
    assert "pruning.fraction" in written
    assert draw([finished, more, other])[-1].name == "comparison.png"


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
    own = [line["test_accuracy"] for line in finished.levels() if (line["level"], line["arm"]) == (2, "reinit")]
    assert last["test_accuracy"]["values"] == own
    assert last["test_accuracy"]["mean"] == pytest.approx(np.mean(own))
    assert len(study["curves"]) == 9
    assert "winning ticket" in text


def test_a_hostile_name_is_no_markup(hostile):
    text = page([hostile])
    assert HOSTILE not in text
    assert "&lt;img src=x" in text


def test_a_page_of_a_run_without_networks(tmp_path):
    assert "report" in page([Run.create(tmp_path, tiny(), {"study": "prune"})])


def test_the_page_judges_the_jackpot_and_says_how_to_go_on(tmp_path):
    run = study(tmp_path, 0.01, thrice(0.94), thrice(0.92), thrice(0.92))
    text = page([run])
    assert "Of 1 levels: undecided at 1." in text
    assert "+2.00 ± 0.00 points" in text
    assert f"lottery prune {run.path}/config.yaml --set train.optimizer.lr=0.001" in text
    assert "not trained: random" in text


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


def study(tmp_path, rate, tickets, dense, reinit, total=100, nonzero=20):
    """A run with these accuracies, three replicates each, at one level of a fifth of the weights."""
    config = tiny(train__optimizer={"name": "sgd", "lr": rate}, replicates=3, pruning__iterations=1)
    size = {"total": total, "nonzero": nonzero}
    lines = networks(dense, 0, **size | {"nonzero": total}) + networks(tickets, 1, density=0.2, **size)
    return recorded(tmp_path, config, lines + networks(reinit, 1, "reinit", density=0.2, **size))


def small_dense(tmp_path, accuracies, total=20):
    return recorded(tmp_path, tiny(replicates=3), networks(accuracies, 0, total=total, nonzero=total), "train")


def thrice(value):
    return [value, value + 0.001, value - 0.001]


def test_jackpots_by_hand(tmp_path):
    # The ticket: 94 % at the small rate. Dense: 92 % there, 93 % at the large rate. Reinitialized: 92 %, 91 %.
    low = study(tmp_path, 0.01, thrice(0.94), thrice(0.92), thrice(0.92))
    high = study(tmp_path, 0.1, thrice(0.91), thrice(0.93), thrice(0.91))
    small = small_dense(tmp_path, thrice(0.90))
    (found,) = jackpots([low, high, small])
    assert found.answers == dict.fromkeys("12345", "yes")
    assert (found.prize, found.missing) == ("jackpot", [])
    # The best ticket, 94 %, to: the small network, 90; the better reinitialization, 92; dense there, 92; the best, 93.
    assert found.numbers == {
        "1": "20.0% of weights",
        "2": "+4.00 ± 0.00 points",
        "3": "+2.00 ± 0.00 points",
        "4": "+2.00 ± 0.00 points",
        "5": "+1.00 ± 0.00 points",
    }


def test_a_secondary_prize_is_beaten_by_the_best_dense_network(tmp_path):
    low = study(tmp_path, 0.01, thrice(0.94), thrice(0.92), thrice(0.92))
    high = study(tmp_path, 0.1, thrice(0.91), thrice(0.96), thrice(0.91))  # 2 points above the ticket
    (found,) = jackpots([low, high, small_dense(tmp_path, thrice(0.90))])
    assert found.answers == {"1": "yes", "2": "yes", "3": "yes", "4": "yes", "5": "no"}
    assert found.prize == "secondary prize"


def test_no_prize_where_a_reinitialization_at_another_rate_is_as_good(tmp_path):
    low = study(tmp_path, 0.01, thrice(0.94), thrice(0.92), thrice(0.92))
    high = study(tmp_path, 0.1, thrice(0.91), thrice(0.93), thrice(0.938))
    (found,) = jackpots([low, high, small_dense(tmp_path, thrice(0.90))])
    assert (found.answers["3"], found.prize) == ("no", "none")


def test_what_a_jackpot_still_needs_is_said(tmp_path):
    (found,) = jackpots([study(tmp_path, 0.01, thrice(0.94), thrice(0.92), thrice(0.92))])
    assert found.answers == {"1": "yes", "2": "unknown", "3": "unknown", "4": "yes", "5": "unknown"}
    assert found.prize == "undecided"
    assert "train.optimizer.lr=0.001" in found.missing[0]
    assert "about 20 weights" in found.missing[1]
    assert found.numbers["2"] == "unknown"
    assert len(jackpot_lines([study(tmp_path, 0.01, thrice(0.94), thrice(0.92), thrice(0.92))])) == 1 + 5 + 1 + 2
