"""This package is an experiment runner for lottery-ticket and sparse-training studies."""

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lottery.results import Results

__version__ = "0.1.0"


def open_run(path: str | Path) -> "Results":
    """Return what a run found: `open_run("runs/...").levels`. Raises LotteryError where there is no run."""
    from lottery.results import Results  # torch is imported there, and `lottery --help` does without

    return Results(path)
