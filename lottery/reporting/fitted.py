"""A table of texts that fits into any width: headings wrap, then columns go on below; no number is ever cut."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from rich.cells import cell_len
from rich.console import Console, ConsoleOptions, RenderResult
from rich.table import Table
from rich.text import Text

_LONGEST_WORD = 40
"""Characters of a word that is still kept whole: a path, say, may be of any length."""


@dataclass(frozen=True)
class Fitted:
    """A fitted table has headings and rows of texts, aligned to the right but in the columns that are named in `left`.

    Attributes:
        left: headings of columns of words, whose cells may wrap.
        keys: how many columns say what a row is of: where a table is too wide, the other columns go on below, beside
            these once more.
    """

    headings: Sequence[str]
    rows: Sequence[Sequence[str]]
    left: Sequence[str] = ()
    keys: int = 2

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """See `rich.console.Console`."""
        for columns in self._blocks(options.max_width):
            widths = self._widths(columns, options.max_width)
            table = Table(header_style="bold")
            for column, width in zip(columns, widths, strict=True):
                side: Literal["left", "right"] = "left" if self._wraps(column) else "right"
                table.add_column(Text(self.headings[column]), justify=side, width=width, overflow="fold")
            for row in self.rows:
                table.add_row(*(Text(row[column]) for column in columns))
            yield table

    def _blocks(self, most: int) -> list[list[int]]:
        """Return the columns of each table: as few tables as their columns fit into."""
        first, rest = list(range(self.keys)), range(self.keys, len(self.headings))
        blocks = [first]
        for column in rest:
            if len(blocks[-1]) > self.keys and _whole([*map(self._least, blocks[-1]), self._least(column)]) > most:
                blocks.append(first)
            blocks[-1] = [*blocks[-1], column]
        return blocks

    def _widths(self, columns: Sequence[int], most: int) -> list[int]:
        """Return the columns' widths: as wide as their texts, or as narrow as they can be, what is over given away."""
        wanted = [max(map(cell_len, self._texts(column))) for column in columns]
        if _whole(wanted) <= most:
            return wanted
        widths = [min(self._least(column), most - 4) for column in columns]
        # Cells that would wrap get what there is before headings that would.
        for places in ([i for i, column in enumerate(columns) if self._wraps(column)], range(len(columns))):
            for _ in range(most):
                short = [i for i in places if widths[i] < wanted[i]]
                if short and _whole(widths) < most:
                    widths[min(short, key=lambda i: wanted[i] - widths[i])] += 1
        return widths

    def _least(self, column: int) -> int:
        """Return how wide a column is at least: no number wraps, and no word."""
        words = [word for text in self._texts(column) for word in text.split()]
        if not self._wraps(column):
            words = [*self.headings[column].split(), *(row[column] for row in self.rows)]
        return max([1, *(min(cell_len(word), _LONGEST_WORD) for word in words)])

    def _texts(self, column: int) -> list[str]:
        return [self.headings[column], *(row[column] for row in self.rows)]

    def _wraps(self, column: int) -> bool:
        return self.headings[column] in self.left


def _whole(widths: Sequence[int]) -> int:
    """Return the width of a table of such columns, with its borders."""
    return sum(widths) + 3 * len(widths) + 1
