"""What a study will cost: the numbers, worked out by hand, and how they are drawn."""

import io

import pytest
from conftest import tiny
from rich.console import Console

from lottery.reporting.tables import forecast_table
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
    assert [level.steps for level in found.levels] == [60, 192, 192]
    flops = [found.training_flops(level) for level in found.levels]
    assert flops == [3 * 2 * WEIGHTS * 32 * steps for steps in (60, 192, 192)]
    assert found.layout.startswith("looped, one member at a time in one process")
    state = 4 * (WEIGHTS + BIASES)
    assert found.passing == 8 * 6 * state  # weights and two slots of each network of the largest level, twice
    assert 18 * (state + WEIGHTS) < found.kept < 18 * (state + WEIGHTS) + 4 * state + 100_000


def test_the_table(found):
    console = Console(width=120, file=io.StringIO())
    console.print(forecast_table(found))
    text = console.file.getvalue()
    for words in ("(1,184 prunable weights, 2,368 FLOPs an image) on digits, on cpu", "masks cover 1,184 of"):
        assert words in text
    rows = [[cell.strip() for cell in line.split("│")[1:-1]] for line in text.splitlines() if line.startswith("│")]
    arms = "ticket, reinit, random, shuffle"  # two replicates of each
    assert rows == [
        ["0", "100.0", "2", "dense", "30", "1.36e+07"],
        ["1", "50.0", "8", arms, "18 or 30", "4.36e+07"],
        ["2", "25.0", "8", arms, "18 or 30", "4.36e+07"],
    ]
    assert "18 networks, 444 steps of training in all, 1.01e+08 FLOPs; disk " in text
    assert text.splitlines()[3].startswith("┏")
