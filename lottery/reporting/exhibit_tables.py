"""What probes and analyses found, for the terminal: sentences that answer, and tables."""

from collections.abc import Sequence

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.text import Text

from lottery.reporting.exhibits import shown_of
from lottery.reporting.explained import Shown
from lottery.reporting.fitted import Fitted
from lottery.store.reader import Reader

HINT = "figures: report/; tables, too: lottery report RUN --html"


def exhibit_tables(run: Reader) -> RenderableType:
    """Return the sentences of what probes and analyses of a run found, without tables; nothing where there are none."""
    found = shown_of(run)
    parts = [told(shown) for shown in found]
    return Group(*parts, *([Text(HINT, style="dim")] if any(shown.exhibit for shown in found) else []))


def told(shown: Shown, *, table: bool = False) -> RenderableType:
    """Return what is shown of one probe or analysis in sentences; with `table`, its numbers and its definition, too."""
    if shown.exhibit is None:
        return Text(shown.note, style="bold")
    parts: list[RenderableType] = [Text(shown.exhibit.title, style="bold")]
    parts += [Padding(Text(answer), (0, 0, 0, 2), expand=False) for answer in shown.exhibit.answers]
    if table and shown.exhibit.table:
        headings, rows = shown.exhibit.table.headings, shown.exhibit.table.rows
        parts.append(Fitted(headings, rows, left=_of_words(headings, rows), keys=_keys(rows)))
    if table and shown.exhibit.meaning:
        parts.append(Text(shown.exhibit.meaning, style="dim"))
    return Group(*parts)


def _keys(rows: Sequence[Sequence[str]]) -> int:
    """Return how many columns, from the left, tell all rows apart."""
    columns = len(rows[0]) if rows else 1
    return next((most for most in range(1, columns) if len({tuple(row[:most]) for row in rows}) == len(rows)), 1)


def _of_words(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """Return the headings of columns that hold words rather than numbers."""
    return [heading for heading, *cells in zip(headings, *rows, strict=True) if not all(map(is_number, cells))]


def is_number(cell: str) -> bool:
    """Return whether a cell is a number, such as `0.3 ± 0.1`, `12 %`, `—`, or empty: it is aligned to the right."""
    return not any(one.isalpha() for one in cell.replace("e-", "").replace("e+", ""))
