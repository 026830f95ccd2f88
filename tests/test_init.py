"""Who has nothing but the installed package begins with these commands."""

from pathlib import Path

import pytest

import hatch_build
from lottery import __version__
from lottery.cli.app import COMMANDS
from lottery.config import shipped
from lottery.config.file import load


def test_init_writes_a_config_that_runs(lottery, tmp_path):
    told = lottery("init").err
    assert told == "quickstart.yaml is written; run it: lottery prune quickstart.yaml\n"
    assert (tmp_path / "quickstart.yaml").read_bytes() == (shipped.folder() / "quickstart.yaml").read_bytes()
    done = lottery(*told.split()[-3:][1:], "--dry-run")
    assert done.code == 0
    assert done.out.startswith("quickstart: lenet_300_100")


@pytest.mark.parametrize("name", ["rigl", "methods/rigl", "configs/methods/rigl.yaml"])
def test_a_config_has_a_short_name(lottery, tmp_path, name):
    assert lottery("init", name).err == "rigl.yaml is written; run it: lottery train rigl.yaml\n"
    assert load(tmp_path / "rigl.yaml").name == "methods_rigl"


def test_init_leaves_what_is_there(lottery, tmp_path):
    (tmp_path / "quickstart.yaml").write_text("mine")
    done = lottery("init")
    assert (done.code, done.out) == (2, "")
    assert done.err.startswith("error: quickstart.yaml is there already")
    assert len(done.err.splitlines()) == 1
    assert (tmp_path / "quickstart.yaml").read_text() == "mine"


def test_a_name_that_is_none_gets_the_nearest(lottery, tmp_path):
    done = lottery("init", "quikstart")
    assert done.code == 2
    assert done.err == (
        "error: no config is called 'quikstart' (did you mean 'quickstart'?); `lottery configs` lists them\n"
    )
    assert not list(tmp_path.iterdir())


def test_configs_are_listed_by_name_and_title(lottery):
    lines = lottery("configs").out.splitlines()
    assert " ".join(lines[0].split()) == "quickstart Winning tickets on small digits, in a minute"
    names = [line.split()[0] for line in lines]
    assert names == [*shipped.configs()]
    assert sorted(names[1:], key=lambda name: ("/" in name, name)) == names[1:], "those in folders last"
    assert max(map(len, lines)) <= 80


def test_every_config_begins_with_a_sentence_and_is_valid():
    names = shipped.configs()
    assert len({name.rpartition("/")[2] for name in names}) == len(names) >= 28
    for name, path in names.items():
        first = path.read_text().partition("\n")[0]
        assert first.startswith("# "), name
        assert first.endswith("."), name
        config = load(path)
        assert (shipped.command(path) == "train") == (config.sparse is not None or "dense" in name), name


def test_where_there_are_no_runs_the_hint_needs_no_checkout(lottery, tmp_path):
    hint = lottery("runs").err.partition("begin with: ")[2]
    (tmp_path / "runs").mkdir()
    assert lottery("runs").err.endswith(hint)
    assert lottery("report", "latest").err.endswith(hint)
    for command in hint.split(" && "):
        assert lottery(*command.split()[1:], *["--dry-run"] * ("prune" in command)).code == 0


@pytest.mark.parametrize("command", ["train", "prune"])
def test_where_a_config_is_not_there_init_is_named(lottery, command):
    done = lottery(command, "rigl.yaml")
    assert done.code == 2
    assert done.err == "error: rigl.yaml is not there; `lottery init rigl` writes it\n"
    assert "(`lottery init rigl` writes a config of that name)" in lottery("prune", "rigl").err
    assert lottery(command, "mine.yaml").err.endswith("; `lottery configs` lists some to begin with\n")


def test_the_version_is_printed_and_its_changes_are_told(lottery):
    assert lottery("--version").out == f"lottery {__version__}\n"
    assert f"\n## {__version__} - " in (Path(__file__).parents[1] / "CHANGELOG.md").read_text()


def test_help_lists_every_command_with_a_whole_sentence(lottery, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    _, *sections = lottery("--help").out.split("\n\n")[2:]
    assert [section.partition(":")[0] for section in sections] == [*COMMANDS]
    for section, commands in zip(sections, COMMANDS.values(), strict=True):
        lines = section.strip().splitlines()[1:]
        assert [line.split()[0] for line in lines] == [*commands]
        assert all(line.endswith(".") and not line.endswith("...") for line in lines)


MARKDOWN = """# lottery

[Results](docs/results.md#verdicts), [above](#a), [a paper](https://example.org).

![a figure](docs/a.png)

The end.
"""


def test_where_the_description_stands_its_links_are_absolute():
    text = hatch_build.absolute(MARKDOWN, "https://example.org/us/lottery")
    assert "![a figure](https://example.org/us/lottery/raw/HEAD/docs/a.png)" in text
    assert "[Results](https://example.org/us/lottery/blob/HEAD/docs/results.md#verdicts)" in text
    assert "[above](#a), [a paper](https://example.org)." in text


def test_of_no_known_address_the_description_has_no_pictures():
    text = hatch_build.absolute(MARKDOWN, "")
    assert text == MARKDOWN.replace("![a figure](docs/a.png)\n\n", "")


def test_on_a_full_disk_there_is_no_part_of_a_config(lottery, tmp_path):
    resource = pytest.importorskip("resource")
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100, before[1]))
    try:
        result = lottery("init")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert result.code == 1
    assert "quickstart.yaml: can't be written: no space left" in result.err
    assert result.err.endswith("Make room, then call `lottery init` again.\n")
    assert not list(tmp_path.iterdir())
    assert lottery("init").code == 0


def test_a_width_that_no_terminal_has_is_none(lottery, monkeypatch):
    monkeypatch.delenv("COLUMNS", raising=False)
    usual = lottery("methods")
    assert len(usual.out.splitlines()) > 10
    for told in ("0", "99999999999", "9" * 5000, "-3", "x", ""):
        monkeypatch.setenv("COLUMNS", told)
        assert lottery("methods") == usual
    for told in ("1", "19"):
        monkeypatch.setenv("COLUMNS", told)
        assert len(lottery("methods").out.splitlines()) > len(usual.out.splitlines())
