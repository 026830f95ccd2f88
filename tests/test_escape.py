"""Text from strangers: escaped for each medium, and nowhere shown as it is."""

from __future__ import annotations

import csv
import io
import json
import re
import shlex
import xml.etree.ElementTree as ElementTree

import matplotlib as mpl
import pytest
from conftest import networks, recorded, tiny
from matplotlib.cbook import is_math_text

from lottery import escape, plugins
from lottery.config.file import load, parse
from lottery.data._download import Missing
from lottery.display.onlooker import Onlooker
from lottery.errors import LotteryError
from lottery.networks.key import Key
from lottery.reporting.html import page
from lottery.reporting.jackpot import jackpot_lines, jackpots, missing_of
from lottery.reporting.verdicts import missing_controls, unjudged
from lottery.store.run import Run
from lottery.store.tensor_files import read_tensors_about, write_tensors
from lottery.studies import same_code
from lottery.studies.prune import extended

UNSEEN = {
    "\x1b[2J": r"\x1b[2J",
    "\x1b]0;title\x07": r"\x1b]0;title\x07",
    "\x9b31m": r"\x9b31m",
    "a\u202eb": r"a\u202eb",
    "a\u200bb\u2066c\ufeff": r"a\u200bb\u2066c\ufeff",
    "a\rb\tc\x00": r"a\rb\tc\x00",
    "\udcff": r"\udcff",
    "\u2028": r"\u2028",
}


@pytest.mark.parametrize(("text", "shown"), UNSEEN.items())
def test_what_a_terminal_would_obey_is_written_as_its_escape(text, shown):
    assert escape.visible(text) == escape.terminal(text) == shown


def test_what_can_be_seen_stays():
    for text in ("plain", "é 日本 ±", "a\\b", "", "2026-11-20_14-05-33_lenet-mnist"):
        assert escape.visible(text) == escape.terminal(text) == text
    assert escape.visible("a\nb") == r"a\nb"
    assert escape.terminal("a\nb\x1b") == "a\nb\\x1b"


@pytest.mark.parametrize("text", ["=1+1", "+1+1", "-1+1", "@SUM(A1)", "\t=1+1", "\r=1", " =1", "＝1+1", "-a"])
def test_a_formula_is_a_text_in_csv(text):
    shown = escape.csv(text)
    assert shown[0] in "'\\"
    assert escape.visible(text) in shown


@pytest.mark.parametrize("value", [-0.5, 3, None, "-0.5", "+1e-3", "a=b", "name", ""])
def test_numbers_and_names_stay_in_csv(value):
    assert escape.csv(value) is value


def test_latex_by_hand():
    assert escape.latex(r"a_b^c~d%e&f#g$h{i}j\k") == (
        r"a\_b\textasciicircum{}c\textasciitilde{}d\%e\&f\#g\$h\{i\}j\textbackslash{}k"
    )
    assert escape.latex("<x>|±[1]*") == r"\textless{}x\textgreater{}\textbar{}$\pm${[}1{]}{*}"
    assert escape.latex("\x1b") == r"\textbackslash{}x1b"


def test_markdown_by_hand():
    assert escape.markdown("<img src=x>|`a` *b* _c_ [d](e) &amp;") == (
        r"&lt;img src=x&gt;\|\`a\` \*b\* \_c\_ \[d\](e) &amp;amp;"
    )
    assert escape.markdown("a\nb") == r"a\\nb"


def test_html_by_hand():
    assert escape.html("<b a='x'>\u202e") == r"&lt;b a=&#x27;x&#x27;&gt;\u202e"


def test_a_figure_has_no_formulas_of_strangers():
    assert is_math_text("$x^$")
    assert not is_math_text(escape.figure("$x^$"))


# Everywhere

NAME = '=HYPERLINK("http://x")<img src=x>|$x^$~[a](b)_%\u202e\u200b'
"""Without control characters, such as a record may hold."""


@pytest.fixture
def hostile(tmp_path):
    """Two runs of one study each, whose names, records and configs are a stranger's."""
    found = []
    for number, name in enumerate(("one", "two")):
        lines = networks([0.9, 0.92], 0, density=1.0) + networks([0.9, 0.92], 1)
        run = recorded(
            tmp_path / "runs", tiny(name="same", data={"name": "mnist", "root": f"{name}\x1b]0;x\x07\u202e"}), lines
        )
        run.update(id=f"{number}{NAME}" if number else NAME, device=NAME)
        found.append(Run(run.path.rename(run.path.with_name(f"{name}\u202e\u200b"))))
    return found


def unseen(text):
    return {one for line in text.split("\n") for one in line if not one.isprintable()}


@pytest.mark.parametrize("options", [[], ["--verdicts"], ["--markdown"], ["--latex"], ["--csv"], ["--json"]])
def test_no_report_shows_what_is_not_to_be_seen(options, hostile, lottery):
    result = lottery("report", *(run.path.name for run in hostile), *options)
    assert result.code == 0, result.err
    assert not unseen(result.out)
    assert not unseen(result.err)
    assert NAME not in result.out


def test_no_list_of_runs_does(hostile, lottery):
    (hostile[1].path / "run.json").write_text("{\x1b")
    result = lottery("runs")
    assert not unseen(result.out + result.err)
    assert r"one\u202e\u200b " in result.out
    assert "damaged" in result.out


def test_the_formats_hold_a_hostile_name_as_text(hostile, lottery):
    names = [run.path.name for run in hostile]
    rows = list(csv.DictReader(io.StringIO(lottery("report", *names, "--csv").out)))
    assert rows[0]["run"] == "'" + escape.visible(NAME)
    assert float(rows[0]["test_accuracy_mean"]) == pytest.approx(0.91)
    markdown = lottery("report", *names, "--markdown").out
    assert "<" not in markdown
    lines = markdown.splitlines()
    assert {len(re.findall(r"(?<!\\)\|", line)) for line in lines} == {len(re.findall(r"\|", lines[0]))}
    latex = lottery("report", *names, "--latex").out
    assert not re.search(r"(?<!\\)[%#_](?!\{)|[~<>|\u202e]", latex.replace(r"\_", ""))
    assert json.loads(lottery("report", *names, "--json").out)[0]["run"] == NAME


def test_figures_of_hostile_names_are_drawn(hostile, lottery):
    with mpl.rc_context({"svg.fonttype": "none"}):
        result = lottery("report", *(run.path.name for run in hostile))
    assert result.code == 0, result.err
    texts = "".join(ElementTree.parse(hostile[0].path / "report" / "comparison.svg").getroot().itertext())
    assert "$x^$" in texts
    assert "\u202e" not in texts


def test_the_page_holds_hostile_names_as_text(hostile):
    runs = [Run(run.path) for run in hostile]
    text = page(runs)
    assert not unseen(text)
    assert "<img" not in text
    assert r"root: &quot;one\e]0;x\a\u202E&quot;" in text
    data = json.loads(text.partition("<script id=data type=application/json>")[2].partition("</script>")[0])
    assert {study["title"] for study in data["studies"]} == {escape.visible(f"{n}{NAME}") for n in ("", "1")}


def test_commands_to_copy_hold_any_path_as_one_word(tmp_path, nothing_brought):
    def words(text):
        return shlex.split(text[re.search("lottery [rpt]|add --plugin|--set ", text).start() :])

    folder = tmp_path / "it's $(touch x), y"
    folder.mkdir()
    lines = networks([0.9, 0.91], 0, density=1.0) + networks([0.95, 0.955], 1, density=0.2)
    settings = {"pruning__iterations": 1, "pruning__arms": [], "train__optimizer": {"name": "sgd", "lr": 0.1}}
    run = recorded(folder, tiny(**settings), lines)
    path, config = str(run.path), str(run.path / "config.yaml")
    assert words(missing_controls(run, lines))[2] == config
    assert [words(text)[2] for text in missing_of(jackpots([run]))] == [config] * 3
    assert words(jackpot_lines([run])[0])[2] == config
    run.update(status="interrupted")
    with pytest.raises(LotteryError) as caught:
        extended(run, 1)
    assert words(str(caught.value))[2:] == [path]
    about = {"id": "x", "plugins": [{"path": path, "sha256": "", "entries": ["scores.nowhere"]}]}
    with pytest.raises(LotteryError) as caught:
        same_code.require(about)
    assert words(str(caught.value))[2:] == [path]
    (file := folder / "mine.py").touch()
    plugins.load_file(file)
    run.update(plugins=[{"path": str(file), "sha256": "", "entries": ["scores.x"]}])
    assert words(Onlooker().go_on(run))[2:] == [path, "--plugin", str(file)]
    with pytest.raises(LotteryError) as caught:
        Missing("mnist", folder, folder, (), (), None).check(anywhere=False)
    retrained = {"level": 1, "to": 0, "weights": "rewind", "mask": "keep"}
    run.update(study="rewind", parent=path, parent_id="x", rewind=retrained)
    assert words(unjudged(run, lines[2:]))[2:] == [path, path]
    assert words(str(caught.value).rpartition("\n")[2].partition("have it")[2])[1] == f"data.root={folder}."


def test_messages_show_no_escapes(lottery, tmp_path):
    (tmp_path / "x\u202e\u200b").mkdir()
    result = lottery("report", "x\u202e\u200b")
    assert result.code == 2
    assert not unseen(result.err)


def test_a_config_prints_no_escapes_and_stays_what_it_is(lottery, config_file):
    result = lottery("config", config_file, "--set", 'data={name: mnist, root: "a\\e]0;x\\u202eé"}')
    assert not unseen(result.out)
    config = parse(result.out, "again", "again")
    assert config.data.options["root"] == "a\x1b]0;x\u202eé"
    assert "é" in lottery("config", config_file, "--set", "data={name: mnist, root: é}").out


def test_keys_of_a_config_are_named_without_escapes(config_file):
    for override in (
        'train={"b\\e[2Jatch\\n": 3}',
        'pruning.fractions={"\\u202e": 7}',
        'name="\\e"',
        'pruning.score="\\e"',
    ):
        with pytest.raises(LotteryError) as caught:
            load(config_file, [override])
        assert not unseen(str(caught.value))
        assert len(str(caught.value).splitlines()) == 1


def test_names_of_tensors_are_shown_without_escapes(hostile):
    (path,) = hostile[0].path.glob("replicate-0/level-00/dense/weights.safetensors")
    tensors, about = read_tensors_about(path)
    write_tensors(path, tensors | {"\x1b[2J\n": tensors["w"].clone()}, about)
    with pytest.raises(LotteryError, match=r"\\x1b\[2J\\n is another or missing") as caught:
        hostile[0].read_weights(Key(0, 0, "dense"), tensors)
    assert "\x1b" not in str(caught.value)
