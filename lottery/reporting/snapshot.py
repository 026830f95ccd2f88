"""A run as a report sees it."""

from functools import cached_property

from lottery.config.schema import Config
from lottery.store.about import About
from lottery.store.findings import Probing
from lottery.store.reader import Reader
from lottery.store.records import Evaluation, Summary


class Snapshot(Reader):
    """A run directory whose files are read and checked once, however often they are asked for.

    A report asks for the lines of twenty runs many times over. They stay as they were when first asked for, so what is
    shown belongs together though a run is still under way.
    """

    @cached_property
    def config(self) -> Config:
        """The resolved config."""
        return super().config

    @cached_property
    def record(self) -> About:
        """The content of `run.json`."""
        return super().record

    @cached_property
    def _levels(self) -> list[Summary]:
        return super().levels()

    @cached_property
    def _metrics(self) -> list[Evaluation]:
        return super().metrics()

    @cached_property
    def _whole_metrics(self) -> list[Evaluation]:
        return super().whole_metrics()

    @cached_property
    def _probes(self) -> list[Probing]:
        return super().probes()

    def levels(self) -> list[Summary]:
        """Return the summary of every trained network."""
        return self._levels

    def metrics(self) -> list[Evaluation]:
        """Return every evaluation."""
        return self._metrics

    def whole_metrics(self) -> list[Evaluation]:
        """Return every evaluation; raise LotteryError where those of a trained network have been lost."""
        return self._whole_metrics

    def probes(self) -> list[Probing]:
        """Return all that probes found."""
        return self._probes
