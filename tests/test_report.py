import io

import pytest
from conftest import carry_out, tiny
from PIL import Image
from rich.console import Console
from scipy import stats

from lottery.report.figures import draw
from lottery.report.statistics import by_level_and_arm, estimate
from lottery.report.tables import run_tables


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
