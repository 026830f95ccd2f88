"""What a run found, for Python: records that pandas reads, and the tensors of its networks."""

from pathlib import Path
from typing import Any

from lottery.arms import main_arm
from lottery.errors import LotteryError
from lottery.networks.key import Key
from lottery.networks.masks import Mask
from lottery.networks.network import State
from lottery.reporting.comparison import pooled
from lottery.reporting.entries import Row, rows
from lottery.reporting.verdicts import Verdict, judged
from lottery.store.flat import Flat, flat_evaluation, flat_summary
from lottery.store.reader import Reader
from lottery.store.records import About


class Results:
    """A run directory, read only. Everything is read when it is asked for, so a run may still be under way."""

    def __init__(self, path: str | Path) -> None:
        """Open the run in a directory; raises LotteryError where there is none."""
        self._run = Reader.open(Path(path))

    @property
    def about(self) -> About:
        """Return what `run.json` says: status, device, versions, seed."""
        return self._run.record

    @property
    def config(self) -> dict[str, Any]:
        """Return the resolved config."""
        return self._run.config.model_dump(mode="json")

    @property
    def levels(self) -> list[Flat]:
        """Return a record for each trained network: `pandas.DataFrame(results.levels)`."""
        return [flat_summary(line) for line in self._run.levels()]

    @property
    def metrics(self) -> list[Flat]:
        """Return a record for each evaluation."""
        return [flat_evaluation(line) for line in self._run.metrics()]

    @property
    def summary(self) -> list[Row]:
        """Return a record for each level and arm: means over replicates, deviations, half widths of 95 % intervals."""
        return rows(self._run)

    @property
    def verdicts(self) -> list[Verdict]:
        """Return whether there is a winning ticket, level by level; none where the run has no dense network."""
        return judged(self._run, pooled([self._run]))

    def mask(self, level: int, replicate: int = 0, arm: str | None = None, order: int = 0) -> Mask:
        """Return state-dict name -> bool tensor, True where a weight is kept; of no arm, the level's main network's."""
        return self._run.read_mask(self._trained(level, replicate, arm, order))

    def weights(self, level: int, replicate: int = 0, arm: str | None = None, order: int = 0) -> State:
        """Return a trained network's state dict, which the plain model loads; of no arm, the level's main network's."""
        return self._run.read_weights(self._trained(level, replicate, arm, order))

    def _trained(self, level: int, replicate: int, arm: str | None, order: int) -> Key:
        """Return the key of a trained network; raise LotteryError that names those there are where it is none."""
        key = Key(replicate, level, arm or main_arm(level, sparse=self._run.config.sparse is not None), order)
        if not self._run.has_network(key):
            there = dict.fromkeys(f"level {line['level']}, {line['arm']}" for line in self._run.levels())
            raise LotteryError(f"{self._run.path} has no {key}; there are {'; '.join(there) or 'none'}")
        return key
