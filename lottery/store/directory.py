"""A run directory, but for the tensors in it: what was run, how it stands, lines of what was measured.

torch isn't imported here, so that listing runs is quick. `lottery.store` has the rest.
"""

import os
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Self

from lottery.config import file as config_file
from lottery.config.schema import Config
from lottery.errors import LotteryError, RunFailed
from lottery.escape import has_controls, visible
from lottery.store import files, locks, records
from lottery.store.files import Record

_CHECKSUM = "# checksum: "


class Directory:
    """One run directory, on disk, without its tensors."""

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
            LotteryError: the directory can't be made, or `record` isn't what a run may say; then nothing is made.
        """
        started = datetime.now(UTC)
        name = f"{started:%Y-%m-%d_%H-%M-%S}_{config.name}"
        about = {"schema": records.SCHEMA, "id": name, "status": "running", "started": _stamp(started)}
        about |= {"finished": None} | dict(record)
        records.check(records.ABOUT, about, "run.json")  # before anything is made: what is written can be read
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
        files.write_json(path / "run.json", about | {"id": path.name})
        return run

    @classmethod
    def open(cls, path: Path) -> Self:
        """The run in directory `path`; raises LotteryError where there is none, or one of a newer `lottery`."""
        if has_controls(path.name):  # it would be several lines in a message of one
            raise LotteryError(
                f"{visible(str(path))}: control characters have no place in the name of a run; rename it"
            )
        if not path.is_dir():
            raise LotteryError(f"{path} is not there; `lottery runs` lists the runs that are")
        if not (path / "run.json").is_file() or not (path / "config.yaml").is_file():
            raise LotteryError(f"{path} is not a run directory: it lacks run.json or config.yaml")
        written = files.peek(path / "run.json").get("schema", 1)
        if isinstance(written, int) and written != records.SCHEMA and 0 <= written < 1000:
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
                stack.enter_context(locks.lock(self.path))
            except locks.Locked:
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
            try:
                yield
            except (LotteryError, RunFailed, OSError):
                self._refuse_absence()  # which explains what else went wrong
                raise

    def _refuse_absence(self) -> None:
        """Raise RunFailed where the directory was renamed, replaced or deleted since its lock was taken."""
        if not locks.is_lost(self.path):
            return
        now = locks.place(self.path)
        if now is not None:
            raise RunFailed(
                f"{self.path} was renamed while it was worked on; it is {now} now.\n"
                f"Go on with: lottery resume {now}; all is there up to the last checkpoint."
            )
        raise RunFailed(
            f"{self.path} was deleted or renamed while it was worked on.\n"
            "Where it was renamed, go on with `lottery resume` and its new name; else start the study anew."
        )

    def to_write(self, path: Path) -> Path:
        """`path`, a file of this directory, once it can be written there: folders in between are made, this one never.

        Raises:
            RunFailed: the directory isn't there any more.
        """
        self._refuse_absence()
        files.make_folders(self.path, path.parent)
        return path

    def refuse_links(self) -> None:
        """What is written into a run stays in it: a stranger's run may hold links that lead out of it."""
        for folder, folders, names in os.walk(self.path):
            for name in (*folders, *names):
                _refuse_link(Path(folder, name))

    @property
    def abandoned(self) -> bool:
        """Whether the run is said to be running, and no process on this machine works on it: it was killed."""
        return self.record["status"] == "running" and not locks.is_locked(self.path)

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
        files.write_text(self.to_write(self.path / "config.yaml"), f"{text}{_CHECKSUM}{files.text_checksum(text)}\n")

    @property
    def record(self) -> Record:
        """`run.json`; raises LotteryError where it is damaged."""
        path = self.path / "run.json"
        record: Record = records.check(records.ABOUT, files.read_json(path), path)
        return record

    def update(self, **changes: Any) -> None:
        """Change entries of `run.json`."""
        files.write_json(self.to_write(self.path / "run.json"), self.record | changes)

    def finish(self, status: str) -> None:
        """Record that the run stands still: finished, interrupted or failed."""
        self.update(status=status, finished=_stamp(datetime.now(UTC)))

    # Lines

    def metrics(self) -> list[Record]:
        """Every evaluation so far."""
        path = self.path / "metrics.jsonl"
        lines: list[Record] = records.check(records.EVALUATIONS, files.read_lines(path), path)
        return lines

    def whole_metrics(self) -> list[Record]:
        """Every evaluation; raises LotteryError where those of a trained network have been lost."""
        lines = self.metrics()
        last = {(*network_key(line), line["step"]) for line in lines if line["split"] == "test"}
        lost = [line for line in self.levels() if (*network_key(line), line["stop_step"]) not in last]
        if lost:
            level, replicate, arm = network_key(lost[0])
            raise LotteryError(
                f"{self.path / 'metrics.jsonl'} was cut short: it lacks evaluations of level {level}, replicate "
                f"{replicate}, {arm}"
            )
        return lines

    def append_metrics(self, records: Iterable[Record]) -> None:
        """Add evaluations."""
        files.append_lines(self.to_write(self.path / "metrics.jsonl"), records)

    def forget_lines(self, keys: Collection[tuple[int, int, str]]) -> None:
        """Drop the evaluations of these networks, by (level, replicate, arm)."""
        left = [line for line in self.metrics() if network_key(line) not in keys]
        files.write_lines(self.to_write(self.path / "metrics.jsonl"), left)

    def levels(self) -> list[Record]:
        """Every trained network, in the order of training."""
        path = self.path / "levels.jsonl"
        lines: list[Record] = records.check(records.SUMMARIES, files.read_lines(path), path)
        trained = sum(1 for _ in self.path.glob("replicate-*/level-*/*/summary.json"))
        if len({network_key(line) for line in lines}) != trained and not locks.is_locked(self.path):
            raise LotteryError(
                f"{path} has {len(lines)} lines for {trained} trained networks; `lottery resume` writes it anew"
            )
        return lines

    def append_levels(self, records: Iterable[Record]) -> None:
        """Add trained networks."""
        files.append_lines(self.to_write(self.path / "levels.jsonl"), records)

    # Folders

    @property
    def report_dir(self) -> Path:
        """The folder for figures and tables, made if need be."""
        return self._folder("report")

    def tracker_dir(self, name: str) -> Path:
        """The folder of a tracker's own files, made if need be."""
        return self._folder(name)

    def _folder(self, name: str) -> Path:
        folder = self.path / name
        if not folder.is_symlink():
            folder.mkdir(exist_ok=True)
        for found in (folder, *folder.iterdir()):
            _refuse_link(found)
        return folder


def _refuse_link(path: Path) -> None:
    if path.is_symlink():
        raise LotteryError(f"{visible(str(path))} is a symbolic link, which has no place in a run; remove it")


def run_paths(runs_dir: Path) -> list[Path]:
    """The run directories in a folder, oldest first: their names begin with the time."""
    return sorted(path.parent for path in runs_dir.glob("*/run.json"))


def network_key(record: Record) -> tuple[int, int, str]:
    """Level, replicate and arm of the network that a line is about."""
    return record["level"], record["replicate"], record["arm"]


def _stamp(time: datetime) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ")
