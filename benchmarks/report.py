"""How long a report on a large study takes, and how its page behaves: synthetic runs, all numbers drawn at random.

    python benchmarks/report.py [--runs 20] [--levels 20] [--replicates 5]

Prints seconds of `lottery report RUN...` and of `--html`, on the clock and of a processor, the page's size and, where
playwright and Chromium are, the milliseconds until the page is drawn and until a toggled arm is.
"""

import argparse
import json
import random
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from lottery.config.schema import Config
from lottery.store import files
from lottery.store.files import Record
from lottery.store.run import Run

ARMS = ("main", "reinit", "random")
ENTRY = "from lottery.cli import main; main()"
EVALUATIONS = 20
"""Of each network and split."""


def synthetic(folder: Path, number: int, levels: int, replicates: int) -> Run:
    """A finished run without tensors."""
    config = Config.model_validate(
        {
            "name": f"study-{number:02d}",
            "pruning": {"iterations": levels - 1, "arms": ARMS[1:], "fraction": 0.2},
            "train": {"length": "5000it", "batch_size": 60 + number},
            "replicates": replicates,
        }
    )
    run = Run.create(folder, config, {"study": "prune"})
    draw = random.Random(number)
    lines, metrics = [], []
    for level in range(levels):
        for arm in ARMS if level else ARMS[:1]:
            for replicate in range(replicates):
                key = {"replicate": replicate, "arm": arm, "level": level}
                lines.append(_network(key, draw))
                metrics += _evaluations(key, draw)
                member = run.path / f"replicate-{replicate}" / f"level-{level:02d}" / arm
                member.mkdir(parents=True)
                (member / "summary.json").write_text("{}")  # counted, not read; flushing each would take minutes
    files.write_lines(run.path / "levels.jsonl", lines)
    files.write_lines(run.path / "metrics.jsonl", metrics)
    run.finish("finished")
    return run


def _network(key: Record, draw: random.Random) -> Record:
    density = 0.8 ** key["level"]
    correct = round(9750 - 20 * key["level"] * (key["arm"] != "main") + draw.gauss(0, 10))
    return key | {
        "density": density, "nonzero": round(266_200 * density), "total": 266_200, "flops": round(532_400 * density),
        "parameters": 266_610,
        "start_step": 0, "stop_step": 5000, "test_accuracy": correct / 10_000, "test_correct": correct,
        "test_images": 10_000, "test_loss": 0.1, "validation_accuracy": None, "validation_correct": None,
        "validation_images": None, "validation_loss": 0.1, "early_stop_step": draw.randrange(1000, 5000, 250),
        "early_stop_test_accuracy": (correct - 10) / 10_000, "early_stop_test_correct": correct - 10,
        "evaluate_every": 250, "train_seconds": 12.5, "diverged": None, "collapsed": [],
    }  # fmt: skip


def _evaluations(key: Record, draw: random.Random) -> list[Record]:
    lines = []
    for step in range(5000 // EVALUATIONS, 5001, 5000 // EVALUATIONS):
        for split, images in (("train", None), ("validation", 5_000), ("test", 10_000)):
            share = 0.975 - 0.3 * 0.9 ** (step / 50) + draw.gauss(0, 0.001)
            correct = None if images is None else round(images * share)
            lines.append(
                key
                | {"step": step, "epoch": step / 917, "split": split, "loss": 0.1, "lr": 0.0012, "seconds": step / 400,
                   "accuracy": None if correct is None else correct / images, "correct": correct, "images": images}
            )  # fmt: skip
    return lines


def seconds(*arguments: str | Path) -> list[float]:
    """Of one `lottery` command: on the clock, and of a processor, which tells more where others are at work too."""
    before, used = time.perf_counter(), _used()
    subprocess.run([sys.executable, "-c", ENTRY, *map(str, arguments)], check=True, stdout=subprocess.DEVNULL)
    return [round(time.perf_counter() - before, 1), round(_used() - used, 1)]


def _used() -> float:
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def in_a_browser(path: Path) -> dict[str, float]:
    """Milliseconds until the page is drawn, and until it is drawn anew after an arm is toggled."""
    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        return {}
    if chromium is None:
        return {}
    toggle = """() => new Promise((done) => {
      const before = performance.now();
      document.querySelectorAll("#figure-density input[type=checkbox]")[1].click();
      requestAnimationFrame(() => setTimeout(() => done(performance.now() - before)));
    })"""
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-gpu"])
        tab = browser.new_page()
        tab.goto(path.as_uri())
        interactive = tab.evaluate("performance.getEntriesByType('navigation')[0].domContentLoadedEventEnd")
        toggled = tab.evaluate(toggle)
        browser.close()
    return {"page interactive, ms": round(interactive), "arm toggled, ms": round(toggled)}


def main() -> None:
    """Measure, and print JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    for name, default in (("runs", 20), ("levels", 20), ("replicates", 5)):
        parser.add_argument(f"--{name}", type=int, default=default)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        runs = [synthetic(Path(folder), number, asked.levels, asked.replicates) for number in range(asked.runs)]
        found: dict[str, float | list[float]] = {"networks": sum(len(run.levels()) for run in runs)}
        found["report, s"] = seconds("report", *(run.path for run in runs))
        found["report --html, s"] = seconds("report", "--html", *(run.path for run in runs))
        page = runs[0].report_dir / "report.html"
        found["page, MB"] = round(page.stat().st_size / 1e6, 2)
        found |= in_a_browser(page)
    print(json.dumps(found, indent=1))


if __name__ == "__main__":
    main()
