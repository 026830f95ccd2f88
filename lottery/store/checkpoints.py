"""Checkpoints of the networks under way: one for each chunk, in two generations."""

import shutil
from collections.abc import Iterator, Mapping

from torch import Tensor

from lottery.errors import LotteryError
from lottery.networks.key import Key
from lottery.store import places, records
from lottery.store.findings import Probing
from lottery.store.records import ChunkRecord, Evaluation
from lottery.store.run import Run
from lottery.store.tensor_files import read_tensors_about, write_tensors
from lottery.streams import message


def before_checkpoint(line: Evaluation | Probing, about: ChunkRecord) -> bool:
    """Return whether a line is of a network that a checkpoint holds, and was made before it."""
    return tuple(Key.of(line)) in about["members"] and line["step"] <= about["step"]


class Checkpoints:
    """The checkpoints of a run."""

    def __init__(self, run: Run) -> None:
        self._run, self._folder = run, run.path / places.CHECKPOINTS

    def write(self, name: str, tensors: Mapping[str, Tensor], about: ChunkRecord) -> None:
        """Keep the state of a chunk under way, and the one before; `about` tells which chunk and how far it is."""
        path = self._run.to_write(f"{places.CHECKPOINTS}/{name}.safetensors")
        self._run.flush_lines()  # those before a checkpoint are not made again
        if path.exists():
            path.replace(path.with_suffix(".before"))
        write_tensors(path, tensors, dict(about))

    def read(self) -> Iterator[tuple[dict[str, Tensor], ChunkRecord]]:
        """Return what `write` kept of each chunk; the one before where the last one is damaged."""
        for path in sorted({path.with_suffix(".safetensors") for path in self._folder.glob("level-*")}):
            for generation in (path, path.with_suffix(".before")):
                try:
                    tensors, about = read_tensors_about(generation)
                    yield tensors, records.check(records.CHUNK, about, generation)
                except LotteryError as error:
                    if generation.exists():
                        message(f"{error}: going on without it")
                    continue
                break

    def drop(self, name: str) -> None:
        """Remove a chunk's checkpoints, if there are any: its networks are done."""
        path = self._folder / f"{name}.safetensors"
        path.unlink(missing_ok=True)
        path.with_suffix(".before").unlink(missing_ok=True)
        if self._folder.exists() and not any(self._folder.iterdir()):
            self._folder.rmdir()

    def drop_all(self) -> None:
        """Remove all checkpoints: nothing is under way."""
        shutil.rmtree(self._folder, ignore_errors=True)
