"""What documents refer to is there: for whoever reads them in the repository, and on the site."""

import re
from pathlib import Path

import pytest
import yaml

import lottery as package
from lottery import api, errors, reading, registry
from lottery.config.keys import config_keys
from lottery.display.handbook import handbook

ROOT = Path(__file__).parents[1]
MADE = {ROOT / "docs" / "config.md", ROOT / "docs" / "tour.md"}
"""Pages that are made when the site is built."""
DOCS = sorted({*(ROOT / "docs").glob("*.md")} - MADE)


def anchors(text: str) -> set[str]:
    """The names of a document's headings, as they stand in links."""
    headings = re.findall(r"(?m)^#+ (.*)$", text)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("path", [*sorted(ROOT.glob("*.md")), *DOCS], ids=lambda path: path.name)
def test_links_lead_to_what_is_there(path):
    for link in re.findall(r"\]\((?!https?:)([^)\s]*)\)", re.sub(r"(?s)```.*?```", "", path.read_text())):
        name, _, anchor = link.partition("#")
        target = (path.parent / name).resolve() if name else path
        assert target in MADE or target.is_file() or target.is_dir(), link
        assert not anchor or anchor in anchors(target.read_text()), link
        if path in DOCS:
            assert target.is_relative_to(ROOT / "docs"), f"{link} is not on the site"


def test_every_page_is_on_the_site():
    pages = yaml.safe_load((ROOT / "mkdocs.yml").read_text())["nav"]
    listed = {name for page in pages for name in (page.values() if isinstance(page, dict) else [page])}
    assert {path.name for path in {*DOCS, *MADE}} == listed


def test_the_handbook_has_every_key_and_every_name():
    text = handbook()
    for key in config_keys():
        assert re.search(rf"### `{re.escape(key.path)}`\n\n[A-Z][^\n]+\. \*[A-Z].+\.\*\n", text), key.path
    for kind, part in re.findall(r"(?s)\n## Kind: (\w+)\n(.*?)(?=\n## |$)", text):
        assert all(re.search(rf"\b{name}\b", part) for name in registry.names(kind)), kind
    assert set(re.findall(r"\(#([^)]+)\)", text)) <= anchors(text)


def test_the_handbook_says_types_defaults_and_options(lottery):
    text = lottery("config", "--reference").out
    assert "Training images of each step. *A whole number at least 1; by default `128`.*" in text
    assert "*Such as 2000it, 3ep, or one of learning_rate, finetune; by default `0it`.*" in text
    assert "*A list of names of kind [arms](#kind-arms); by default `[]`.*" in text
    assert "weights that the first updates drop. *A number above 0, below 1; by default `0.3`.*\n" in text
    assert "- conv_2, conv_4, conv_6: conv with depth 2, 4, 6\n" in text
    assert text.count("; needed.*") >= 2


def test_all_that_the_package_gives_is_on_its_page():
    """A name by itself, or its module."""
    shown = re.findall(r"(?m)^::: ([\w.]+)$", (ROOT / "docs" / "api.md").read_text())
    assert {api.__name__, reading.__name__, errors.__name__} <= {*shown}
    assert {*package.__all__} <= {one.rpartition(".")[2] for one in shown} | {*vars(api), *vars(reading), *vars(errors)}
