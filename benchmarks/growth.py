"""Seconds and peak memory of a whole study against rounds, replicates and size of the data, each grown by itself.

    python benchmarks/growth.py

The network is small (784-30-10) and training short, so that what grows besides the training would show.
"""

import gzip
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from timing import show

CONFIG = """
name: growth
data: {{name: mnist, root: {root}, validation: 1000}}
model: {{name: fcn, widths: [30]}}
train: {{length: 200it, batch_size: 64, optimizer: {{name: sgd, lr: 0.1}}, evaluate_every: 50it}}
pruning: {{iterations: {rounds}}}
replicates: {replicates}
device: cpu
"""
BASE = {"rounds": 2, "replicates": 2, "images": 5000}


def write_data(root: Path, images: int) -> None:
    """Random images in MNIST's format."""
    folder, generator = root / "MNIST" / "raw", np.random.default_rng(0)
    folder.mkdir(parents=True)
    for split, count in (("train", images), ("t10k", 1000)):
        pixels = generator.integers(0, 256, (count, 28, 28), dtype=np.uint8)
        labels = generator.integers(0, 10, count, dtype=np.uint8)
        for name, array in ((f"{split}-images-idx3-ubyte", pixels), (f"{split}-labels-idx1-ubyte", labels)):
            header = bytes([0, 0, 8, array.ndim]) + b"".join(size.to_bytes(4, "big") for size in array.shape)
            with gzip.open(folder / f"{name}.gz", "wb", compresslevel=1) as file:
                file.write(header + array.tobytes())


def measure(sizes: dict[str, int]) -> dict[str, object]:
    """A study of these sizes, in a process of its own: seconds, and the largest memory of one of its processes."""
    with tempfile.TemporaryDirectory() as folder:
        write_data(Path(folder), sizes["images"])
        (Path(folder) / "growth.yaml").write_text(CONFIG.format(root=folder, **sizes))
        command = [sys.executable, "-c", "from lottery.cli import main; main()", "prune", "growth.yaml"]
        began = time.perf_counter()
        process = subprocess.Popen(command, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        seconds = time.perf_counter() - began
        assert process.returncode == 0
    return {"seconds": seconds, "peak MiB": usage.ru_maxrss / 1024}


def main() -> None:
    measure(BASE)
    rows = []
    for what in (None, "rounds", "replicates", "images"):
        for times in (1,) if what is None else (4, 16):
            sizes = BASE | ({what: times * BASE[what]} if what else {})
            networks = (sizes["rounds"] + 1) * sizes["replicates"]
            found = measure(sizes)
            rows.append(sizes | {"networks": networks} | found | {"ms / network": 1e3 * found["seconds"] / networks})
    show("Growth", rows, "growth")


if __name__ == "__main__":
    main()
