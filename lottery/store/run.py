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

Files appear whole or not at all, and carry checksums: see `lottery.store.files`.
"""

import shutil
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from torch import Tensor

from lottery.errors import LotteryError
from lottery.networks.cohort import Network, State
from lottery.networks.masks import Mask
from lottery.store import files, records
from lottery.store.directory import Directory, network_key, run_paths
from lottery.store.files import Record
from lottery.streams import message


class Run(Directory):
    """One run directory, on disk."""

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
        files.write_json(self.to_write(folder / "summary.json"), summary)

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
        files.write_tensors(self.to_write(path), tensors, {"place": path.relative_to(self.path).as_posix()})

    def _read_tensors(self, path: Path, like: State | None) -> State:
        tensors, about = files.read_tensors_about(path, like)
        if about.get("place") != path.relative_to(self.path).as_posix():
            raise LotteryError(
                f"{path} is not the file that belongs there, but that of {str(about.get('place'))[:200]!r}"
            )
        return tensors

    def _read_member(self, path: Path, like: State | None) -> State:
        try:
            return self._read_tensors(path, like)
        except LotteryError as error:
            raise LotteryError(f"{error};\nremove {path.with_name('summary.json')} to have it trained again") from None

    def settle(self, resumable: Callable[[Record], bool]) -> None:
        """Before going on: drop lines that will be written again, and add those that a crash kept from being written.

        Args:
            resumable: whether an evaluation of an unfinished network lies before its checkpoint.
        """
        for left in self.path.rglob(".*.tmp"):  # by a process that was killed while it wrote
            left.unlink()
        summaries = [self._summary(path) for path in sorted(self.path.glob("replicate-*/level-*/*/summary.json"))]
        by_key = {network_key(summary): summary for summary in summaries}
        done = by_key.keys()
        try:
            path = self.path / "levels.jsonl"
            written = {
                network_key(line): line for line in records.check(records.SUMMARIES, files.read_lines(path), path)
            }
        except LotteryError:  # all that it says stands in the summaries
            written = {}
        order = [key for key in written if key in done] + [key for key in sorted(done) if key not in written]
        files.write_lines(self.to_write(self.path / "levels.jsonl"), [by_key[key] for key in order])
        kept = [line for line in self.metrics() if network_key(line) in done or resumable(line)]
        files.write_lines(self.to_write(self.path / "metrics.jsonl"), kept)

    # Networks under way

    def write_checkpoint(self, name: str, tensors: Mapping[str, Tensor], about: Record) -> None:
        """Keep the state of a chunk under way, and the one before; `about` tells which chunk and how far it is."""
        path = self.to_write(self._checkpoint(name))
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
                        message(f"{error}: going on without it")
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


def find_run(name: str, runs_dir: Path) -> Run:
    """The run that a user means by a path, a name, or `latest`; raises LotteryError where there is none."""
    if name == "latest":
        paths = run_paths(runs_dir)
        if not paths:
            raise LotteryError(f"there are no runs in {runs_dir} yet")
        return Run.open(paths[-1])
    named = runs_dir / name
    return Run.open(named if named.is_dir() and not Path(name).exists() else Path(name))
