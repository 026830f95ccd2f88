"""The page in a real browser: Chromium, without a head. Skipped where there is no Chromium, or no playwright."""

from __future__ import annotations

import shutil

import pytest
from conftest import accuracy, carry_out, networks, recorded, tiny

from lottery.store.run import Run

HOSTILE = "<img src=x onerror=document.title='owned'></script><script>document.title='owned'</script>"


@pytest.fixture(scope="module")
def runs(finished, tmp_path_factory):
    """Two studies; the name of one is markup."""
    other = carry_out(tiny(pruning__fraction=0.3), tmp_path_factory.mktemp("other"))
    hostile = Run(shutil.copytree(other.path, tmp_path_factory.mktemp("hostile") / "run"))
    hostile.update(id=HOSTILE)
    return finished, hostile


def test_it_opens_without_a_word_and_asks_for_nothing_but_itself(opened, runs):
    tab = opened(*runs)
    assert tab.said == []
    assert len(tab.asked) == 1
    assert tab.locator("#density svg").count() == 1
    assert tab.locator("#overlap svg").count() == 1
    assert tab.locator("#curves svg path.line").count() >= 3


def test_a_hostile_name_is_shown_as_text(opened, runs):
    tab = opened(*runs)
    assert "owned" not in tab.title().replace(HOSTILE, "")
    assert tab.evaluate("document.title").startswith(runs[0].record["id"])
    assert tab.locator("img").count() == 0
    assert HOSTILE in tab.locator("h1").inner_text()
    assert tab.get_by_text(HOSTILE).count() >= 2


def test_controls_work(opened, finished):
    tab = opened(finished)
    points = tab.locator("#density circle.point")
    assert points.count() == 1 + 2 * 4
    tab.get_by_label("reinit").first.uncheck()
    assert points.count() == 1 + 2 * 3
    for arm in ("ticket", "random", "shuffle"):
        tab.get_by_label(arm, exact=True).first.uncheck()
    assert "nothing is switched on" in tab.locator("#density svg").inner_html()
    tab.get_by_label("ticket", exact=True).first.check()
    before = points.nth(1).get_attribute("cx")
    tab.get_by_label("logarithmic").uncheck()
    assert points.nth(1).get_attribute("cx") != before
    tab.get_by_label("show").first.select_option("early_stop_step")
    assert "early-stop step" in tab.locator("#density svg").get_attribute("aria-label")


def test_points_tell_their_numbers_to_mouse_and_keyboard(opened, finished):
    tab = opened(finished)
    point, tip = tab.locator("#density circle.point").nth(1), tab.locator("#density .tip")
    assert tip.is_hidden()
    point.hover()
    own = [line for line in finished.levels() if (line["level"], line["arm"]) == (1, "ticket")]
    assert "ticket, level 1" in tip.inner_text()
    assert "50.0 % of weights" in tip.inner_text()
    for line in own:
        assert f"{100 * accuracy(line['test']):.2f}" in tip.inner_text()
    tab.mouse.move(0, 0)
    assert tip.is_hidden()
    point.focus()
    assert tip.is_visible()
    assert "ticket, level 1" in point.get_attribute("aria-label")


def test_tables_are_sorted_by_their_headings(opened, finished):
    tab = opened(finished)
    first = tab.locator("#tables table").first
    heading = first.get_by_role("button", name="test accuracy at the end, %")

    def shown():
        cells = first.locator("tbody tr td:nth-child(4)").all_inner_texts()
        return [float(cell.split(" ")[0]) for cell in cells]

    heading.click()
    assert shown() == sorted(shown())
    heading.press("Enter")
    assert shown() == sorted(shown(), reverse=True)
    assert heading.locator("..").get_attribute("aria-sort") == "descending"


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_can_be_read_in_light_and_dark(scheme, opened, finished):
    """Contrast of text to its ground of at least 4.5 to 1, as WCAG asks for."""
    tab = opened(finished, color_scheme=scheme)
    ratios = tab.evaluate(
        """() => {
          const light = (text) => {
            const [r, g, b] = text.match(/[\\d.]+/g).map((value) => value / 255)
              .map((value) => (value <= 0.03928 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4));
            return 0.2126 * r + 0.7152 * g + 0.0722 * b;
          };
          const ground = light(getComputedStyle(document.body).backgroundColor);
          return ["body", ".soft", ".yes", ".no", ".undecided", "th button"].flatMap((name) =>
            [...document.querySelectorAll(name)].slice(0, 3).map((node) => {
              const ink = light(getComputedStyle(node).color);
              return (Math.max(ink, ground) + 0.05) / (Math.min(ink, ground) + 0.05);
            }));
        }"""
    )
    assert len(ratios) > 5
    assert min(ratios) >= 4.5


def test_it_fits_a_phone(opened, runs):
    tab = opened(*runs, viewport={"width": 360, "height": 740})
    assert tab.evaluate("document.documentElement.scrollWidth") <= 360


def test_several_studies_are_drawn_by_their_tickets_each_in_its_own_colour(opened, runs):
    tab = opened(*runs)
    lines = tab.locator("#density svg path.line")
    assert lines.count() == 2
    assert lines.nth(0).get_attribute("style") != lines.nth(1).get_attribute("style")
    tab.get_by_label("reinit").first.check()
    assert lines.count() == 4
    assert "dense network of" in tab.locator("#band").inner_text()
    assert tab.locator("#tables h3").first.inner_text() == "studies by density"


def test_tables_of_many_studies_are_made_when_they_are_opened(opened, finished, tmp_path):
    configs = [tiny(name=f"n{number}", train__batch_size=8 + number) for number in range(3)]
    tab = opened(finished, *(recorded(tmp_path, config, networks((0.9, 0.8), 0)) for config in configs))
    assert tab.locator("#tables table").count() == 1
    tab.get_by_text("n1 (").last.click()
    tab.locator("#tables table").nth(1).wait_for()
    assert tab.locator("#tables table").count() == 2


def test_it_can_be_printed_whole_on_white(opened, finished):
    tab = opened(finished, color_scheme="dark", viewport={"width": 720, "height": 1000})
    tab.emulate_media(media="print")
    assert tab.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    assert tab.evaluate("document.documentElement.scrollWidth") <= 720
    assert tab.locator("#density svg").is_visible()
    assert tab.get_by_text("ticket", exact=True).first.is_visible()  # the legend
    assert tab.locator("#figure-density input").first.is_hidden()
