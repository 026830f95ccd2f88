"""What a report shows of probes and analyses: what they say of their lines, drawn; a note where they can't."""

from __future__ import annotations

import io
import json
from types import SimpleNamespace

import numpy as np
import pytest
from conftest import networks, recorded, tiny
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from PIL import Image
from rich.console import Console
from scipy import stats

from lottery import registry
from lottery.exhibits import Chart, Curve, Exhibit, Map, Matrix, Spot, Table
from lottery.reporting import canvas, html
from lottery.reporting.asides import asides
from lottery.reporting.exhibit_figures import draw_chart, draw_exhibits
from lottery.reporting.exhibit_tables import exhibit_tables, told
from lottery.reporting.exhibits import shown_of
from lottery.reporting.explained import Shown
from lottery.reporting.html import page
from lottery.reporting.page_exhibits import charts, sections
from lottery.reporting.points import ends, stretches
from lottery.statistics import estimate
from lottery.store import files, places

THREE = [1.0, 2.0, 6.0]


def found(values: dict, **of: object) -> dict:
    """A line of an analysis."""
    return {"options": {}, "of": of, "values": values, "seconds": 0.1}


def probing(values: dict, replicate: int = 0, step: int = 0, probe: str = "dust") -> dict:
    """A line of a probe."""
    return {
        "replicate": replicate, "level": 0, "arm": "dense", "order": 0, "step": step, "probe": probe, "when": "step",
        "images": 8, "values": values, "seconds": 0.1,
    }  # fmt: skip


def chart(*curves: Curve, **changes: object) -> Chart:
    return Chart("heights", "How high", "step", "height", curves, **changes)


@pytest.fixture
def run(tmp_path):
    """A run of three replicates, with lines of the analysis `dunes`."""
    run = recorded(tmp_path, tiny(), networks((0.9, 0.91, 0.92), 0))
    (run.path / places.ANALYSIS).mkdir()
    files.append_lines(
        run.path / places.analysis("dunes"), (found({"height": value}, replicate=i) for i, value in enumerate(THREE))
    )
    return run


@pytest.fixture
def explained(monkeypatch):
    """Have the entries of all folders say of their lines what a function says."""

    find = registry.find

    def explain(shown) -> None:
        own = SimpleNamespace(constants={"SHOWN": shown})
        monkeypatch.setattr(
            registry, "find", lambda kind, name: own if kind in ("probes", "analyses") else find(kind, name)
        )

    return explain


def height(lines) -> Exhibit:
    values = [line["values"]["height"] for line in lines]
    curve = Curve("dunes", [1, 2], [values, [2 * value for value in values]])
    return Exhibit("How high are dunes?", [f"Up to {max(values)}."], [chart(curve)], Table(["h"], [["6"]]), "A height.")


def test_what_an_analysis_says_is_told_and_drawn(run, explained):
    explained(height)
    (shown,) = shown_of(run)
    assert shown.exhibit.answers == ["Up to 6.0."]
    console = Console(width=80, file=io.StringIO())
    console.print(exhibit_tables(run))
    said = console.file.getvalue()
    assert "How high are dunes?\n  Up to 6.0.\n" in said
    assert "┃" not in said
    assert "--html" in said
    console.print(told(shown, table=True))
    assert "┃" in console.file.getvalue()
    assert "A height." in console.file.getvalue()
    drawn = [path for path in draw_exhibits(run, everything=True) if path.stem == "dunes-heights"]
    assert [path.suffix for path in drawn] == [".png", ".svg"]
    with Image.open(drawn[0]) as image:
        assert min(image.size) > 500


def test_columns_that_go_on_below_stand_beside_what_tells_rows_apart():
    rows = [["a", "b", str(level), "0.123456789 ± 0.123456789"] + ["0.123456789 ± 0.123456789"] * 3 for level in (1, 2)]
    console = Console(width=60, file=io.StringIO())
    table = Table(["first", "second", "level", *"xyzw"], rows)
    console.print(told(Shown("t", Exhibit("t", ["a"], (), table)), table=True))
    said = console.file.getvalue()
    assert (
        said.count("│ a     │ b      │     1 │") == said.count("│ a     │ b      │     2 │") == said.count("level") > 1
    )


def test_without_findings_a_report_is_as_it_was(tmp_path):
    run = recorded(tmp_path, tiny(), networks((0.9,), 0))
    console = Console(file=io.StringIO())
    console.print(exhibit_tables(run))
    assert console.file.getvalue() == ""
    assert shown_of(run) == []
    assert "95 % t-intervals over replicates, where" not in page([run])


@pytest.fixture
def axes(monkeypatch):
    """Draw a chart and return its axes."""
    kept = []
    monkeypatch.setattr(Figure, "savefig", lambda figure, path: kept.append(figure))

    def drawn(one):
        draw_chart(one, ["nowhere.png"])
        return kept[-1].axes[0]

    return drawn


def test_bands_are_students_intervals_over_replicates(axes):
    own = axes(
        chart(Curve("dunes", [0, 10], [THREE, [2.0, 4.0, 12.0]]), across={"too high": 5.0}, marks=[3, 4], mark="wind")
    )
    low, high = stats.t.interval(0.95, 2, loc=3, scale=stats.sem(THREE))
    (band,) = own.collections
    corners = band.get_paths()[0].vertices
    at_start, at_end = (corners[corners[:, 0] == x][:, 1] for x in (0, 10))
    assert (at_start.min(), at_start.max()) == (pytest.approx(low), pytest.approx(high))
    assert (at_end.min(), at_end.max()) == (pytest.approx(2 * low), pytest.approx(2 * high))
    line = next(line for line in own.lines if line.get_label() == "dunes")
    assert line.get_ydata() == pytest.approx([3, 6])
    across = next(line for line in own.lines if line.get_label() == "too high")
    assert list(across.get_ydata()) == [5, 5]
    assert [line.get_label() for line in own.lines].count("wind") == 1
    assert [line.get_xdata()[0] for line in own.lines if list(line.get_ydata()) == [0, 1]] == [3, 4]


def test_intervals_need_three_replicates_and_logarithms_positive_numbers():
    linear, logarithm = chart(), chart(scales=("log", "log"))
    assert ends(estimate([1.0, 2.0]), linear) is None
    assert ends(estimate(THREE), logarithm) == (1.0, estimate(THREE).high)
    assert ends(estimate(THREE), chart(limits=(0, 7))) == (0, 7)
    curve = Curve("dunes", [0, 1, 2, 3, 4], [[1], [0], [], [4], [None]])
    assert [[x for x, _ in stretch] for stretch in stretches(curve, linear)] == [[0, 1], [3]]
    assert [[x for x, _ in stretch] for stretch in stretches(curve, logarithm)] == [[3]]


def test_curves_are_drawn_in_order_of_x_and_thinned_with_both_ends():
    curve = Curve("dunes", list(reversed(range(1000))), [[x] for x in reversed(range(1000))])
    (points,) = stretches(curve, chart(), 200)
    kept = [x for x, _ in points]
    assert kept == sorted(kept)
    assert (kept[0], kept[-1], len(kept)) == (0, 999, 201)
    assert len(stretches(curve, chart())[0]) == 1000


def test_places_beyond_the_palette_have_their_colours_with_another_dash(axes):
    own = axes(chart(*(Curve(f"{place}", [0, 1], [[1], [1]], place=place) for place in (1, 7))))
    one, other = (next(line for line in own.lines if line.get_label() == label) for label in "17")
    assert to_rgb(one.get_color()) == to_rgb(other.get_color()) == to_rgb(canvas.PALETTE[1])
    assert one.get_linestyle() != other.get_linestyle()


def test_marked_curves_stand_beside_one_another(axes):
    own = axes(chart(*(Curve(label, [0, 100], [THREE, THREE], points=True) for label in "ab")))
    one, other = (next(line for line in own.lines if line.get_label() == label) for label in "ab")
    assert other.get_xdata() - one.get_xdata() == pytest.approx([0.6, 0.6])
    assert one.get_ydata() == pytest.approx(other.get_ydata())
    assert asides(chart(Curve("a", [1, 100], [[1], [1]], points=True), sparser_right=True)) == [1]


def test_a_map_has_equal_axes_and_arrows_from_start_to_end(axes):
    spots = [Spot("start", (0.0, 1.0), hollow=True, towards=(3.0, 4.0)), Spot("end", (3.0, 4.0))]
    own = axes(Map("walk", "Where to", "distance", spots))
    (arrow,) = own.texts
    assert arrow.xy == (3, 4)
    assert arrow.xyann == (0, 1)
    assert own.get_aspect() == 1
    assert own.lines[-1].get_markerfacecolor() != "white"


def test_a_matrix_writes_its_numbers(axes):
    own = axes(Matrix("pairs", "Pairs", "share", ["a", "b"], ["a", "b"], [[None, 0.25], [0.5, None]]))
    assert {(text.get_position(), text.get_text()) for text in own.texts} == {((1, 0), "0.25"), ((0, 1), "0.5")}
    assert np.isnan(own.images[0].get_array().filled(np.nan)[0, 0])


def test_what_nothing_explains_is_shown_as_means(run):
    files.append_lines(
        run.path / places.PROBES,
        (probing({"grains": {"a": 3 * step + i}}, i, step) for step in (0, 10) for i in range(3)),
    )
    probe, analysis = shown_of(run)
    assert (probe.file, analysis.file) == ("probe-dust", "dunes")
    half = stats.t.ppf(0.975, 2) * stats.sem([30, 31, 32])
    assert probe.exhibit.table.rows == [["0", "dense", "0", "10", "step", f"31 ± {half:.2g}"]]
    assert analysis.exhibit.table.headings == ["height"]
    assert analysis.exhibit.table.rows == [[f"3 ± {stats.t.ppf(0.975, 2) * stats.sem(THREE):.2g}"]]


def test_what_other_options_found_is_an_exhibit_of_its_own(run, explained):
    explained(height)
    files.append_lines(run.path / places.analysis("dunes"), [found({"height": 9.0}) | {"options": {"levels": [1]}}])
    first, second = shown_of(run)
    assert [one.exhibit.answers for one in (first, second)] == [["Up to 6.0."], ["Up to 9.0."]]
    assert second.exhibit.title == "How high are dunes? (levels [1])"
    assert first.file != second.file


def test_a_chart_with_nothing_to_draw_is_left_out(run, explained):
    empty = [chart(Curve("c", [1], [[None]])), Map("m", "t", "u", []), Matrix("x", "t", "u", [], [], [])]
    explained(lambda lines: Exhibit("t", ["a"], empty))
    assert shown_of(run)[0].exhibit.charts == []


def boom(lines):
    raise KeyError("a\nb\x1b[2J")


@pytest.mark.parametrize(
    "shown",
    [
        boom,
        lambda lines: "a text",
        lambda lines: Exhibit("t", ["a"], [chart(Curve("c", [1, 2], [[1]]))]),
        lambda lines: Exhibit("t", ["a"], [chart(Curve("c", ["x"], [[1]]))]),
        lambda lines: Exhibit("t", ["a"], [chart(Curve("c", [1], [[1e200]]))]),
        lambda lines: Exhibit("t", ["a"], [chart(Curve("c", [1], [[float("nan")]]))]),
        lambda lines: Exhibit("t", ["a"], [chart(Curve("c", [1], [["nan"]]))]),
        lambda lines: Exhibit("t", ["a"], [chart(Curve("c", [1], [["1e308"]]))]),
        lambda lines: Exhibit("t", ["a"], [chart(Curve("c", ["-inf"], [[1]]))]),
        lambda lines: Exhibit("t", ["a"], (), Table(["h"] * 400, [["1"] * 400] * 100)),
        lambda lines: Exhibit("t", ["a"], [chart(), chart()]),
        lambda lines: Exhibit("t", ["a"], [chart(scales=("linear", "polar"))]),
        lambda lines: Exhibit("t", ["a"], (), Table(["h"], [["1", "2"]])),
        lambda lines: Exhibit("t", ["a"], [Map("m", "t", "u", [Spot("s", (1.0, None))])]),
        lambda lines: Exhibit("t", ["a"], [Matrix("m", "t", "u", ["a"], ["a"], [])]),
        lambda lines: height(lines)(),
    ],
)
def test_what_cannot_be_shown_is_a_note(shown, run, explained):
    explained(shown)
    (one,) = shown_of(run)
    assert one.exhibit is None
    assert one.note.startswith("dunes: not shown")
    assert one.note.isprintable()


def test_the_note_is_in_every_report(run, explained):
    explained(boom)
    console = Console(width=200, file=io.StringIO())
    console.print(exhibit_tables(run))
    assert "not shown" in console.file.getvalue()
    assert "dunes: not shown" in page([run])
    assert not any("dunes" in path.name for path in draw_exhibits(run))


def test_damaged_findings_are_named_and_leave_the_rest(run, explained):
    explained(height)
    (run.path / places.PROBES).write_text("{}\n")
    probes, dunes = shown_of(run)
    assert "probes.jsonl" in probes.note
    assert dunes.exhibit is not None
    path = run.path / places.analysis("dunes")
    path.write_text(path.read_text().replace("6.0", "7.0"))
    assert [one.exhibit for one in shown_of(run)] == [None, None]


def test_a_page_without_strict_json_is_not_written(run, monkeypatch):
    monkeypatch.setattr(html, "charts", lambda exhibited: [float("nan")])
    with pytest.raises(ValueError, match="JSON"):
        page([run])


def test_lines_of_many_keys_and_rows_are_cut(run):
    many = found({"height": 1.0} | {f"h{key}": key for key in range(2000)}, **{f"k{key}": key for key in range(2000)})
    files.append_lines(
        run.path / places.analysis("dunes"), [many, *(found({"height": 1.0}, level=i) for i in range(2000))]
    )
    table = shown_of(run)[0].exhibit.table
    assert table.headings == [*(f"k{key}" for key in range(12)), "height", *(f"h{key}" for key in range(11))]
    assert len(table.rows) == 1000


def test_what_many_options_found_is_shown_of_the_last(run, explained):
    explained(height)
    files.append_lines(
        run.path / places.analysis("dunes"), (found({"height": 9.0}) | {"options": {"of": i}} for i in range(1, 20))
    )
    *eight, note = shown_of(run)
    assert [one.exhibit.title[-6:] for one in eight] == [f"(of {i})"[-6:] for i in range(12, 20)]
    assert note.note == "dunes: what was found of 12 more options is in the run's files, and not shown"


def test_arms_beyond_any_run_are_a_note(run, explained):
    explained(height)
    files.append_lines(run.path / places.analysis("dunes"), (found({"height": 1.0}, arm=f"arm{i}") for i in range(200)))
    assert "201 arms" in shown_of(run)[0].note


def test_curves_of_many_gaps_and_points_are_few_lines(axes):
    gaps = Curve("dunes", range(9000), [[x / 9000] if x % 2 else [] for x in range(9000)], points=True)
    assert len(stretches(gaps, chart(), 200)) == 1
    few = Curve("dunes", range(60), [[1.0] if x % 2 else [] for x in range(60)])
    assert len(stretches(few, chart(), 200)) == 30
    assert len(axes(chart(gaps)).lines) == 2
    tiny_and_huge = chart(
        Curve("a", [5e-324, 1e100], [THREE] * 2, points=True), *gaps_beside(63), scales=("log", "log")
    )
    assert all(0 < aside < 1e100 for aside in asides(tiny_and_huge))


def gaps_beside(number):
    return [Curve("b", [1], [[1]], points=True)] * number


def test_what_is_all_but_zero_is_drawn_as_zero(run, explained):
    explained(lambda lines: Exhibit("t", ["a"], [chart(Curve("c", [1, 2], [[5e-324], [1e-90]]))]))
    assert shown_of(run)[0].exhibit.charts[0].curves[0].y == [[0.0], [1e-90]]


HOSTILE = "</script><img src=x onerror=alert(1)>\x1b[2J$\\frac$"


def test_hostile_texts_are_shown_and_do_nothing(run, explained):
    curve = Curve(HOSTILE, [1], [[1.0]])
    own = Chart("../../etc/x", HOSTILE, HOSTILE, HOSTILE, [curve], across={HOSTILE: 1.0})
    explained(lambda lines: Exhibit(HOSTILE, [HOSTILE * 100], [own], Table([HOSTILE], [[HOSTILE]]), HOSTILE))
    text = page([run])
    assert "<img" not in text
    assert "\x1b" not in text
    (drawn,) = (path for path in draw_exhibits(run) if "etc" in path.name)
    assert drawn.parent == run.path / "report"
    assert drawn.name == "dunes-------etc-x.png"
    assert max(len(answer) for answer in shown_of(run)[0].exhibit.answers) <= 600


def test_the_page_stays_small_whatever_is_found(run, explained):
    long = Curve("dunes", range(20_000), [[1 / 3 + x] for x in range(20_000)])
    table = Table(["a"], [["1"]] * 20_000)
    explained(lambda lines: Exhibit("t", ["a"], [chart(long)], table))
    exhibited = [(run, shown_of(run))]
    assert len(sections(exhibited, "")) + len(json.dumps(charts(exhibited))) < 60_000


def test_charts_on_the_page_have_the_numbers_of_their_curves(run, explained):
    explained(height)
    data = json.loads(page([run]).partition("<script id=data type=application/json>")[2].partition("</script>")[0])
    (one,) = data["charts"]
    (points,) = one["curves"][0]["stretches"]
    half = stats.t.ppf(0.975, 2) * stats.sem(THREE)
    assert points[0] == [1, 3, *(pytest.approx(value, rel=1e-4) for value in (half, 3 - half, 3 + half))]
