"""A run directory, read only.

torch is imported only where tensors are read: listing runs does without.
"""

from pathlib import Path
from typing import TYPE_CHECKING, Self

from lottery.config.file import parse
from lottery.config.schema import Config
from lottery.errors import LotteryError
from lottery.escape import has_controls, visible
from lottery.networks.key import Key
from lottery.store import files, locks, places, records
from lottery.store.about import ABOUT, SCHEMA, About
from lottery.store.findings import ANALYSED, PROBINGS, Analysed, Probing
from lottery.store.records import Evaluation, Summary
from lottery.store.tensor_files import read_tensors_about

if TYPE_CHECKING:
    from lottery.networks.masks import Mask
    from lottery.networks.network import State

CHECKSUM = "# checksum: "
"""What begins the last line of `config.yaml`."""


class OtherSchema(LotteryError):
    """The run is whole, for all that is known, but of another release's format.

    Attributes:
        by: what wrote it: `an older lottery (schema 2)`.
    """

    def __init__(self, path: Path, schema: int) -> None:
        newer = schema > SCHEMA
        self.by = f"{'a newer' if newer else 'an older'} lottery (schema {schema})"
        remedy = "update lottery" if newer else "read it with that one"
        super().__init__(f"{path} was written by {self.by[:-1]}, this one reads {SCHEMA}); {remedy}")


class Reader:
    """A run directory as whoever reports, rewinds or resumes it reads it; nothing is kept in memory."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @classmethod
    def open(cls, path: Path) -> Self:
        """Return the run in directory `path`; raise LotteryError where there is none, or one of another schema."""
        if has_controls(path.name):  # it would be several lines in a message of one
            raise LotteryError(
                f"{visible(str(path))}: control characters have no place in the name of a run; rename it"
            )
        if not path.is_dir():
            raise LotteryError(f"{path} is not there; `lottery runs` lists the runs that are")
        if not (path / places.RECORD).is_file() or not (path / places.CONFIG).is_file():
            raise LotteryError(f"{path} is not a run directory: it lacks run.json or config.yaml")
        written = files.peek(path / places.RECORD).get("schema", 1)
        if isinstance(written, int) and written != SCHEMA and 0 <= written < 1000:
            raise OtherSchema(path, written)
        run = cls(path)
        _ = run.record  # is it one at all?
        return run

    # What was run

    @property
    def record(self) -> About:
        """Return the content of `run.json`; raise LotteryError where it is damaged."""
        path = self.path / places.RECORD
        return records.check(ABOUT, files.read_json(path), path)

    @property
    def config(self) -> Config:
        """Return the resolved config; raise LotteryError where it is damaged."""
        path = self.path / places.CONFIG
        text, mark, checksum = files.read_text(path).rpartition(CHECKSUM)
        if not mark or checksum.strip() != files.text_checksum(text):
            raise LotteryError(
                f"{path} is damaged, or was changed by hand; a run keeps its config: start another with a copy of it"
            )
        return parse(text, str(path), self.path.name, recorded=True)

    @property
    def abandoned(self) -> bool:
        """Return whether the run is said to be running, and no process on this machine works on it: it was killed."""
        return self.record["status"] == "running" and not locks.is_locked(self.path)

    # Lines

    def metrics(self) -> list[Evaluation]:
        """Return every evaluation so far."""
        path = self.path / places.METRICS
        return records.check_lines(records.EVALUATIONS, files.checked_lines(path), path)

    def whole_metrics(self) -> list[Evaluation]:
        """Return every evaluation; raise LotteryError where those of a trained network have been lost."""
        lines = self.metrics()
        trained = self.levels()
        ends = {line["stop_step"] for line in trained}
        last = {(Key.of(line), line["step"]) for line in lines if line["step"] in ends and line["split"] == "test"}
        for line in trained:
            if (Key.of(line), line["stop_step"]) not in last:
                raise self._cut_short(places.METRICS, "evaluations", Key.of(line))
        return lines

    def whole_probes(self) -> list[Probing]:
        """Return all that probes found; raise LotteryError where that of a trained network has been lost."""
        lines, names = self.probes(), [probe.name for probe in self.config.probes]
        last = {(Key.of(line), line["step"], line["probe"]) for line in lines}
        for line in self.levels() if names else []:
            if not all((Key.of(line), line["stop_step"], name) in last for name in names):
                raise self._cut_short(places.PROBES, "findings", Key.of(line))
        return lines

    def _cut_short(self, name: str, lacking: str, key: Key) -> LotteryError:
        return LotteryError(
            f"{self.path / name} was cut short: it lacks {lacking} of {key};\nremove "
            f"{self.path / places.network(key) / places.SUMMARY} to have it trained again by `lottery resume`"
        )

    def levels(self) -> list[Summary]:
        """Return the summary of every trained network, in the order of training."""
        path = self.path / places.LEVELS
        lines = records.check_lines(records.SUMMARIES, files.checked_lines(path), path)
        trained = sum(1 for _ in places.summaries(self.path))
        keys = {Key.of(line) for line in lines}
        if not (len(lines) == len(keys) == trained) and not locks.is_locked(self.path):
            raise LotteryError(
                f"{path} has {len(lines)} lines for {trained} trained networks; `lottery resume` writes it anew"
            )
        return lines

    def lacks_networks(self) -> bool:
        """Return whether networks that were trained are not there any more, as `levels.jsonl` says."""
        path = self.path / places.LEVELS
        try:
            lines = records.check_lines(records.SUMMARIES, files.checked_lines(path), path)
        except LotteryError:  # it is written anew, from what is there
            return False
        return not all(self.has_network(Key.of(line)) for line in lines)

    def probes(self) -> list[Probing]:
        """Return all that probes found so far."""
        path = self.path / places.PROBES
        return records.check_lines(PROBINGS, files.checked_lines(path), path)

    def analysis(self, name: str) -> list[Analysed]:
        """Return all that an analysis found so far; none where it hasn't been carried out."""
        path = self.path / places.analysis(name)
        try:
            return records.check_lines(ANALYSED, files.checked_lines(path), path)
        except LotteryError as error:
            raise LotteryError(f"{error};\nwhat is removed of {path} is found again by `lottery analyze`") from None

    def analysed(self) -> list[str]:
        """Return the names of the analyses that found something, sorted."""
        return sorted(path.stem for path in (self.path / places.ANALYSIS).glob("*.jsonl"))

    # Networks

    def has_network(self, key: Key) -> bool:
        """Return whether a network is trained."""
        return (self.path / places.network(key) / places.SUMMARY).exists()

    def has_mask(self, key: Key) -> bool:
        """Return whether the mask of a network is there, which may still have to be trained."""
        return (self.path / places.network(key) / places.MASK).exists()

    def has_state(self, key: Key, step: int) -> bool:
        """Return whether a network's state at a step is kept."""
        return (self.path / places.state(key, step)).exists()

    def read_summary(self, key: Key) -> Summary:
        """Return the summary of a trained network; raise LotteryError where it is missing or damaged."""
        return self.summary_at(self.path / places.network(key) / places.SUMMARY)

    def summary_at(self, path: Path) -> Summary:
        """Return the summary in a file of this run; raise LotteryError where it is damaged, or another network's."""
        try:
            summary = records.check(records.SUMMARY, files.read_json(path), path)
            if self.path / places.network(Key.of(summary)) != path.parent:
                raise LotteryError(f"{path} is the summary of another network")
        except LotteryError as error:
            raise LotteryError(f"{error};\nremove that file to have the network trained again") from None
        return summary

    def read_mask(self, key: Key, like: "Mask | None" = None) -> "Mask":
        """Return a network's mask, shaped `like` one of the model; raise LotteryError where it is damaged."""
        return self._read_trained(places.network(key) / places.MASK, like)

    def read_weights(self, key: Key, like: "State | None" = None) -> "State":
        """Return a trained network's state, shaped `like` the model's; raise LotteryError where it is damaged."""
        return self._read_trained(places.network(key) / places.WEIGHTS, like)

    def read_state(self, key: Key, step: int, like: "State | None" = None) -> "State":
        """Return a network's state at a step, shaped `like` the model's; raise LotteryError where it is damaged."""
        return self._read_trained(places.state(key, step), like)

    def _read_tensors(self, place: Path, like: "State | None") -> "State":
        tensors, about = read_tensors_about(self.path / place, like)
        if about.get("place") != place.as_posix():
            raise LotteryError(
                f"{self.path / place} is not the file that belongs there, but that of {str(about.get('place'))[:200]!r}"
            )
        return tensors

    def _read_trained(self, place: Path, like: "State | None") -> "State":
        try:
            return self._read_tensors(place, like)
        except LotteryError as error:
            summary = self.path / place.with_name(places.SUMMARY)
            raise LotteryError(f"{error};\nremove {summary} to have it trained again") from None
