"""A run as a report sees it."""

from functools import cached_property

from lottery.config.schema import Config
from lottery.store.files import Record
from lottery.store.run import Run


class Snapshot(Run):
    """A run directory whose files are read and checked once, however often they are asked for.

    A report asks for the lines of twenty runs many times over. They stay as they were when first asked for, so what is
    shown belongs together though a run is still under way.
    """

    @cached_property
    def config(self) -> Config:
        """The resolved config."""
        return super().config

    @cached_property
    def record(self) -> Record:
        """`run.json`."""
        return super().record

    @cached_property
    def _levels(self) -> list[Record]:
        return super().levels()

    @cached_property
    def _metrics(self) -> list[Record]:
        return super().metrics()

    def levels(self) -> list[Record]:
        """Every trained network."""
        return self._levels

    def metrics(self) -> list[Record]:
        """Every evaluation."""
        return self._metrics
