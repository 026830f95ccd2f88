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
from typing import Literal

from lottery.config.schema import Config
from lottery.networks.key import Key
from lottery.store import files, places
from lottery.store.folders import own_folder
from lottery.store.records import Evaluation, Measured, Summary
from lottery.store.run import Run

CONTROLS = ("reinit", "random")
ENTRY = "from lottery.cli import main; main()"
EVALUATIONS = 20
"""Of each network and split."""


def synthetic(folder: Path, number: int, levels: int, replicates: int) -> Run:
    """A finished run without tensors."""
    config = Config.model_validate(
        {
            "name": f"study-{number:02d}",
            "pruning": {"iterations": levels - 1, "arms": CONTROLS, "fraction": 0.2},
            "train": {"length": "5000it", "batch_size": 60 + number},
            "replicates": replicates,
        }
    )
    run = Run.create(folder, config, {"study": "prune"})
    draw = random.Random(number)
    lines, metrics = [], []
    for level in range(levels):
        for arm in ("ticket", *CONTROLS) if level else ("dense",):
            for replicate in range(replicates):
                key = Key(replicate, level, arm)
                lines.append(_network(key, draw))
                metrics += _evaluations(key, draw)
                network = run.path / places.network(key)
                network.mkdir(parents=True)
                (network / places.SUMMARY).write_text("{}")  # counted, not read; flushing each would take minutes
    files.write_lines(run.path / places.LEVELS, map(dict, lines))
    files.write_lines(run.path / places.METRICS, map(dict, metrics))
    run.finish("finished")
    return run


def _measured(right: int, of: int) -> Measured:
    return {"loss": 0.1, "metrics": {"accuracy": {"value": right / of, "right": right, "of": of}}}


def _network(key: Key, draw: random.Random) -> Summary:
    density = 0.8**key.level
    right = round(9750 - 20 * key.level * (key.arm in CONTROLS) + draw.gauss(0, 10))
    flops = round(532_400 * density)
    return {
        "replicate": key.replicate, "level": key.level, "arm": key.arm, "order": key.order,
        "density": density, "nonzero": round(266_200 * density), "total": 266_200, "parameters": 266_610,
        "flops": flops, "dense_flops": 532_400, "start_step": 0, "stop_step": 5000, "test": _measured(right, 10_000),
        "validation": _measured(right // 2, 5_000),
        "early_stop": {"step": draw.randrange(1000, 5000, 250), "test": _measured(right - 10, 10_000)},
        "evaluate_every": 250, "train_seconds": 12.5, "train_flops": 3 * 60 * 5000 * flops, "diverged": None,
        "collapsed": [],
    }  # fmt: skip


SPLITS: dict[Literal["train", "validation", "test"], int] = {"train": 0, "validation": 5_000, "test": 10_000}
"""How many examples each counts."""


def _evaluations(key: Key, draw: random.Random) -> list[Evaluation]:
    lines: list[Evaluation] = []
    for step in range(5000 // EVALUATIONS, 5001, 5000 // EVALUATIONS):
        for split, images in SPLITS.items():
            share = 0.975 - 0.3 * 0.9 ** (step / 50) + draw.gauss(0, 0.001)
            measured: Measured = _measured(round(images * share), images) if images else {"loss": 0.1, "metrics": {}}
            lines.append(
                {
                    "replicate": key.replicate, "level": key.level, "arm": key.arm, "order": key.order, "step": step,
                    "epoch": step / 917, "split": split, "lr": 0.0012, "seconds": step / 400,
                    "loss": measured["loss"], "metrics": measured["metrics"],
                }
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
        page = own_folder(runs[0].path, "report") / "report.html"
        found["page, MB"] = round(page.stat().st_size / 1e6, 2)
        found |= in_a_browser(page)
    print(json.dumps(found, indent=1))


if __name__ == "__main__":
    main()
