"""Figures of the page in a real browser: what they draw is what was measured, and can be read at any width."""

import io
import math
import re
from importlib.resources import files as resources
from itertools import pairwise

import numpy as np
import pytest
from conftest import evaluation, networks, recorded, tiny
from PIL import Image

from lottery.reporting.canvas import DENSITY_COLOURS
from lottery.reporting.series import curves
from lottery.reporting.tickets import tickets, weights
from lottery.statistics import estimate
from lottery.store.run import Run
from lottery.tasks.classification import Classification

(ACCURACY,) = Classification.metrics

CLIMB = {0: 0.069, 10: 0.457, 20: 0.646}
"""Accuracy by step; it ends at 90 % at step 30."""

LINES = """(figure) => [...document.querySelectorAll(`${figure} path.line`)].map((node) =>
  [...node.getAttribute("d").matchAll(/[ML]([-\\d.]+) ([-\\d.]+)/g)].map((at) => [Number(at[1]), Number(at[2])]))"""
FRAME = """(figure) => {
  const clip = document.querySelector(`${figure} path.line`).closest("[clip-path]").getAttribute("clip-path");
  const box = document.querySelector(clip.slice(4, -1).replaceAll('"', "")).firstElementChild;
  const [left, top, width, height] = ["x", "y", "width", "height"].map((name) => Number(box.getAttribute(name)));
  return { left, top, right: left + width, bottom: top + height };
}"""
TICKS = """(figure) => [...document.querySelectorAll(`${figure} svg text.y`)]
  .map((node) => [Number(node.getAttribute("y")) - 4, Number(node.textContent.replaceAll(",", ""))])"""


def climbing(folder, levels: int = 1) -> Run:
    """A study whose networks climb from chance, far below where they end."""
    lines = [line for level in range(levels) for line in networks([0.9, 0.9], level)]
    run = recorded(folder, tiny(pruning__iterations=max(1, levels - 1)), lines)
    run.append_metrics(
        evaluation(line["replicate"], line["level"], step=step, accuracy=accuracy + 0.01 * line["replicate"])
        for line in lines
        for step, accuracy in CLIMB.items()
    )
    return run


def value_of(tab, figure):
    """What a height in the figure means, by the numbers at its axis."""
    (low, first), *_, (high, last) = tab.evaluate(TICKS, figure)
    return lambda y: first + (last - first) * (y - low) / (high - low)


def test_curves_are_drawn_where_their_values_lie_and_nowhere_else(opened, tmp_path):
    tab = opened(climbing(tmp_path), viewport={"width": 1280, "height": 900})
    value = value_of(tab, "#curves")
    (line,) = tab.evaluate(LINES, "#curves")
    expected = [100 * (accuracy + 0.005) for accuracy in CLIMB.values()] + [90]
    assert [value(y) for _, y in line] == [pytest.approx(one, abs=0.2) for one in expected]
    frame = tab.evaluate(FRAME, "#curves")
    assert 85 < value(frame["bottom"]) < 90 < value(frame["top"])
    assert "outside of the frame" in tab.locator("#figure-curves").inner_text()


def ink(tab, figure):
    """Where a figure is coloured, as shares of its frame, from its upper left corner: grid and texts are grey."""
    shot = np.asarray(Image.open(io.BytesIO(tab.locator(f"{figure} svg").screenshot())).convert("HSV"))
    frame = tab.evaluate(FRAME, figure)
    rows, columns = np.nonzero(shot[:, :, 1] > 100)
    across = (columns - frame["left"]) / (frame["right"] - frame["left"])
    return across, (rows - frame["top"]) / (frame["bottom"] - frame["top"])


def test_outside_of_the_frame_there_is_no_ink(opened, tmp_path):
    tab = opened(climbing(tmp_path), viewport={"width": 1280, "height": 900})
    across, down = ink(tab, "#curves")
    # Until step 20 the network lies below the frame; from there it climbs into it, and is at its end at step 30.
    assert len(across) > 20
    assert 0.66 < across.min() < across.max() < 1
    assert 0 <= down.min() < down.max() <= 1
    tab.get_by_label("whole range").check()
    across, down = ink(tab, "#curves")
    assert across.min() < 0.02
    assert 0 <= down.min() < down.max() <= 1
    value = value_of(tab, "#curves")
    assert value(tab.evaluate(FRAME, "#curves")["bottom"]) < 6.9
    assert "outside of the frame" not in tab.locator("#figure-curves").inner_text()


def test_points_lie_at_their_values(opened, finished):
    tab = opened(finished, viewport={"width": 1280, "height": 900})
    value = value_of(tab, "#density")
    for point in tab.locator("#density circle.point").all():
        mean = float(re.search(r"weights, ([\d.]+)", point.get_attribute("aria-label"))[1])
        assert value(float(point.get_attribute("cy"))) == pytest.approx(mean, abs=0.2)


TEXTS = """() => [...document.querySelectorAll("svg text")].map((node) => {
  const [own, svg] = [node.getBoundingClientRect(), node.ownerSVGElement.getBoundingClientRect()];
  const scale = svg.width / node.ownerSVGElement.viewBox.baseVal.width;
  return {
    text: node.textContent, kind: node.getAttribute("class"), figure: node.closest("figure").id,
    size: parseFloat(getComputedStyle(node).fontSize) * scale,
    left: own.left, right: own.right, within: own.left >= svg.left && own.right <= svg.right + 0.5
      && own.top >= svg.top && own.bottom <= svg.bottom + 0.5,
  };
})"""


@pytest.fixture(scope="module")
def long_study(tmp_path_factory):
    """Twenty levels with training of fifty thousand steps."""
    densities = [0.8**level for level in range(20)]
    lines = [line for level in range(20) for line in networks([0.9, 0.91], level, stop_step=50_000)]
    run = recorded(tmp_path_factory.mktemp("long"), tiny(name="a_study_with_a_long_name_" * 4), lines)
    run.append_metrics(
        evaluation(0, level, step=25_000, accuracy=0.8 + 0.1 * one) for level, one in enumerate(densities)
    )
    return run


@pytest.mark.parametrize("width", [390, 1280, 1920])
def test_texts_of_figures_can_be_read_at_every_width(width, opened, finished, long_study):
    tab = opened(finished, long_study, viewport={"width": width, "height": 900})
    texts = tab.evaluate(TEXTS)
    assert {text["figure"] for text in texts} == {"density", "curves", "overlap", "weights"}
    assert [text for text in texts if text["size"] < 11 or not text["within"]] == []
    for figure in ("density", "curves", "overlap", "weights"):
        marks = sorted(
            (text["left"], text["right"]) for text in texts if (text["figure"], text["kind"]) == (figure, "x")
        )
        assert len(marks) >= 2 or figure == "overlap"  # of which there is one pair of levels
        assert all(left[1] < right[0] for left, right in pairwise(marks))


@pytest.mark.parametrize("width", [390, 1280, 1920])
def test_nothing_is_cut(width, opened, finished, long_study):
    tab = opened(finished, long_study, viewport={"width": width, "height": 900})
    assert tab.evaluate("document.documentElement.scrollWidth") <= width
    words = """(most) => [...document.querySelectorAll("h1, h2, h3, p, li, label, summary, select, svg, caption")]
      .map((node) => [node.textContent, node.getBoundingClientRect()])
      .filter(([, box]) => box.width && (box.left < 0 || box.right > most)).map(([text]) => text)"""
    assert tab.evaluate(words, width) == []
    if width >= 1280:  # a phone scrolls its tables, which say so to the keyboard
        cut = """() => [...document.querySelectorAll("#tables .scroll")]
          .filter((box) => box.scrollWidth > box.clientWidth).map((box) => [box.scrollWidth, box.clientWidth])"""
        assert tab.evaluate(cut) == []


def test_figures_are_laid_out_anew_where_the_window_changes(opened, finished):
    tab = opened(finished, viewport={"width": 1280, "height": 900})
    tab.get_by_label("reinit").first.uncheck()
    tab.set_viewport_size({"width": 390, "height": 800})
    tab.locator("#density svg[viewBox^='0 0 358 ']").wait_for()  # without what is beside the page
    assert min(text["size"] for text in tab.evaluate(TEXTS)) >= 11
    assert tab.locator("#density circle.point").count() == 1 + 2 * 3  # what was chosen stays
    assert tab.said == []


def shades(tab, selector):
    """OKLab of the ink of some lines, as the browser computes it."""
    inks = tab.eval_on_selector_all(selector, "(nodes) => nodes.map((node) => getComputedStyle(node).stroke)")
    return [[float(part) for part in re.fullmatch(r"oklab\((.*)\)", ink)[1].split()] for ink in inks]


def luminance(lightness, a, b):
    """Relative luminance of an OKLab colour, after Ottosson (2020)."""
    long = (lightness + 0.3963377774 * a + 0.2158037573 * b) ** 3
    middle = (lightness - 0.1055613458 * a - 0.0638541728 * b) ** 3
    short = (lightness - 0.0894841775 * a - 1.2914855480 * b) ** 3
    red = 4.0767416621 * long - 3.3077115913 * middle + 0.2309699292 * short
    green = -1.2684380046 * long + 2.6097574011 * middle - 0.3413193965 * short
    blue = -0.0041960863 * long - 0.7034186147 * middle + 1.7076147010 * short
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


GROUND = {"light": luminance(0.9715, -0.0005, -0.0024), "dark": luminance(0.2436, -0.0015, -0.0125)}
"""Of #f5f6f8 and #1d2026, on which figures are drawn."""


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_sparser_a_curve_the_darker_it_is(scheme, opened, tmp_path):
    tab = opened(climbing(tmp_path, 6), color_scheme=scheme)
    found = shades(tab, "#curves path.line")
    assert len(found) == 6
    steps = [dense[0] - sparse[0] for dense, sparse in pairwise(found)]
    assert min(steps) > 0.04  # twice what can just be told apart
    for ink in found:
        low, high = sorted((luminance(*ink), GROUND[scheme]))
        assert (high + 0.05) / (low + 0.05) >= 3  # WCAG 1.4.11
    labels = tab.locator("#legend label").all_inner_texts()
    assert labels == ["100 %", "80.0 %", "64.0 %", "51.2 %", "41.0 %", "32.8 %"]


def test_page_and_picture_have_one_palette():
    style = resources("lottery.reporting").joinpath("page", "page.css").read_text()
    assert re.findall(r"--density-\d: (#\w+)", style)[: len(DENSITY_COLOURS)] == DENSITY_COLOURS


def test_intervals_and_single_curves_are_shown_on_demand(opened, finished):
    tab = opened(finished)
    bands, lines = tab.locator("#curves path.spread"), tab.locator("#curves path.line")
    assert (bands.count(), lines.count()) == (0, 3)
    tab.get_by_label("whole range").check()
    tab.get_by_label("95 % intervals").check()
    assert bands.count() == 3
    value = value_of(tab, "#curves")
    corners = re.findall(r"[ML]([-\d.]+) ([-\d.]+)", bands.first.get_attribute("d"))
    curve = [estimate(values) for values in curves([finished], ACCURACY)[0, "dense"].values()]
    upper = [min(100, 100 * (one.mean + one.half_width)) for one in curve]
    lower = [max(0, 100 * (one.mean - one.half_width)) for one in reversed(curve)]
    assert [value(float(y)) for _, y in corners] == [pytest.approx(one, rel=0.02, abs=1) for one in upper + lower]
    tab.locator("#legend").get_by_label("50.0 %").uncheck()
    assert (bands.count(), lines.count()) == (2, 2)
    tab.get_by_label("show").nth(1).select_option(label="reinit")
    assert lines.count() == 3
    tab.get_by_label("95 % intervals").uncheck()
    assert bands.count() == 0


def test_curves_tell_their_numbers_to_mouse_and_keyboard(opened, finished):
    tab = opened(finished)
    figure, tip = tab.locator("#curves svg"), tab.locator("#curves .tip")
    assert tip.is_hidden()
    figure.scroll_into_view_if_needed()
    box = figure.bounding_box()
    tab.mouse.move(box["x"] + box["width"] - 40, box["y"] + 60)
    last = [estimate(curve[30]) for curve in curves([finished], ACCURACY).values()]
    said = [f"step 30: {100 * one.mean:.2f} ± {100 * one.half_width:.2f} %" for one in last]
    assert tip.inner_text().splitlines()[1] in said
    tab.mouse.move(0, 0)
    assert tip.is_hidden()
    figure.focus()
    figure.press("ArrowLeft")
    first = tip.inner_text()
    figure.press("ArrowDown")
    assert tip.inner_text().splitlines()[0] != first.splitlines()[0]


def test_masks_and_weights_are_drawn(opened, finished):
    tab = opened(finished)
    found, sizes = tickets([finished]), weights([finished])
    cells = [row.split("\t") for row in tab.locator("#figure-masks table tbody tr").all_inner_texts()]
    assert {name: [float(cell) for cell in own] for name, *own in cells} == {
        name: [pytest.approx(100 * share, rel=5e-3) for share in shares] for name, shares in found.layers.items()
    }
    points = tab.locator("#overlap circle.point")
    value = value_of(tab, "#overlap")
    assert [value(float(point.get_attribute("cy"))) for point in points.all()] == [
        pytest.approx(100 * one.shares.mean, abs=1) for one in found.between_replicates
    ]
    assert f"chance: {100 * found.between_replicates[0].chance:.1f} %" in points.first.get_attribute("aria-label")
    points.first.hover()
    assert "of them in common" in tab.locator("#overlap .tip").inner_text()
    tab.locator("#figure-masks select").select_option(label="one replicate at two levels")
    assert points.count() == len(found.between_levels)
    assert "chance, too, gives all" in tab.locator("#figure-masks").inner_text()
    lines = tab.locator("#weights path.line")
    assert lines.count() == len(sizes.shares) == 3
    tab.get_by_label("initial, pruned").uncheck()
    assert lines.count() == 2
    assert tab.said == []


def test_the_denser_a_layer_the_deeper_its_cell(opened, finished):
    tab = opened(finished)
    cells = tab.locator("#figure-masks table tbody td:not(.text)")
    found = sorted(
        (
            float(cell.inner_text()),
            re.search(r"oklab\(([\d.]+)", cell.evaluate("(one) => getComputedStyle(one).backgroundColor"))[1],
        )
        for cell in cells.all()
    )
    light = [float(shade) for _, shade in found]
    assert light == sorted(light, reverse=True)
    assert light[0] - light[-1] > 0.1


def test_a_level_with_nothing_left_has_no_place_on_a_logarithm(opened, tmp_path):
    lines = networks([0.9, 0.9], 0) + networks([0.8, 0.8], 1) + networks([0.1, 0.1], 2, density=0.0, nonzero=0)
    tab = opened(recorded(tmp_path, tiny(), lines))
    assert tab.said == []
    points = tab.locator("#density circle.point")
    assert points.count() == 2
    assert all(math.isfinite(float(point.get_attribute("cx"))) for point in points.all())
    tab.get_by_label("logarithmic").uncheck()
    assert points.count() == 3


def test_small_densities_are_told_from_one_another(opened, tmp_path):
    lines = networks([0.9], 0) + networks([0.8], 1, density=0.0004) + networks([0.8], 2, density=0.0001)
    tab = opened(recorded(tmp_path, tiny(replicates=1), lines))
    marks = tab.locator("#density svg text.x").all_text_contents()
    assert marks == ["100", "0.04", "0.01"]
