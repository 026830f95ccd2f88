"""What a run found, for Python: records that pandas reads, and the tensors of its networks."""

from collections.abc import Callable
from os import PathLike, fspath
from pathlib import Path
from typing import Any

import torch
from torch import nn

from lottery import arguments, registry
from lottery.arms import main_arm
from lottery.data._normalise import Normalise
from lottery.errors import LotteryError
from lottery.escape import shown
from lottery.models import _own
from lottery.networks import parameters
from lottery.networks.key import Key
from lottery.networks.masks import Mask
from lottery.networks.network import State
from lottery.reporting.comparison import pooled
from lottery.reporting.entries import Row, rows
from lottery.reporting.verdicts import Verdict, judged
from lottery.store.about import About
from lottery.store.finding import find_run
from lottery.store.flat import Flat, flat_analysed, flat_evaluation, flat_probing, flat_summary
from lottery.store.parts import DataRecord
from lottery.store.reader import Reader
from lottery.studies import architecture


class Results:
    """A run directory, read only. Everything is read when it is asked for, so a run may still be under way."""

    def __init__(self, path: str | Path) -> None:
        """Open the run in a directory; raises LotteryError where there is none."""
        self._run = Reader.open(Path(path))

    @property
    def path(self) -> Path:
        """Return the run directory's path."""
        return self._run.path

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

    def analysis(self, name: str) -> list[Flat]:
        """Return a record for each piece that an analysis found; none where `lottery.analyze` hasn't been asked for it.

        Records of all options that it was asked for with are among them: `options.NAME` tells them apart.

        Raises:
            LotteryError: there is no analysis of that name, and none of it was carried out.
        """
        known = sorted({*registry.names("analyses"), *self._run.analysed()})
        if name not in known:
            near = registry.suggestion(str(name), known)
            raise LotteryError(f"there is no analysis {shown(name)}{near}; there are {', '.join(known)}")
        return [flat_analysed(line) for line in self._run.analysis(name)]

    @property
    def probes(self) -> list[Flat]:
        """Return a record for each time that a probe was asked of a network; what it found are fields of their own."""
        return [flat_probing(line) for line in self._run.probes()]

    @property
    def summary(self) -> list[Row]:
        """Return a record for each level and arm: means over replicates, deviations, half widths of 95 % intervals."""
        return rows(self._run)

    @property
    def verdicts(self) -> list[Verdict]:
        """Return whether there is a winning ticket, level by level; none where the run has no dense network."""
        return judged(self._run, pooled([self._run]))

    def mask(self, level: int, arm: str | None = None, replicate: int = 0, order: int = 0) -> Mask:
        """Return state-dict name -> bool tensor, True where a weight is kept; of no arm, the level's main network's."""
        return self._run.read_mask(self._trained(level, arm, replicate, order))

    def weights(self, level: int, arm: str | None = None, replicate: int = 0, order: int = 0) -> State:
        """Return a trained network's state dict, which the plain model loads; of no arm, the level's main network's."""
        return self._run.read_weights(self._trained(level, arm, replicate, order))

    def model(
        self,
        level: int,
        arm: str | None = None,
        replicate: int = 0,
        order: int = 0,
        *,
        model: Callable[..., nn.Module] | None = None,
    ) -> nn.Module:
        """Return a trained network, ready to use: an ordinary module in evaluation mode, on the CPU; loads no data.

        It takes what `normalise` returns, float32 `[N, C, H, W]`, and returns one number for each class.

        Args:
            level: of the run; 0 is dense.
            arm: such as reinit; where nothing is said, the level's main network's.
            replicate: which repetition.
            order: 0 is the usual order of batches.
            model: what made the network, where that was given from Python.

        Raises:
            LotteryError: there is no such network, it is damaged, or `model` makes another one.
        """
        key = self._trained(level, arm, replicate, order)
        data, config = self._data(), self._run.config
        channels, height, width = data["shape"]
        if model is None and config.model.name == "given":
            made_by = config.model.options.get("of")
            raise LotteryError(f"{self.path}: its networks were made by {made_by}; give that, too: model={made_by}")
        given = None if model is None else _own.given(model)
        with architecture.fitting((channels, height, width)):
            build = architecture.builder(config.model, (channels, height, width), data["classes"], given)
            architecture.check_memory(build, torch.device("cpu"))
            module = architecture.template(build, config)
        architecture.identified(config, module, given)
        state = self._run.read_weights(key, parameters.tensors(module))
        module.load_state_dict(state, strict=False)  # what is no tensor is as it was built
        return module.eval()

    @property
    def normalise(self) -> Normalise:
        """Return the module that images go through before a network sees them: `model(results.normalise(images))`.

        It takes uint8 images `[N, C, H, W]`, or floating-point ones in 0..1.
        """
        data = self._data()
        return Normalise(data["mean"], data["std"])

    def __repr__(self) -> str:
        """Return what a Python session shows: which run this is, and how it stands."""
        try:
            record, trained = self._run.record, len(self._run.levels())
        except LotteryError:
            return f"Results({str(self.path)!r})"
        return f"Results({str(self.path)!r}: {record['study']}, {record['status']}, networks trained: {trained})"

    def _data(self) -> DataRecord:
        """Return what the run keeps of its data."""
        data = self._run.record.get("data")
        if data is None:
            raise LotteryError(
                f"{self.path} is of a lottery that didn't keep what a run's data are; take results.weights"
            )
        return data

    def _trained(self, level: int, arm: str | None, replicate: int, order: int) -> Key:
        """Return the key of a trained network; raise LotteryError that names those there are where it is none."""
        key = Key(replicate, level, arm or main_arm(level, sparse=self._run.config.sparse is not None), order)
        if not self._run.has_network(key):
            there = dict.fromkeys(f"level {line['level']}, {line['arm']}" for line in self._run.levels())
            raise LotteryError(f"{self._run.path} has no {key}; there are {'; '.join(there) or 'none'}")
        return key


RunLike = str | PathLike[str] | Results
"""A run: a path, a name, `latest`, or what another call returned."""


def find(run: RunLike, runs_dir: str | PathLike[str], *, newest: bool = False, unfinished: bool = False) -> Reader:
    """Return a run, as `lottery.store.finding.find_run` does; raise LotteryError where it isn't there."""
    where = arguments.path(runs_dir, "runs_dir")
    if isinstance(run, Results):
        return find_run(str(run.path), where)
    arguments.path(run, "run")
    return find_run(fspath(run), where, newest=newest, unfinished=unfinished)
