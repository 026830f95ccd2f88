"""The run directory: the one place that names its files.

    runs/2026-11-20_14-05-33_lenet-mnist/
      config.yaml      resolved
      run.json         what was run, by what, on what, and how it stands
      metrics.jsonl    a line per evaluation
      levels.jsonl     a line per trained network
      replicate-0/
        initial.safetensors, rewind-2000it.safetensors
        level-00/main/   mask.safetensors weights.safetensors summary.json (written last: there means done)
      checkpoint/      state of the networks under way, two generations
      report/
      tensorboard/     a tracker's own files

Files appear whole or not at all, and carry checksums: see `lottery.files`.
"""

import os
import shutil
import sys
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Self

from torch import Tensor

from lottery import config_file, files, records
from lottery.cohort import Network, State
from lottery.config import Config
from lottery.errors import LotteryError
from lottery.files import Record
from lottery.locks import Locked, is_locked, lock
from lottery.masks import Mask

_CHECKSUM = "# checksum: "


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
        about = {"schema": records.SCHEMA, "id": path.name, "status": "running", "started": _stamp(started)}
        files.write_json(path / "run.json", about | {"finished": None} | dict(record))
        return run

    @classmethod
    def open(cls, path: Path) -> Self:
        """The run in directory `path`; raises LotteryError where there is none, or one of a newer `lottery`."""
        if not path.is_dir():
            raise LotteryError(f"{path} is not there; `lottery runs` lists the runs that are")
        if not (path / "run.json").is_file() or not (path / "config.yaml").is_file():
            raise LotteryError(f"{path} is not a run directory: it lacks run.json or config.yaml")
        written = files.peek(path / "run.json").get("schema", 1)
        if isinstance(written, int) and written != records.SCHEMA:
            newer = written > records.SCHEMA
            raise LotteryError(
                f"{path} was written by {'a newer' if newer else 'an older'} lottery (schema {written}, this one reads "
                f"{records.SCHEMA}); {'update lottery' if newer else 'read it with that one'}"
            )
        run = cls(path)
        _ = run.record  # is it one at all?
        return run

    @contextmanager
    def working(self) -> Iterator[None]:
        """Have the run to oneself, within the context.

        Raises:
            LotteryError: another process works on it, it holds links that lead elsewhere, or can't be written.
        """
        with ExitStack() as stack:
            try:
                stack.enter_context(lock(self.path))
            except Locked:
                record = self.record
                raise LotteryError(
                    f"{self.path} is being worked on by process {record.get('process', '?')} on "
                    f"{record.get('host', 'this machine')}; wait for it, or stop it"
                ) from None
            except OSError as error:
                reason = (error.strerror or "").lower()
                raise LotteryError(
                    f"{self.path}: can't be written ({reason}); copy it to where you may write"
                ) from None
            self.refuse_links()
            yield

    def refuse_links(self) -> None:
        """What is written into a run stays in it: a stranger's run may hold links that lead out of it."""
        for folder, folders, names in os.walk(self.path):
            for name in (*folders, *names):
                if (found := Path(folder, name)).is_symlink():
                    raise LotteryError(f"{found} is a symbolic link, which has no place in a run; remove it")

    @property
    def abandoned(self) -> bool:
        """Whether the run is said to be running, and no process on this machine works on it: it was killed."""
        return self.record["status"] == "running" and not is_locked(self.path)

    # What was run

    @property
    def config(self) -> Config:
        """The resolved config; raises LotteryError where it is damaged."""
        path = self.path / "config.yaml"
        text, mark, checksum = files.read_text(path).rpartition(_CHECKSUM)
        if not mark or checksum.strip() != files.text_checksum(text):
            raise LotteryError(
                f"{path} is damaged, or was changed by hand; a run keeps its config: start another with a copy of it"
            )
        return config_file.parse(text, str(path), self.path.name)

    def write_config(self, config: Config) -> None:
        """Replace `config.yaml`."""
        text = config.to_yaml()
        files.write_text(self.path / "config.yaml", f"{text}{_CHECKSUM}{files.text_checksum(text)}\n")

    @property
    def record(self) -> Record:
        """`run.json`; raises LotteryError where it is damaged."""
        path = self.path / "run.json"
        record: Record = records.check(records.ABOUT, files.read_json(path), path)
        return record

    def update(self, **changes: Any) -> None:
        """Change entries of `run.json`."""
        files.write_json(self.path / "run.json", self.record | changes)

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
        self._write_tensors(self._early(replicate, step), state)

    def has_early(self, replicate: int, step: int) -> bool:
        """Whether the dense network's state at `step` is kept."""
        return self._early(replicate, step).exists()

    def read_early(self, replicate: int, step: int, like: State | None = None) -> State:
        """The dense network's state at `step`, shaped `like` the model; raises LotteryError where it is damaged."""
        return self._read_tensors(self._early(replicate, step), like)

    def forget_early(self, replicate: int, step: int) -> None:
        """Have the dense network's state at `step` count as not kept."""
        self._early(replicate, step).unlink(missing_ok=True)

    def write_start(self, replicate: int, level: int, arm: str, mask: Mask, state: State | None) -> None:
        """Keep what a member starts from, where that can't be had from the rest of this directory.

        Args:
            replicate: whose network it is.
            level: its level.
            arm: its role.
            mask: written last: there means that all is kept.
            state: its weights and buffers, unless they are trained here first.
        """
        folder = self._member(replicate, level, arm)
        if state is not None:
            self._write_tensors(folder / "start.safetensors", state)
        self._write_tensors(folder / "mask.safetensors", mask)

    def has_mask(self, replicate: int, level: int, arm: str) -> bool:
        """Whether the mask of a network is there, which may still have to be trained."""
        return (self._member(replicate, level, arm) / "mask.safetensors").exists()

    def has_start(self, replicate: int, level: int, arm: str) -> bool:
        """Whether the weights that a member starts from are kept."""
        return (self._member(replicate, level, arm) / "start.safetensors").exists()

    def read_start(self, replicate: int, level: int, arm: str, like: Network) -> Network:
        """What `write_start` kept."""
        path = self._member(replicate, level, arm) / "start.safetensors"
        return Network(self._read_tensors(path, like.state), self.read_mask(replicate, level, arm, like.mask))

    def write_member(self, replicate: int, level: int, arm: str, network: Network, summary: Record) -> None:
        """Keep a trained network; its summary comes last and says that it is done."""
        folder = self._member(replicate, level, arm)
        self._write_tensors(folder / "mask.safetensors", network.mask)
        self._write_tensors(folder / "weights.safetensors", network.state)
        files.flush(self.path / "metrics.jsonl")  # the summary says that its evaluations are there
        files.write_json(folder / "summary.json", summary)

    def has_member(self, replicate: int, level: int, arm: str) -> bool:
        """Whether that network is trained."""
        return (self._member(replicate, level, arm) / "summary.json").exists()

    def read_summary(self, replicate: int, level: int, arm: str) -> Record:
        """The summary of a trained network; raises LotteryError where it is missing or damaged."""
        return self._summary(self._member(replicate, level, arm) / "summary.json")

    def _summary(self, path: Path) -> Record:
        try:
            summary: Record = records.check(records.SUMMARY, files.read_json(path), path)
            if self._member(summary["replicate"], summary["level"], summary["arm"]) != path.parent:
                raise LotteryError(f"{path} is the summary of another network")
        except LotteryError as error:
            raise LotteryError(f"{error};\nremove that file to have the network trained again") from None
        return summary

    def forget_member(self, replicate: int, level: int, arm: str) -> None:
        """Have that network count as not trained."""
        (self._member(replicate, level, arm) / "summary.json").unlink(missing_ok=True)

    def read_mask(self, replicate: int, level: int, arm: str, like: Mask | None = None) -> Mask:
        """The mask of a network, shaped `like` one of the model; raises LotteryError where it is missing or damaged."""
        return self._read_member(self._member(replicate, level, arm) / "mask.safetensors", like)

    def read_weights(self, replicate: int, level: int, arm: str, like: State | None = None) -> State:
        """The state of a trained network, shaped `like` the model's; raises LotteryError where it is damaged."""
        return self._read_member(self._member(replicate, level, arm) / "weights.safetensors", like)

    def _write_tensors(self, path: Path, tensors: State) -> None:
        """Write a tensor file that knows its place in the run."""
        files.write_tensors(path, tensors, {"place": path.relative_to(self.path).as_posix()})

    def _read_tensors(self, path: Path, like: State | None) -> State:
        tensors, about = files.read_tensors_about(path, like)
        if about.get("place") != path.relative_to(self.path).as_posix():
            raise LotteryError(f"{path} is not the file that belongs there, but that of {str(about.get('place'))!r}")
        return tensors

    def _read_member(self, path: Path, like: State | None) -> State:
        try:
            return self._read_tensors(path, like)
        except LotteryError as error:
            raise LotteryError(f"{error};\nremove {path.with_name('summary.json')} to have it trained again") from None

    # Lines

    def metrics(self) -> list[Record]:
        """Every evaluation so far."""
        path = self.path / "metrics.jsonl"
        lines: list[Record] = records.check(records.EVALUATIONS, files.read_lines(path), path)
        return lines

    def whole_metrics(self) -> list[Record]:
        """Every evaluation; raises LotteryError where those of a trained network have been lost."""
        lines = self.metrics()
        last = {(*_key(line), line["step"]) for line in lines if line["split"] == "test"}
        lost = [line for line in self.levels() if (*_key(line), line["stop_step"]) not in last]
        if lost:
            level, replicate, arm = _key(lost[0])
            raise LotteryError(
                f"{self.path / 'metrics.jsonl'} was cut short: it lacks evaluations of level {level}, replicate "
                f"{replicate}, {arm}"
            )
        return lines

    def append_metrics(self, records: Iterable[Record]) -> None:
        """Add evaluations."""
        files.append_lines(self.path / "metrics.jsonl", records)

    def forget_lines(self, keys: Collection[tuple[int, int, str]]) -> None:
        """Drop the evaluations of these networks, by (level, replicate, arm)."""
        files.write_lines(self.path / "metrics.jsonl", [line for line in self.metrics() if _key(line) not in keys])

    def levels(self) -> list[Record]:
        """Every trained network, in the order of training."""
        path = self.path / "levels.jsonl"
        lines: list[Record] = records.check(records.SUMMARIES, files.read_lines(path), path)
        trained = sum(1 for _ in self.path.glob("replicate-*/level-*/*/summary.json"))
        if len({_key(line) for line in lines}) != trained and not is_locked(self.path):
            raise LotteryError(
                f"{path} has {len(lines)} lines for {trained} trained networks; `lottery resume` writes it anew"
            )
        return lines

    def append_levels(self, records: Iterable[Record]) -> None:
        """Add trained networks."""
        files.append_lines(self.path / "levels.jsonl", records)

    def settle(self, resumable: Callable[[Record], bool]) -> None:
        """Before going on: drop lines that will be written again, and add those that a crash kept from being written.

        Args:
            resumable: whether an evaluation of an unfinished network lies before its checkpoint.
        """
        for left in self.path.rglob(".*.tmp"):  # by a process that was killed while it wrote
            left.unlink()
        summaries = [self._summary(path) for path in sorted(self.path.glob("replicate-*/level-*/*/summary.json"))]
        by_key = {_key(summary): summary for summary in summaries}
        done = by_key.keys()
        try:
            path = self.path / "levels.jsonl"
            written = {_key(line): line for line in records.check(records.SUMMARIES, files.read_lines(path), path)}
        except LotteryError:  # all that it says stands in the summaries
            written = {}
        order = [key for key in written if key in done] + [key for key in sorted(done) if key not in written]
        files.write_lines(self.path / "levels.jsonl", [by_key[key] for key in order])
        kept = [line for line in self.metrics() if _key(line) in done or resumable(line)]
        files.write_lines(self.path / "metrics.jsonl", kept)

    # Networks under way

    def write_checkpoint(self, name: str, tensors: Mapping[str, Tensor], about: Record) -> None:
        """Keep the state of a chunk under way, and the one before; `about` tells which chunk and how far it is."""
        path = self._checkpoint(name)
        files.flush(self.path / "metrics.jsonl")  # the evaluations before a checkpoint are not made again
        if path.exists():
            path.replace(path.with_suffix(".before"))
        files.write_tensors(path, tensors, about)

    def read_checkpoints(self) -> Iterator[tuple[dict[str, Tensor], Record]]:
        """What `write_checkpoint` kept, of each chunk; the one before where the last one is damaged."""
        folder = self.path / "checkpoint"
        for path in sorted({path.with_suffix(".safetensors") for path in folder.glob("level-*")}):
            for generation in (path, path.with_suffix(".before")):
                try:
                    found = files.read_tensors_about(generation)
                except LotteryError as error:
                    if generation.exists():
                        print(f"{error}: going on without it", file=sys.stderr)
                    continue
                yield found
                break

    def drop_checkpoint(self, name: str) -> None:
        """Remove a chunk's checkpoints, if there are any: its networks are done."""
        path = self._checkpoint(name)
        path.unlink(missing_ok=True)
        path.with_suffix(".before").unlink(missing_ok=True)
        if path.parent.exists() and not any(path.parent.iterdir()):
            path.parent.rmdir()

    def drop_checkpoints(self) -> None:
        """Remove all checkpoints: nothing is under way."""
        shutil.rmtree(self.path / "checkpoint", ignore_errors=True)

    def _checkpoint(self, name: str) -> Path:
        return self.path / "checkpoint" / f"{name}.safetensors"

    @property
    def report_dir(self) -> Path:
        """The folder for figures and tables, made if need be."""
        return self._folder("report")

    def tracker_dir(self, name: str) -> Path:
        """The folder of a tracker's own files, made if need be."""
        return self._folder(name)

    def _folder(self, name: str) -> Path:
        folder = self.path / name
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
