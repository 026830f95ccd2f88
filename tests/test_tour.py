"""The notebook `docs/tour.ipynb`, run as a reader would: it asserts itself that a ticket has its recorded accuracy."""

import json
from pathlib import Path

import pytest

NOTEBOOK = Path(__file__).parent.parent / "docs" / "tour.ipynb"


def cells(notebook: dict) -> list[dict]:
    return [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]


def test_it_is_shown_with_its_outputs_and_names_no_machine():
    text = NOTEBOOK.read_text()
    code = cells(json.loads(text))
    assert [cell["execution_count"] for cell in code] == [*range(1, len(code) + 1)]
    assert "image/png" in text
    assert not any(place in text for place in ("/home/", "/tmp/", "/root/", str(NOTEBOOK.parent)))


@pytest.mark.filterwarnings("ignore")  # by what runs notebooks
def test_it_runs(tmp_path):
    nbformat = pytest.importorskip("nbformat", reason="nbformat is not installed")
    nbclient = pytest.importorskip("nbclient", reason="nbclient is not installed")
    pytest.importorskip("ipykernel", reason="ipykernel is not installed")
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    for cell in cells(notebook):
        cell["outputs"] = []
    nbclient.NotebookClient(notebook, timeout=120, resources={"metadata": {"path": str(tmp_path)}}).execute()
    shown = json.dumps([cell["outputs"] for cell in cells(notebook)])
    assert "prune, finished, networks trained: 27" in shown
    assert "of 397 right" in shown
    assert len([*tmp_path.glob("runs/*/run.json")]) == 2
    # Progress is one output, whatever happened meanwhile, and what was said on standard error.
    (progress,) = [cell["outputs"] for cell in cells(notebook) if "lottery.prune(" in cell["source"]]
    assert [output["output_type"] for output in progress] == ["stream", "display_data", "execute_result"]
