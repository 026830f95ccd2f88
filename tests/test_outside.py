"""A user's own folder, outside any checkout: their model, data and score, from the shell, from Python, as a package.

`LOTTERY_TEST_PYTHON` names the Python whose `lottery` is used, such as that of an environment with the wheel alone.
"""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from conftest import tensor_files

from lottery.store.run import Run

pytestmark = pytest.mark.slow

PYTHON = os.environ.get("LOTTERY_TEST_PYTHON", sys.executable)

METHODS = '''
"""A vision transformer, photographs of nothing, a score."""

import torch
from torch import nn

import lottery
from lottery.data import Dataset, moments


@lottery.register("models")
class vit(nn.Module):
    """A vision transformer (Dosovitskiy et al. 2021) for small images."""

    def __init__(self, shape, classes, *, width: int = 16, depth: int = 2, patch: int = 4):
        super().__init__()
        channels, height, width_ = shape
        self.patches = nn.Conv2d(channels, width, patch, patch)
        self.places = nn.Parameter(torch.randn(1, (height // patch) * (width_ // patch), width) / 50)
        block = nn.TransformerEncoderLayer(width, 2, 2 * width, dropout=0.1, batch_first=True)
        self.blocks = nn.TransformerEncoder(block, depth, enable_nested_tensor=False)
        self.output = nn.Linear(width, classes)

    def forward(self, images):
        tokens = self.patches(images).flatten(2).transpose(1, 2) + self.places
        return self.output(self.blocks(tokens).mean(1))


@lottery.register("data")
def quarters(*, images: int = 800):
    """Noise that is brighter in one of four quarters."""
    drawn = torch.Generator().manual_seed(0)
    labels = torch.arange(images) % 4
    pixels = torch.randint(0, 160, (images, 3, 8, 8), generator=drawn).to(torch.uint8)
    for label in range(4):
        row, column = 4 * (label // 2), 4 * (label % 2)
        pixels[labels == label, :, row : row + 4, column : column + 4] += 40
    half = images // 2
    mean, std = moments(pixels[:half])
    return Dataset(pixels[:half], labels[:half], pixels[half:], labels[half:], 4, mean, std)


@lottery.register("scores", traits={"trained"})
def farthest(subject, generator, *, power: float = 1.0):
    """Keep the weights that have moved farthest from their initialization."""
    return {name: (weight - subject.initial[name]).abs() ** power for name, weight in subject.weights.items()}
'''

STUDY = """
data: {name: quarters, validation: 80}
model: {name: vit, depth: 1}
train: {length: 150it, batch_size: 40, evaluate_every: 50it, optimizer: {name: adam, lr: 2.0e-3}}
pruning: {score: {name: farthest, power: 2.0}, iterations: 2, fraction: 0.5, arms: [reinit]}
checkpoint: {steps: 20it}
replicates: 2
device: cpu
workers: 2
"""

FROM_PYTHON = """
import lottery

first = lottery.prune("study.yaml", plugins=["methods.py"], runs_dir="from_python", progress=False)
second = lottery.rewind(
    first, level=2, weights="reinit", plugins=["methods.py"], runs_dir="from_python", progress=False
)
lottery.report(first, second)
print(first.path, second.path)
"""


@pytest.fixture
def folder(tmp_path) -> Path:
    (tmp_path / "methods.py").write_text(METHODS)
    (tmp_path / "study.yaml").write_text(STUDY)
    return tmp_path


def environment(folder: Path, more: str = "") -> dict[str, str]:
    """A shell's, without a way to the checkout; `more` is a folder of packages."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("PYTHON", "LOTTERY_"))}
    return kept | {"OMP_NUM_THREADS": "1", "COLUMNS": "100"} | ({"PYTHONPATH": more} if more else {})


def call(folder: Path, *arguments: str, more: str = "", code: int = 0) -> subprocess.CompletedProcess[str]:
    """What a command says, which ends with this exit code."""
    done = subprocess.run(
        [PYTHON, "-c", "from lottery.cli import main; main()", *arguments],
        cwd=folder, env=environment(folder, more), capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip
    assert done.returncode == code, done.stderr
    return done


def runs(folder: Path, name: str) -> list[Run]:
    """Those in a folder, in the order in which they were made."""
    return [Run.open(path) for path in sorted((folder / name).iterdir())]


def killed(folder: Path, *arguments: str) -> None:
    """Have a study killed, with all of its processes, once it has kept networks on their way."""
    process = subprocess.Popen(
        [PYTHON, "-c", "from lottery.cli import main; main()", *arguments],
        cwd=folder, env=environment(folder), stderr=subprocess.PIPE, start_new_session=True,
    )  # fmt: skip
    until = time.monotonic() + 120
    while not list(folder.glob("shell/*/checkpoint/*")) and process.poll() is None and time.monotonic() < until:
        time.sleep(0.01)
    os.killpg(process.pid, signal.SIGKILL)
    _, said = process.communicate()
    assert process.returncode == -signal.SIGKILL, said


def test_the_shell_and_python_end_in_the_same_bytes_whatever_was_killed(folder):
    here, there = ("--runs-dir", "shell"), ("--plugin", "methods.py")
    call(folder, "check", "methods.py")
    killed(folder, "prune", "study.yaml", *here, *there)
    assert "isn't loaded: add --plugin" in call(folder, "resume", "latest", *here, code=2).stderr
    call(folder, "resume", "latest", *here, *there)
    call(folder, "rewind", "latest", "--level", "2", "--weights", "reinit", *here, *there)
    told = call(folder, "report", *(run.path.name for run in runs(folder, "shell")), *here)
    assert "reinit" in told.stdout

    done = subprocess.run(
        [PYTHON, "-c", FROM_PYTHON], cwd=folder, env=environment(folder), capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    for mine, other in zip(runs(folder, "shell"), runs(folder, "from_python"), strict=True):
        assert tensor_files(mine) == tensor_files(other)
        assert mine.record["status"] == other.record["status"] == "finished"

    # The same as an installed package, whose entry point loads it.
    package = folder / "packages"
    (package / "methods-1.0.dist-info").mkdir(parents=True)
    (folder / "methods.py").rename(package / "methods.py")
    (package / "methods-1.0.dist-info" / "METADATA").write_text("Metadata-Version: 2.1\nName: methods\nVersion: 1.0\n")
    (package / "methods-1.0.dist-info" / "entry_points.txt").write_text("[lottery.plugins]\nmine = methods\n")
    call(folder, "prune", "study.yaml", "--runs-dir", "package", more=str(package))
    (packaged,) = runs(folder, "package")
    assert tensor_files(packaged) == tensor_files(runs(folder, "shell")[0])
    assert "finished already" in call(folder, "resume", "latest", "--runs-dir", "package").stderr
