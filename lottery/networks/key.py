"""A key is the name of one network of a run."""

from collections.abc import Mapping
from typing import Any, NamedTuple, Self


class Key(NamedTuple):
    """A key names one network of a run, everywhere and in this order.

    Attributes:
        replicate: the repetition that it belongs to, from 0.
        level: 0 is dense; each further one is sparser, or of another density.
        arm: the role that the network has, such as `dense`, `ticket` or a control.
        order: 0 for the usual order of batches; 1, 2, ... for trainings that differ in nothing else.
    """

    replicate: int
    level: int
    arm: str
    order: int = 0

    @classmethod
    def of(cls, record: Mapping[str, Any]) -> Self:
        """Return the key that a record is of; one that names no order is of the usual one."""
        return cls(record["replicate"], record["level"], record["arm"], record.get("order", 0))

    def __str__(self) -> str:
        order = f", order {self.order}" if self.order else ""
        return f"level {self.level}, replicate {self.replicate}, {self.arm}{order}"
