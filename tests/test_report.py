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

from lottery import open_run
from lottery.analysis.overlap import overlap
from lottery.cohort import Network
from lottery.report.comparison import differences, pooled, repetitions
from lottery.report.draw import draw
from lottery.report.html import page
from lottery.report.mask_figures import between_levels, between_replicates, draw_tickets
from lottery.report.rows import as_csv, as_json, as_latex, as_markdown, rows
from lottery.report.statistics import by_level_and_arm, estimate
from lottery.report.tables import comparison_tables, run_tables
from lottery.report.verdicts import missing_controls
from lottery.store import Run


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
