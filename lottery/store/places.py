"""The names of a run directory's files.

runs/2026-11-20_14-05-33_lenet-mnist/
  config.yaml      resolved
  run.json         what was run, by what, on what, and how it stands
  metrics.jsonl    a line per evaluation
  levels.jsonl     a line per trained network
  probes.jsonl     a line per probe of a network at a step
  analysis/distance.jsonl         a line per piece that an analysis found
  replicate-0/level-01/ticket/    a network; another batch order's in order-1/
    step-0.safetensors, step-2000.safetensors   its state there, where it is kept
    mask.safetensors weights.safetensors        as it was trained to
    summary.json                                written last: there means done
  checkpoint/      state of the networks under way, two generations
  report/
  tensorboard/     a tracker's own files
"""

from collections.abc import Iterator
from pathlib import Path

from lottery.networks.key import Key

RECORD = "run.json"
CONFIG = "config.yaml"
METRICS = "metrics.jsonl"
LEVELS = "levels.jsonl"
PROBES = "probes.jsonl"
ANALYSIS = "analysis"
SUMMARY = "summary.json"
MASK = "mask.safetensors"
WEIGHTS = "weights.safetensors"
CHECKPOINTS = "checkpoint"


def network(key: Key) -> Path:
    """Return a network's folder, relative to its run."""
    usual = Path(f"replicate-{key.replicate}", f"level-{key.level:02d}", key.arm)
    return usual / f"order-{key.order}" if key.order else usual


def state(key: Key, step: int) -> Path:
    """Return the file of a network's state at a step, relative to its run."""
    return network(key) / f"step-{step}.safetensors"


def analysis(name: str) -> Path:
    """Return the file of what an analysis found, relative to its run."""
    return Path(ANALYSIS, f"{name}.jsonl")


def summaries(run: Path) -> Iterator[Path]:
    """Return the summaries of all trained networks of a run."""
    for orders in ("", "order-*/"):
        yield from run.glob(f"replicate-*/level-*/*/{orders}{SUMMARY}")


def runs(folder: Path) -> list[Path]:
    """Return the run directories in a folder, oldest first: their names begin with the time."""
    return sorted(path.parent for path in folder.glob(f"*/{RECORD}"))
