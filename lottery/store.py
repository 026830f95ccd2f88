"""The run directory: the one place that names its files.

    runs/2026-11-20_14-05-33_lenet-mnist/
      config.yaml      resolved
      run.json         what was run, by what, on what, and how it stands
      metrics.jsonl    a line per evaluation
      levels.jsonl     a line per trained network
      replicate-0/
        initial.safetensors, rewind-2000it.safetensors
        level-00/main/   mask.safetensors weights.safetensors summary.json (written last: there means done)
      checkpoint/      state of the networks under way
      report/

Files appear whole or not at all: they are written beside their place and renamed into it.
"""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Self

from torch import Tensor

from lottery import config as configs
from lottery import files
from lottery.cohort import Network, State
from lottery.config import Config
from lottery.errors import LotteryError
from lottery.files import Record
from lottery.masks import Mask


class Run:
    """One run directory, on disk."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @classmethod
    def create(cls, runs_dir: Path, config: Config, record: Mapping[str, Any]) -> Self:
        """Make a new directory, named after the time (UTC) and the config, with `config.yaml` and `run.json` in it.

        Args:
            runs_dir: where run directories are.
            config: the resolved config.
            record: what `run.json` says beside id, status and times.

        Raises:
            LotteryError: the directory can't be made.
        """
        started = datetime.now(UTC)
        name = f"{started:%Y-%m-%d_%H-%M-%S}_{config.name}"
        attempt = 1
        while True:
            path = runs_dir / (name if attempt == 1 else f"{name}-{attempt}")
            try:
                path.mkdir(parents=True)
                break
            except FileExistsError:
                attempt += 1
            except OSError as error:
                raise LotteryError(f"{path}: can't be made ({error.strerror}); name another with --runs-dir") from error
        run = cls(path)
        run.write_config(config)
        run.update(id=path.name, status="running", started=_stamp(started), finished=None, **record)
        return run

    @classmethod
    def open(cls, path: Path) -> Self:
        """The run in directory `path`; raises LotteryError where there is none."""
        if not path.is_dir():
            raise LotteryError(f"{path} is not there; `lottery runs` lists the runs that are")
        if not (path / "run.json").is_file() or not (path / "config.yaml").is_file():
            raise LotteryError(f"{path} is not a run directory: it lacks run.json or config.yaml")
        return cls(path)

    # What was run

    @property
    def config(self) -> Config:
        """The resolved config; raises LotteryError where it is damaged."""
        return configs.load(self.path / "config.yaml")

    def write_config(self, config: Config) -> None:
        """Replace `config.yaml`."""
        files.write_whole(
            self.path / "config.yaml", lambda beside: beside.write_text(config.to_yaml(), encoding="utf-8")
        )

    @property
    def record(self) -> Record:
        """`run.json`; raises LotteryError where it is damaged."""
        return files.read_json(self.path / "run.json")

    def update(self, **changes: Any) -> None:
        """Change entries of `run.json`."""
        old = self.record if (self.path / "run.json").exists() else {}
        files.write_json(self.path / "run.json", old | changes)

    def finish(self, status: str) -> None:
        """Record that the run stands still: finished, interrupted or failed."""
        self.update(status=status, finished=_stamp(datetime.now(UTC)))

    # Networks

    def _replicate(self, replicate: int) -> Path:
        return self.path / f"replicate-{replicate}"

    def _member(self, replicate: int, level: int, arm: str) -> Path:
        return self._replicate(replicate) / f"level-{level:02d}" / arm

    def _early(self, replicate: int, step: int) -> Path:
        return self._replicate(replicate) / ("initial.safetensors" if step == 0 else f"rewind-{step}it.safetensors")

    def write_early(self, replicate: int, step: int, state: State) -> None:
        """Keep the dense network's state at `step`: initialization, or a step to rewind to."""
        files.write_tensors(self._early(replicate, step), state)

    def has_early(self, replicate: int, step: int) -> bool:
        """Whether the dense network's state at `step` is kept."""
        return self._early(replicate, step).exists()

    def read_early(self, replicate: int, step: int) -> State:
        """The dense network's state at `step`; raises LotteryError where it is missing or damaged."""
        return files.read_tensors(self._early(replicate, step))

    def write_start(self, replicate: int, level: int, arm: str, network: Network) -> None:
        """Keep what a member starts from, where that can't be had from the rest of this directory."""
        folder = self._member(replicate, level, arm)
        files.write_tensors(folder / "mask.safetensors", network.mask)
        files.write_tensors(folder / "start.safetensors", network.state)

    def read_start(self, replicate: int, level: int, arm: str) -> Network:
        """What `write_start` kept."""
        folder = self._member(replicate, level, arm)
        return Network(
            files.read_tensors(folder / "start.safetensors"), files.read_tensors(folder / "mask.safetensors")
        )

    def write_member(self, replicate: int, level: int, arm: str, network: Network, summary: Record) -> None:
        """Keep a trained network; its summary comes last and says that it is done."""
        folder = self._member(replicate, level, arm)
        files.write_tensors(folder / "mask.safetensors", network.mask)
        files.write_tensors(folder / "weights.safetensors", network.state)
        files.write_json(folder / "summary.json", summary)

    def has_member(self, replicate: int, level: int, arm: str) -> bool:
        """Whether that network is trained."""
        return (self._member(replicate, level, arm) / "summary.json").exists()

    def forget_member(self, replicate: int, level: int, arm: str) -> None:
        """Have that network count as not trained."""
        (self._member(replicate, level, arm) / "summary.json").unlink(missing_ok=True)

    def read_mask(self, replicate: int, level: int, arm: str) -> Mask:
        """The mask of a network; raises LotteryError where it is missing or damaged."""
        return files.read_tensors(self._member(replicate, level, arm) / "mask.safetensors")

    def read_weights(self, replicate: int, level: int, arm: str) -> State:
        """The state of a trained network; raises LotteryError where it is missing or damaged."""
        return files.read_tensors(self._member(replicate, level, arm) / "weights.safetensors")

    # Lines

    def metrics(self) -> list[Record]:
        """Every evaluation so far."""
        return files.read_lines(self.path / "metrics.jsonl")

    def append_metrics(self, records: Iterable[Record]) -> None:
        """Add evaluations."""
        files.append_lines(self.path / "metrics.jsonl", records)

    def levels(self) -> list[Record]:
        """Every trained network, in the order of training."""
        return files.read_lines(self.path / "levels.jsonl")

    def append_levels(self, records: Iterable[Record]) -> None:
        """Add trained networks."""
        files.append_lines(self.path / "levels.jsonl", records)

    def settle(self, resumable: Callable[[Record], bool]) -> None:
        """Before going on: drop lines that will be written again, and add those that a crash kept from being written.

        Args:
            resumable: whether an evaluation of an unfinished network lies before its checkpoint.
        """
        summaries = [files.read_json(path) for path in sorted(self.path.glob("replicate-*/level-*/*/summary.json"))]
        done = {_key(summary) for summary in summaries}
        written = {_key(line): line for line in self.levels()}
        order = [key for key in written if key in done] + [key for key in sorted(done) if key not in written]
        by_key = {_key(summary): summary for summary in summaries}
        files.write_lines(self.path / "levels.jsonl", [by_key[key] for key in order])
        kept = [line for line in self.metrics() if _key(line) in done or resumable(line)]
        files.write_lines(self.path / "metrics.jsonl", kept)

    # Networks under way

    def write_checkpoint(self, name: str, tensors: Mapping[str, Tensor], about: Record) -> None:
        """Keep the state of a chunk under way; `about` tells which and how far it is."""
        path = self.path / "checkpoint" / f"{name}.safetensors"
        files.write_tensors(path, tensors, {"about": json.dumps(about)})

    def read_checkpoints(self) -> Iterator[tuple[dict[str, Tensor], Record]]:
        """What `write_checkpoint` kept, of each chunk; raises LotteryError where one is damaged."""
        for path in sorted((self.path / "checkpoint").glob("*.safetensors")):
            yield files.read_tensors(path), files.read_about(path)

    def drop_checkpoint(self, name: str) -> None:
        """Remove a chunk's checkpoint, if there is one: its networks are done."""
        folder = self.path / "checkpoint"
        (folder / f"{name}.safetensors").unlink(missing_ok=True)
        if folder.exists() and not any(folder.iterdir()):
            folder.rmdir()

    @property
    def report_dir(self) -> Path:
        """The folder for figures and tables, made if need be."""
        folder = self.path / "report"
        folder.mkdir(exist_ok=True)
        return folder


def run_paths(runs_dir: Path) -> list[Path]:
    """The run directories in a folder, oldest first: their names begin with the time."""
    return sorted(path.parent for path in runs_dir.glob("*/run.json"))


def find_run(name: str, runs_dir: Path) -> Run:
    """The run that a user means by a path, a name, or `latest`; raises LotteryError where there is none."""
    if name == "latest":
        paths = run_paths(runs_dir)
        if not paths:
            raise LotteryError(f"there are no runs in {runs_dir} yet")
        return Run.open(paths[-1])
    named = runs_dir / name
    return Run.open(named if named.is_dir() and not Path(name).exists() else Path(name))


def _key(record: Record) -> tuple[int, int, str]:
    return record["level"], record["replicate"], record["arm"]


def _stamp(time: datetime) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ")
