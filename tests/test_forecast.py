"""What a study will cost: the numbers, worked out by hand, and how they are drawn."""

import io

import pytest
from conftest import tiny
from rich.console import Console

from lottery.report.forecast import forecast_table
from lottery.studies.forecast import forecast
from lottery.studies.prepare import prepare
from lottery.studies.prune import Prune

WEIGHTS, BIASES = 64 * 16 + 16 * 10, 16 + 10


@pytest.fixture
def found():
    setting = prepare(tiny(pruning__rewind="12it", execution="looped", workers=1))
    return forecast(setting, Prune(setting).levels)


def test_numbers(found):
    assert (found.weights, found.flops) == (WEIGHTS, 2 * WEIGHTS)
    assert [row.level for row in found.rows] == [0, 1, 2]
    assert [row.density for row in found.rows] == [1, 0.5, 0.25]
    assert [row.members for row in found.rows] == [2, 8, 8]  # two replicates, each of a ticket and three controls
    assert [row.spans for row in found.rows] == [(30,), (18, 30), (18, 30)]
    assert [row.steps for row in found.rows] == [60, 192, 192]
    assert [row.flops for row in found.rows] == [3 * 2 * WEIGHTS * 32 * steps for steps in (60, 192, 192)]
    assert found.rows[1].arms == ("ticket", "reinit", "random", "shuffle")
    assert found.layout.startswith("looped, one member at a time in one process")
    state = 4 * (WEIGHTS + BIASES)
    assert found.passing == 8 * 6 * state  # weights and two slots of each network of the largest level, twice
    assert 18 * (state + WEIGHTS) < found.kept < 18 * (state + WEIGHTS) + 4 * state + 100_000


def test_the_table(found):
    console = Console(width=120, file=io.StringIO())
    console.print(forecast_table(found))
    text = console.file.getvalue()
    for words in (
        "(1,184 prunable weights, 2,368 FLOPs an image) on digits, on cpu",
        "18 or 30",
        "masks cover 1,184 of",
    ):
        assert words in text
    assert "18 networks, 444 steps of training in all, 1.01e+08 FLOPs; disk " in text
    assert text.splitlines()[3].startswith("┏")
