"""Seconds that `lottery runs` takes for 2,000 run directories of 63 networks each, and `import torch` beside it.

python benchmarks/runs.py
"""

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from timing import alternate, show

RUNS = 2000
STUDY = """
name: many
data: {name: digits}
model: {name: fcn, widths: [10]}
train: {length: 10it}
pruning: {iterations: 5, arms: [reinit, random, shuffle]}
replicates: 3
device: cpu
"""


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:

        def call(*command: str) -> None:
            subprocess.run([sys.executable, "-c", *command], check=True, capture_output=True, cwd=folder)

        entry = "from lottery.cli import main; main()"
        (Path(folder) / "many.yaml").write_text(STUDY)
        call(entry, "prune", "many.yaml", "--runs-dir", "one")
        (run,) = (Path(folder) / "one").iterdir()
        for number in range(RUNS):  # networks left out: a list doesn't look at them
            path = Path(folder) / "runs" / f"{run.name}-{number:04d}"
            shutil.copytree(run, path, ignore=shutil.ignore_patterns("replicate-*", "report"))
        tasks = {"lottery runs": lambda: call(entry, "runs"), "import torch": lambda: call("import torch")}
        seconds = alternate(tasks, rounds=5)
    show(f"{RUNS:,} runs", [{"task": task, "seconds": value} for task, value in seconds.items()], "runs")


if __name__ == "__main__":
    main()
