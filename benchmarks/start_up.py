"""Seconds from the command to its answer: `lottery --help`, the first training step, the end of a study of one step.
And of python and torch alone.

python benchmarks/start_up.py
"""

import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from timing import alternate, show

STEP = """
name: start
data: {name: digits}
model: {name: fcn, widths: [10]}
train: {length: 1it, batch_size: 8}
device: cpu
"""


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "start.yaml").write_text(STEP)

        def call(*command: str) -> None:
            subprocess.run([sys.executable, "-c", *command], check=True, capture_output=True, cwd=folder)

        def first_step() -> None:
            """Until the untrained network is evaluated, which is what comes right before the first step."""
            runs = Path(folder) / "first"
            command = [sys.executable, "-c", entry, "train", "start.yaml", "--runs-dir", str(runs)]
            process = subprocess.Popen(command, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            while not list(runs.glob("*/metrics.jsonl")):
                time.sleep(0.005)
            process.kill()
            process.wait()
            shutil.rmtree(runs)

        entry = "from lottery.cli import main; main()"
        seconds = alternate(
            {
                "python": lambda: call("pass"),
                "lottery --help": lambda: call(entry, "--help"),
                "import torch": lambda: call("import torch"),
                "lottery config": lambda: call(entry, "config", "start.yaml"),
                "lottery train, to the first step": first_step,
                "lottery train, one step": lambda: call(entry, "train", "start.yaml"),
            },
            rounds=5,
        )
    show("Start-up", [{"command": name, "seconds": value} for name, value in seconds.items()], "start_up")


if __name__ == "__main__":
    main()
