"""What keeping checkpoints costs: a study of LeNet-300-100 on MNIST without any, at the default interval, and often.

    python benchmarks/checkpoints.py DATA_ROOT

A study of ten seconds never reaches the default interval of five minutes; three seconds are a hundred times as often.
"""

import subprocess
import sys
import tempfile
from pathlib import Path

from timing import alternate, show
from usual_loop import CONFIG

INTERVALS = {"never": 1e6, "default (5 min)": 5, "every 3 s": 0.05}


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        config = Path(folder) / "study.yaml"
        config.write_text(CONFIG.format(root=sys.argv[1]))

        def study(minutes: float) -> None:
            entry = "from lottery.cli import main; main()"
            command = [sys.executable, "-c", entry, "prune", str(config), "--set", f"checkpoint.minutes={minutes}"]
            subprocess.run([*command, "--replicates", "2"], check=True, capture_output=True, cwd=folder)

        tasks = {name: (lambda minutes=minutes: study(minutes)) for name, minutes in INTERVALS.items()}
        seconds = alternate(tasks, rounds=5, warm=False)
    rows = [{"checkpoints": name, "s": value, "over none": value / seconds["never"]} for name, value in seconds.items()]
    show("Checkpoints", rows, "checkpoints")


if __name__ == "__main__":
    main()
