"""What a run found, for Python: records that pandas reads, and the tensors of its networks."""

from pathlib import Path

from lottery.networks.cohort import State
from lottery.networks.masks import Mask
from lottery.report.rows import rows
from lottery.report.verdicts import Verdict, judged
from lottery.store.files import Record
from lottery.store.run import Run


class Results:
    """A run directory, read only. Everything is read when it is asked for, so a run may still be under way."""

    def __init__(self, path: str | Path) -> None:
        """Open the run in a directory; raises LotteryError where there is none."""
        self._run = Run.open(Path(path))

    @property
    def about(self) -> Record:
        """What `run.json` says: status, device, versions, seed."""
        return self._run.record

    @property
    def config(self) -> Record:
        """The resolved config."""
        found: Record = self._run.config.model_dump(mode="json")
        return found

    @property
    def levels(self) -> list[Record]:
        """A record for each trained network: `pandas.DataFrame(results.levels)`."""
        return self._run.levels()

    @property
    def metrics(self) -> list[Record]:
        """A record for each evaluation."""
        return self._run.metrics()

    @property
    def summary(self) -> list[Record]:
        """A record for each level and arm: means over replicates, deviations, half widths of 95 % intervals."""
        return rows(self._run)

    @property
    def verdicts(self) -> list[Verdict]:
        """Whether there is a winning ticket, level by level; none where the run has no dense network."""
        return judged(self._run, self._run.levels())

    def mask(self, level: int, replicate: int = 0, arm: str = "main") -> Mask:
        """State-dict name -> bool tensor, True where a weight is kept."""
        return self._run.read_mask(replicate, level, arm)

    def weights(self, level: int, replicate: int = 0, arm: str = "main") -> State:
        """The trained network's state dict, which the plain model loads."""
        return self._run.read_weights(replicate, level, arm)
