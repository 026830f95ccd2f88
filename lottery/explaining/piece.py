"""A piece is one line of an analysis: what it is of, and how it is found."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from lottery.exhibits import Findings


@dataclass(frozen=True)
class Piece:
    """A piece is found once, and kept; `of` tells it from all others of the same analysis and options.

    Attributes:
        of: what it is of, such as replicate, level, arm, of plain numbers and texts.
        find: returns what is found; called only where there is no line of it yet.
    """

    of: Mapping[str, int | float | str]
    find: Callable[[], Findings]
