"""Memory of a study's processes against the networks that it has trained: thousands of four steps each.

    python benchmarks/memory.py

What a study keeps of each network would show. The networks are tiny (64-16-10, on the embedded digits), so it is not
hidden by what one of them takes; the processes are those of `lottery prune`, their memory what is resident.
"""

import subprocess
import sys
import tempfile
import time
from pathlib import Path

from timing import show

REPLICATES = 10
MARKS = (500, 1000, 2000, 3000, 4000, 5000)
CONFIG = f"""
name: memory
data: {{name: digits, validation: 100}}
model: {{name: fcn, widths: [16]}}
train: {{length: 4it, batch_size: 32, optimizer: {{name: adam, lr: 0.01}}, evaluate_every: 4it}}
pruning: {{iterations: {MARKS[-1] // REPLICATES}, fraction: 0.01}}
replicates: {REPLICATES}
workers: 2
device: cpu
"""


def resident(process: int | str) -> float:
    """MiB of memory that a process has; zero where it has ended."""
    lines = Path(f"/proc/{process}/status").read_text().splitlines()
    return sum(int(line.split()[1]) for line in lines if line.startswith("VmRSS:")) / 1024


def main() -> None:
    rows: list[dict[str, object]] = []
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "memory.yaml").write_text(CONFIG)
        command = [sys.executable, "-c", "from lottery.cli import main; main()", "prune", "memory.yaml"]
        study = subprocess.Popen(command, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        began = time.perf_counter()
        for mark in MARKS:
            trained = 0
            while trained < mark:
                time.sleep(0.1)
                assert study.poll() is None, "the study ended early"
                trained = sum(path.read_bytes().count(b"\n") for path in Path(folder).glob("runs/*/levels.jsonl"))
            workers = Path(f"/proc/{study.pid}/task/{study.pid}/children").read_text().split()
            row = {"networks": trained, "seconds": time.perf_counter() - began, "parent MiB": resident(study.pid)}
            rows.append(row | {"largest worker MiB": max(map(resident, workers))})
            print(rows[-1], file=sys.stderr, flush=True)
        study.kill()  # what it found is of no interest
        study.wait()
    show("Memory", rows, "memory")


if __name__ == "__main__":
    main()
