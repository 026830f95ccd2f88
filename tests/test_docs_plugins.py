"""What docs/plugins.md shows works as it is written there."""

import inspect
import re
from pathlib import Path

import numpy as np
import pytest

from lottery import registry
from lottery.contracts.contract import checks
from lottery.explaining.piece import Piece
from lottery.explaining.trained import Trained
from lottery.latent import Layer, Rule
from lottery.networks.key import Key
from lottery.networks.network import Network
from lottery.networks.subject import Subject
from lottery.penalties import Past
from lottery.store.run import Run
from lottery.tasks import Metric, Task
from lottery.topology import Moment
from lottery.trackers import Measurement, Tracker

pytestmark = pytest.mark.usefixtures("nothing_brought")
ROOT = Path(__file__).parent.parent
TEXT = (ROOT / "docs" / "plugins.md").read_text()
README = (ROOT / "README.md").read_text()


def blocks(language):
    """The code blocks of a language, as they stand there."""
    return re.findall(rf"(?ms)^```{language}\n(.*?)^```$", TEXT)


@pytest.fixture
def folder(tmp_path):
    """A folder with the file, the study and the images that the page speaks of."""
    (tmp_path / "mine.py").write_text("\n\n".join(blocks("python")))
    (tmp_path / "study.yaml").write_text("".join(blocks("yaml")))
    drawn, labels = np.random.default_rng(0), np.arange(300) % 3
    images = (drawn.integers(0, 100, (300, 1, 8, 8)) + 70 * (labels == 1)[:, None, None, None]).astype(np.uint8)
    np.savez(
        tmp_path / "images.npz",
        train_images=images[:240], train_labels=labels[:240], test_images=images[240:], test_labels=labels[240:],
    )  # fmt: skip
    return tmp_path


@pytest.mark.usefixtures("folder")
def test_the_file_passes_all_checks(lottery):
    command, shown = re.search(r"(?s)```sh\n(lottery check mine\.py --set [^\n]*)\n```\n\n```\n(.*?)```", TEXT).groups()
    said = lottery(*command.split()[1:])
    assert (said.code, said.err) == (0, "")
    assert re.findall(r"(?m)^\w+\.\w+", said.out) == [
        "data.npz", "models.vit", "models.vit_deep", "scores.damped_snip", "arms.permuted",
    ]  # fmt: skip
    for kind, name in (("data", "npz"), ("models", "vit")):
        block = re.search(rf"(?ms)^{kind}\.{name}: .*?checks\n", said.out)[0]
        assert " ".join(block.split()) in " ".join(shown.split())
    failed = re.search(r"FAILED  (.*)", shown)[1]
    assert failed in [(inspect.getdoc(check) or "").partition("\n")[0] for check in checks("scores")]


def test_a_study_with_all_of_it(folder, lottery):
    given = ("--plugin", "mine.py", "--set", "device=cpu", "--set", "workers=1")
    said = lottery("prune", "study.yaml", *given)
    assert said.code == 0, said.err
    (path,) = (folder / "runs").iterdir()
    (plugin,) = Run(path).record["plugins"]
    assert plugin["path"] == str(folder / "mine.py")
    assert plugin["entries"] == ["arms.permuted", "data.npz", "models.vit", "scores.damped_snip"]
    assert set(plugin) == set(re.findall(r'"(\w+)": ', blocks("json")[0])) - {"plugins"}
    assert "power" in lottery("methods", "scores", "damped_snip", "--plugin", "mine.py").out


def test_the_table_has_every_kind_with_its_arguments():
    rows = dict(re.findall(r"(?m)^\| `(\w+)` \| `own\((.*?)\)`", TEXT))
    assert list(rows) == list(registry.KINDS)
    for kind, arguments in rows.items():
        function = registry.find(kind, registry.names(kind)[0]).function
        own = [one.name for one in inspect.signature(function).parameters.values() if one.kind is not one.KEYWORD_ONLY]
        assert arguments.partition("*")[0].replace(",", "").split() == own
        said = re.search(rf"(?m)^\| `{kind}` .*?(?:; says (.*))?\|$", TEXT)[1] or ""
        assert {name.lower() for name in registry.CONSTANTS.get(kind, ())} == set(
            re.findall(r"`(\w+)`", re.sub(r"\(.*?\)", "", said))
        )


GIVEN = [Subject, Moment, Past, Network, Trained, Piece, Rule, Layer, Task, Tracker]


@pytest.mark.parametrize("given", GIVEN, ids=lambda given: given.__name__)
def test_what_each_kind_is_given_is_told_whole(given):
    """Every attribute and method, with the arguments that it has; and where to import the class from."""
    place, table = re.search(
        rf"(?m)^\| `{given.__name__}`.*?\| `([\w.]+)` \|\n\| --- \| --- \|\n((?:\|.*\n)+)", TEXT
    ).groups()
    assert given.__module__ == place
    told = " ".join(row.replace(r"\|", "").split(" | ")[0] for row in table.splitlines())
    named = dict(re.findall(r"`(\w+)(?:\((.*?)\))?`", told))
    public = {name for name in {*vars(given), *given.__annotations__} if not name.startswith("_")}
    assert public - {*named} - {*re.findall(r"`(\w+)`", table)} == set()
    assert {*named} - public == set()
    for name, arguments in named.items():
        if not arguments:
            assert not inspect.isfunction(vars(given).get(name)) or name == "trained_from"
            continue
        parameters = [*inspect.signature(vars(given)[name]).parameters][1:]
        assert {one.partition("=")[0].strip("* ") for one in arguments.split(",")} - {""} <= {*parameters}


def test_the_parts_that_tasks_and_trackers_have_are_told():
    for part in (Metric, Measurement):
        assert f"`{part.__name__}({', '.join(part.__annotations__)})`" in TEXT
    assert f"a `Key` is {', '.join(f'`{name}`' for name in Key._fields)}" in TEXT


def test_traits_are_those_that_there_are():
    told = {(kind, trait) for kind, trait in re.findall(r"(?m)^\| `(\w+)` \| `(\w+)` \|", TEXT)}
    kinds = [kind for kind, constants in registry.CONSTANTS.items() if "TRAITS" in constants]
    there = {
        (kind, trait) for kind in kinds for name in registry.names(kind) for trait in registry.find(kind, name).traits
    }
    assert told == there
    for kind, trait in told:
        said = re.search(rf"(?m)^\| `{kind}` \| `own.*`traits` \((.*?)\)", TEXT)[1]
        assert f"`{trait}`" in said


def test_the_score_of_the_readme_passes_too(lottery, tmp_path):
    (code,) = (block for block in re.findall(r"(?ms)^```python\n(.*?)^```$", README) if "register" in block)
    (tmp_path / "mine.py").write_text(code)
    assert lottery("check", "mine.py").code == 0
