"""What keeping checkpoints costs: LeNet-300-100 with Adam, trained and kept in one process.

    python benchmarks/checkpoints.py

A study of minutes hardly reaches the default interval of five minutes, so the cost is measured where it arises: steps
of training with a checkpoint after each hundred, written as a study writes it (two generations, checksums, flushed
to the disk), against the same steps without; and what that comes to at the default interval.
"""

import tempfile
from pathlib import Path

from floor import prepare, trainer
from timing import alternate, show

from lottery.config import schema
from lottery.networks.key import Key
from lottery.store.checkpoints import Checkpoints
from lottery.store.records import ChunkRecord
from lottery.store.run import Run

STEPS = 100


def main() -> None:
    setting = prepare("lenet_300_100", (1, 28, 28), 60, optimizer={"name": "adam", "lr": 1.2e-3})
    one = trainer(setting, 0.2)
    with tempfile.TemporaryDirectory(dir=Path.cwd()) as folder:
        run = Run.create(Path(folder), setting.config, {"study": "prune"})

        def train() -> None:
            one.advance(one.step + STEPS)

        def train_and_keep() -> None:
            train()
            about: ChunkRecord = {
                "members": [Key(0, 0, "dense")],
                "execution": "looped",
                "step": one.step,
                "seconds": 0.0,
            }
            Checkpoints(run).write("level-00-dense-0", one.state(), about)

        seconds = alternate({"without": train, "with": train_and_keep}, rounds=25)
    cost = seconds["with"] - seconds["without"]
    share = cost / (60 * schema.Checkpoints().minutes)
    show(
        "Checkpoints",
        [{"ms a checkpoint": 1e3 * cost, f"over {STEPS} steps": seconds["with"] / seconds["without"],
          "% of the time, every 5 min": 100 * share}],
        "checkpoints",
    )  # fmt: skip


if __name__ == "__main__":
    main()
