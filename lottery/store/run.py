"""A run directory as a study writes it.

Files appear whole or not at all, and carry checksums: see `lottery.store.files`.
"""

import os
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Self

from lottery import escape
from lottery.config.schema import Config
from lottery.errors import LotteryError, RunFailed
from lottery.networks.key import Key
from lottery.networks.masks import Mask
from lottery.networks.network import Network, State
from lottery.store import files, locks, places, records
from lottery.store.about import ABOUT, SCHEMA
from lottery.store.findings import Analysed, Probing
from lottery.store.folders import refuse_link
from lottery.store.reader import CHECKSUM, Reader
from lottery.store.records import Evaluation, Summary
from lottery.store.tensor_files import write_tensors

_AGAIN = "give the same command again; nothing found is lost"
"""What is said of an analysis that can't be written."""


class Run(Reader):
    """A run directory that can be written, by one process at a time.

    Attributes:
        again: the command that goes on where the directory was renamed, with RUN for its new name.
    """

    again = "lottery resume RUN; all is there up to the last checkpoint."

    @classmethod
    def create(cls, runs_dir: Path, config: Config, record: Mapping[str, object]) -> Self:
        """Make a new directory, named after the time (UTC) and the config, with `config.yaml` and `run.json` in it.

        `record` is what `run.json` says beside id, status and times.

        Raises:
            LotteryError: the directory can't be made, or `record` isn't what a run may say; then nothing is made.
        """
        started = datetime.now(UTC)
        name = f"{started:%Y-%m-%d_%H-%M-%S}_{config.name}"
        about = {"schema": SCHEMA, "id": name, "status": "running", "started": _stamp(started)}
        about |= {"finished": None} | dict(record)
        records.check(ABOUT, about, places.RECORD)  # before anything is made: what is written can be read
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
        files.write_json(path / places.RECORD, about | {"id": path.name})
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
                f"Go on with: {self.again.replace('RUN', escape.shell(now), 1)}"
            )
        raise RunFailed(
            f"{self.path} was deleted or renamed while it was worked on.\n"
            f"Where it was renamed, go on with: {self.again.rstrip('.')}; else start the study anew."
        )

    def refuse_links(self) -> None:
        """Raise LotteryError where a stranger's run holds links: what is written into a run stays in it."""
        for folder, folders, names in os.walk(self.path):
            for name in (*folders, *names):
                refuse_link(Path(folder, name))

    def to_write(self, place: str | Path, then: str = files.THEN) -> Path:
        """Return the path of a file at a place in this directory; folders are made, the run's own never.

        Raises:
            RunFailed: the directory isn't there any more.
        """
        self._refuse_absence()
        path = self.path / place
        files.make_folders(self.path, path.parent, then)
        return path

    # What was run

    def write_config(self, config: Config) -> None:
        """Replace `config.yaml`."""
        text = config.to_yaml()
        files.write_text(self.to_write(places.CONFIG), f"{text}{CHECKSUM}{files.text_checksum(text)}\n")

    def update(self, **changes: object) -> None:
        """Change entries of `run.json`."""
        files.write_json(self.to_write(places.RECORD), {**self.record, **changes})

    def finish(self, status: str) -> None:
        """Record that the run stands still: finished, interrupted or failed."""
        self.update(status=status, finished=_stamp(datetime.now(UTC)))

    # Networks

    def write_state(self, key: Key, step: int, state: State) -> None:
        """Keep a network's state at a step: initialization, one to rewind to, or one that it is retrained from."""
        self._write_tensors(places.state(key, step), state)

    def write_mask(self, key: Key, mask: Mask) -> None:
        """Keep the mask of a network that is still to be trained."""
        self._write_tensors(places.network(key) / places.MASK, mask)

    def write_network(self, network: Network, summary: Summary) -> None:
        """Keep a trained network; its summary comes last and says that it is done."""
        folder = places.network(Key.of(summary))
        self._write_tensors(folder / places.MASK, network.mask)
        self._write_tensors(folder / places.WEIGHTS, network.state)
        self.flush_lines()  # the summary says that they are there
        files.write_json(self.to_write(folder / places.SUMMARY), dict(summary))

    def forget_network(self, key: Key) -> None:
        """Have a network count as not trained."""
        (self.path / places.network(key) / places.SUMMARY).unlink(missing_ok=True)

    def _write_tensors(self, place: Path, tensors: State) -> None:
        """Write a tensor file that knows its place in the run."""
        write_tensors(self.to_write(place), tensors, {"place": place.as_posix()})

    # Lines

    def append_metrics(self, lines: Iterable[Evaluation]) -> None:
        """Add evaluations."""
        files.append_lines(self.to_write(places.METRICS), map(dict, lines))

    def append_probes(self, lines: Iterable[Probing]) -> None:
        """Add what probes found."""
        files.append_lines(self.to_write(places.PROBES), map(dict, lines))

    def flush_lines(self) -> None:
        """Have the disk hold all that was measured on the way of networks."""
        for name in (places.METRICS, places.PROBES):
            files.flush(self.path / name)

    def append_levels(self, lines: Iterable[Summary]) -> None:
        """Add trained networks."""
        files.append_lines(self.to_write(places.LEVELS), map(dict, lines))

    def mend_analysis(self, name: str) -> None:
        """Drop the last line of what an analysis found where a crash tore it."""
        files.drop_torn(self.path / places.analysis(name), _AGAIN)

    def append_analysis(self, name: str, line: Analysed) -> None:
        """Add a piece that an analysis found."""
        files.append_lines(self.to_write(places.analysis(name), _AGAIN), [dict(line)], _AGAIN)

    def settle_analysis(self, name: str, lines: Sequence[Analysed]) -> None:
        """Have what an analysis found stand in the order of `lines`, on the disk."""
        path = self.to_write(places.analysis(name), _AGAIN)
        if lines != self.analysis(name):
            files.write_lines(path, map(dict, lines), _AGAIN)
        files.flush(path)

    def forget_lines(self, keys: Collection[Key]) -> None:
        """Drop the evaluations of some networks, and what probes found of them."""
        self._keep_lines(lambda line: Key.of(line) not in keys)

    def _keep_lines(self, kept: Callable[[Evaluation | Probing], bool]) -> None:
        files.write_lines(self.to_write(places.METRICS), (dict(line) for line in self.metrics() if kept(line)))
        if (self.path / places.PROBES).exists():
            files.write_lines(self.to_write(places.PROBES), (dict(line) for line in self.probes() if kept(line)))

    def settle(self, resumable: Callable[[Evaluation | Probing], bool]) -> None:
        """Drop, before going on, lines that will be written again, and add those that a crash kept from being written.

        `resumable` says whether a line of an unfinished network lies before its checkpoint.
        """
        for left in self.path.rglob(".*.tmp"):  # by a process that was killed while it wrote
            left.unlink()
        done = {Key.of(one): one for one in map(self.summary_at, sorted(places.summaries(self.path)))}
        try:
            path = self.path / places.LEVELS
            written = [Key.of(line) for line in records.check_lines(records.SUMMARIES, files.checked_lines(path), path)]
        except LotteryError:  # all that it says stands in the summaries
            written = []
        order = dict.fromkeys([key for key in written if key in done] + sorted(done, key=lambda key: key[1:]))
        files.write_lines(self.to_write(places.LEVELS), (dict(done[key]) for key in order))
        self._keep_lines(lambda line: Key.of(line) in done or resumable(line))


def _stamp(time: datetime) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ")
