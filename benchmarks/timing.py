"""What the benchmarks share: alternating measurements, a table, a JSON file."""

from __future__ import annotations

import json
import os
import platform
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path

import torch
from rich.console import Console
from rich.table import Table


def alternate(
    tasks: dict[str, Callable[[], object]], rounds: int, repeats: int = 1, warm: bool = True
) -> dict[str, float]:
    """Median seconds of one call of each task, measured in turn, so that a noisy machine is noisy for all of them.

    Args:
        tasks: name -> what to time.
        rounds: how often each is timed.
        repeats: calls in one timing.
        warm: whether each is called once before.
    """
    seconds: dict[str, list[float]] = {name: [] for name in tasks}
    if warm:
        for task in tasks.values():
            task()
    for _ in range(rounds):
        for name, task in tasks.items():
            began = time.perf_counter()
            for _ in range(repeats):
                task()
            seconds[name].append((time.perf_counter() - began) / repeats)
            if seconds[name][-1] > 5:  # whoever waits for minutes wants to see something
                print(f"{name}: {seconds[name][-1]:.1f} s", file=sys.stderr, flush=True)
    return {name: statistics.median(values) for name, values in seconds.items()}


def show(title: str, rows: list[dict[str, object]], name: str) -> None:
    """Print rows as a table, and write them with the machine to `benchmarks/results/NAME.json`."""
    table = Table(title=title, title_justify="left")
    for key in rows[0]:
        table.add_column(key, justify="right")
    for row in rows:
        table.add_row(*(f"{value:.3g}" if isinstance(value, float) else str(value) for value in row.values()))
    Console(width=140).print(table)
    machine = {"processor": platform.processor() or platform.machine(), "cores": os.cpu_count(),
               "threads": torch.get_num_threads(), "torch": torch.__version__}  # fmt: skip
    folder = Path(__file__).parent / "results"
    folder.mkdir(exist_ok=True)
    (folder / f"{name}.json").write_text(json.dumps({"machine": machine, "rows": rows}, indent=1) + "\n")
