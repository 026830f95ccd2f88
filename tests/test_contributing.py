"""What CONTRIBUTING.md shows works as it is written there, and the tree that it annotates is the package's."""

import importlib
import re
import shutil
import textwrap
from pathlib import Path

import pytest
import torch
from conftest import carry_out, forget_entries, tiny

import lottery
from lottery import arms, open_run, registry
from lottery.contracts.contract import candidate, examine
from lottery.networks.key import Key

TEXT = (Path(__file__).parent.parent / "CONTRIBUTING.md").read_text()
ROOT = Path(lottery.__file__).parent


@pytest.fixture
def written(monkeypatch, tmp_path):
    """A function that adds a file, as it stands in the text below its name, to a registry folder."""

    def write(kind: str, name: str) -> None:
        below = TEXT.partition(f"`lottery/{kind}/{name}.py`:")[2]
        code = textwrap.dedent("   " + below.partition("```python\n   ")[2].partition("   ```")[0])
        folder = tmp_path / kind
        folder.mkdir()
        (folder / f"{name}.py").write_text(code)
        package = importlib.import_module(f"lottery.{kind}")
        monkeypatch.setattr(package, "__path__", [*package.__path__, str(folder)])
        forget_entries()

    yield write
    monkeypatch.undo()
    forget_entries()


def test_the_score_is_one_file(written, tmp_path):
    written("scores", "inverse")
    run = carry_out(tiny(pruning__score="inverse", pruning__iterations=1, pruning__arms=[]), tmp_path / "runs")
    assert run.config.pruning.score.options == {"power": 1.0}
    dense, ticket = Key(0, 0, "dense"), Key(0, 1, "ticket")
    weights, mask = run.read_weights(dense), run.read_mask(ticket)
    kept, pruned = (torch.cat([weights[name][mask[name] == side].abs() for name in mask]) for side in (True, False))
    assert kept.numel() == pruned.numel()
    assert kept.max() <= pruned.min()


def test_the_arm_is_one_file(written, tmp_path, lottery):
    written("arms", "permute")
    run = carry_out(tiny(pruning__iterations=1, pruning__arms=["permute", "reinit"]), tmp_path / "runs")
    ticket, permuted = Key(0, 1, "ticket"), Key(0, 1, "permute")
    for name, kept in run.read_mask(ticket).items():
        assert torch.equal(run.read_mask(permuted)[name], kept)
        assert not torch.equal(run.read_weights(permuted)[name], run.read_weights(ticket)[name])
    assert arms.in_order(["permute", "ticket", "reinit"]) == ["ticket", "reinit", "permute"]
    assert re.search("permute +Keep the ticket's mask and permute its kept weights", lottery("methods", "arms").out)
    table = lottery("report", run.path, "--csv").out
    assert re.findall(r"ticket|reinit|permute", table) == ["ticket", "reinit", "permute"]


def test_the_probe_is_one_file(written, tmp_path, lottery):
    written("probes", "largest")
    config = tiny(pruning__iterations=1, pruning__arms=[], probes=[{"name": "largest", "every": "10it"}])
    run = carry_out(config, tmp_path / "runs")
    for key in (Key(1, 0, "dense"), Key(1, 1, "ticket")):
        own = [line for line in run.probes() if Key.of(line) == key]
        assert [line["step"] for line in own] == [0, 10, 20, 30]
        weights, mask = run.read_weights(key), run.read_mask(key)
        assert own[-1]["values"]["largest"] == max(weights[name].abs().max().item() for name in mask)
    assert "Level 0, dense: largest weight goes from" in lottery("report", run.path).out


def test_the_analysis_is_one_file(written, finished, tmp_path, lottery):
    written("analyses", "small")
    shutil.copytree(finished.path, tmp_path / "runs" / finished.path.name)
    said = lottery("analyze", "latest", "small", "--set", "below=0.05")
    (record,) = (
        line for line in open_run("latest").analysis("small") if line["arm"] == "ticket" and line["level"] == 2
        if line["replicate"] == 0
    )  # fmt: skip
    mask, weights = (read(Key(0, 2, "ticket")) for read in (finished.read_mask, finished.read_weights))
    kept = torch.cat([weights[name][mask[name]] for name in mask])
    assert record["share"] == int((kept.abs() < 0.05).sum()) / kept.numel()
    assert re.search(r"At 25 %: 0\.\d+ ± 0\.\d+ of the weights\.", said.out)
    given = candidate(registry.find("analyses", "small"), {})
    assert [outcome for outcome in examine(given) if outcome.failure] == []
    assert re.search("small +Count the kept weights", lottery("methods", "analyses").out)


def test_the_tree_names_every_file():
    tree = TEXT.partition("\nlottery/\n")[2].partition("```")[0]
    rooms = re.split(r"\n(?=  \w+/)", tree)
    folders = {re.match(r"\s*(\w+)", room)[1]: room for room in rooms[1:]} | {"": rooms[0]}
    for path in ROOT.rglob("*.py"):
        room, stem = ("" if path.parent == ROOT else path.parent.name), path.stem
        if stem == "__init__":
            assert room in folders, f"{path} is in no room of the tree"
        else:
            assert re.search(rf"\b{stem}\b", folders[room]), f"{path} is not in the tree"


def test_the_walk_leads_through_files_that_are_there():
    walk = TEXT.partition("in five files:")[2].partition("## The tree")[0]
    for name in re.findall(r"`(\w+/\w+\.py)`", walk):
        assert (ROOT / name).is_file(), name
    assert len(re.findall(r"(?m)^\d\. ", walk)) == 5
