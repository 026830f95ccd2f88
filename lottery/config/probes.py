"""Section `probes` says what is measured of networks while they train, and how often."""

from typing import Self

from pydantic import model_validator
from pydantic_core import PydanticCustomError

from lottery.config.choices import Choice
from lottery.config.values import Count, Duration


class Probe(Choice):
    """A probe says what is measured of each network, at its first step, at its last, and how often in between."""

    kind = "probes"
    every: Duration = Duration("200it")
    """Measure at every multiple of so many steps, too."""
    images: Count = 256
    """Training images that it looks at: the same ones at every step and of every network of a replicate."""

    @model_validator(mode="after")
    def _sensible(self) -> Self:
        if self.every.steps(1) == 0:
            raise PydanticCustomError("zero", "every: must be more than 0")
        return self
