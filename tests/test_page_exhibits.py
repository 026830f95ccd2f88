"""Exhibits of probes and analyses on the page, in a real browser. Skipped where there is none."""

from __future__ import annotations

import re
from types import SimpleNamespace

import pytest
from conftest import networks, recorded, tiny

from lottery import registry
from lottery.exhibits import Chart, Curve, Exhibit, Map, Matrix, Spot, Table
from lottery.statistics import estimate
from lottery.store import files, places

HOSTILE = "<img src=x onerror=document.title='owned'></script>"
STEPS = [0, 100, 200, 300, 400]
HEIGHTS = [[1.0, 1.2, 1.4], [0.1, 0.11, 0.12], [], [0.01, 0.011, 0.012], [0.001, 0.001, 0.001]]
FLOW = Chart(
    "flow", HOSTILE, "training step", "height",
    [Curve("dunes", STEPS, HEIGHTS), Curve("sea", STEPS, [[0.5]] * 5, place=1, points=True)],
    scales=("linear", "log"), across={"level": 0.05}, marks=[100, 200],
)  # fmt: skip
WALK = Map("walk", "Where to", "distance", [
    Spot("start", (0.0, 0.0), hollow=True, towards=(1.0, 2.0)), Spot("end", (1.0, 2.0)), Spot("end", (5.0, 0.0)),
])  # fmt: skip
PAIRS = Matrix("pairs", "Pairs", "share", ["a", "b"], ["a", "b"], [[None, 0.25], [0.5, None]])
SHOWN = Exhibit("Dunes", [f"They move. {HOSTILE}"], [FLOW, WALK, PAIRS], Table(["h"], [["6"]] * 20))


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A run of which something is shown."""
    run = recorded(tmp_path_factory.mktemp("runs"), tiny(), networks((0.9, 0.91, 0.92), 0))
    (run.path / places.ANALYSIS).mkdir()
    files.append_lines(
        run.path / places.analysis("dunes"), [{"options": {}, "of": {"level": 0}, "values": {}, "seconds": 1.0}]
    )
    return run


@pytest.fixture
def tab(opened, run, monkeypatch):
    """The page of that run, light and wide."""
    find, own = registry.find, SimpleNamespace(constants={"SHOWN": lambda lines: SHOWN})
    monkeypatch.setattr(registry, "find", lambda kind, name: own if kind == "analyses" else find(kind, name))
    return opened(run, viewport={"width": 1280, "height": 900})


def numbers(text):
    return [float(one) for one in re.findall(r"-?[\d.]+", text)]


def test_a_chart_is_drawn_where_its_values_lie_and_tells_them(tab):
    figure = tab.locator("[data-chart='0'] figure")
    assert tab.said == []
    assert [numbers(mark) for mark in figure.locator("text.y").all_text_contents()] == [[0.001], [0.01], [0.1], [1]]
    ticks = [float(mark.get_attribute("y")) - 4 for mark in figure.locator("text.y").all()]
    dunes = [numbers(one.get_attribute("d")) for one in figure.locator("path.line").all()[:2]]
    (_, y0, _, y1), (_, y3, _, y4) = dunes  # the gap leaves two lines
    decade = ticks[0] - ticks[1]
    down = [(below - above) / decade for above, below in ((y0, y1), (y1, y3), (y3, y4))]
    assert down == [pytest.approx(expected, rel=0.01) for expected in (1.038, 1, 1.041)]
    assert figure.locator("line.mark").count() == 2
    assert float(figure.locator("line.across").get_attribute("y1")) == pytest.approx(ticks[1] - 0.699 * decade, abs=1)
    half = estimate(HEIGHTS[0]).half_width
    figure.locator("svg").focus()
    for _ in range(3):
        figure.locator("svg").press("ArrowLeft")
    assert figure.locator(".tip").inner_text() == f"dunes\ntraining step: 0\n1.2 ± {half:.2g}"
    assert figure.locator("circle.point").count() == len(STEPS)
    assert figure.locator("path.spread").count() == 2
    controls = tab.locator("[data-chart='0']")
    controls.get_by_label("95 % intervals").uncheck()
    assert figure.locator("path.spread").count() == 0
    controls.get_by_label("dunes").uncheck()
    assert figure.locator("path.line").count() == 1


def test_a_map_has_equal_axes_and_an_arrow(tab):
    figure = tab.locator("[data-chart='1'] figure")
    start, end, other = (
        [float(spot.get_attribute(side)) for side in ("cx", "cy")] for spot in figure.locator("circle.point").all()
    )
    unit = (other[0] - start[0]) / 5
    assert end == [pytest.approx(start[0] + unit, abs=0.01), pytest.approx(start[1] - 2 * unit, abs=0.01)]
    tip = numbers(figure.locator("path.arrow").get_attribute("d"))[2:4]
    assert ((tip[0] - end[0]) ** 2 + (tip[1] - end[1]) ** 2) ** 0.5 == pytest.approx(6, abs=0.2)
    figure.locator("circle.point").nth(2).hover()
    assert figure.locator(".tip").inner_text() == "end\n5, 0"
    tab.locator("[data-chart='1']").get_by_role("checkbox", name="end").uncheck()
    assert figure.locator("circle.point").count() == 1


def test_a_matrix_and_its_table_are_read_as_they_are(tab):
    assert tab.locator("[data-chart='2'] tbody tr").all_inner_texts() == ["a\t\t0.25", "b\t0.5\t"]
    table = tab.locator("details", has_text="numbers").last.locator("table")
    assert table.is_hidden()  # twenty rows are folded away
    tab.get_by_text("numbers", exact=True).click()
    assert table.is_visible()


def test_hostile_texts_do_nothing_and_a_phone_shows_all(tab):
    assert tab.locator("img").count() == 0
    assert tab.get_by_text(HOSTILE).count() >= 2
    tab.set_viewport_size({"width": 390, "height": 800})
    tab.locator("[data-chart='1'] svg[viewBox^='0 0 358 ']").wait_for()
    assert tab.evaluate("document.documentElement.scrollWidth") <= 390
    assert tab.said == []
    assert "owned" not in tab.title()
