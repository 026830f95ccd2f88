"""The runs of a folder in a table, soon: thousands of them in a second or two, so that torch isn't imported here."""

import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from rich.cells import cell_len

from lottery import words
from lottery.errors import LotteryError
from lottery.escape import visible
from lottery.store import files
from lottery.store.about import About
from lottery.store.reader import OtherSchema, Reader

_HEADINGS = ("run", "study", "status", "levels", "lowest density", "device", "")
_NUMBERS = re.compile(rb'"level": (\d+),.*?"density": (\d+(?:\.\d+)?(?:e-?\d+)?)[,}]')
"""In a line of `levels.jsonl`, as `lottery` writes them: finding two numbers takes a seventh of parsing them all."""


def listing(paths: Sequence[Path]) -> Iterator[str]:
    """A heading and a line for each run directory; one that can't be read says so."""
    rows = [_HEADINGS, *map(_row, paths)]
    whole = [row for row in rows if len(row) == len(_HEADINGS)]  # what can't be read has two columns, one of any width
    widths = [max(map(cell_len, column)) for column in zip(*whole, strict=True)]
    widths[0] = max(cell_len(row[0]) for row in rows)
    for row in rows:
        cells = (cell + " " * (width - cell_len(cell)) for cell, width in zip(row, widths, strict=False))
        yield "  ".join(cells).rstrip()


def _row(path: Path) -> tuple[str, ...]:
    name = visible(path.name)
    try:
        run = Reader.open(path)
        record, lines = run.record, [_NUMBERS.search(line) for line in files.checked_lines(path / "levels.jsonl")]
    except OtherSchema as error:
        return name, f"written by {error.by}"
    except LotteryError as error:
        return name, f"damaged: {visible(str(error))}"
    if not all(lines):
        return name, f"damaged: {visible(str(path))} has lines in levels.jsonl that lottery does not write"
    found = [(line[1], float(line[2])) for line in lines if line]
    status = "killed" if record["status"] == "running" and run.abandoned else record["status"]
    lowest = f"{100 * min(density for _, density in found):.1f} %" if found else ""
    levels = str(len({level for level, _ in found}))
    return name, record["study"], status, levels, lowest, visible(record.get("device", "")), _of(record)


def _of(record: About) -> str:
    """Return what a rewind or fork trains: of which run, which level, from what."""
    made = words.of_descent(record)
    if not made:
        return ""
    parent = record.get("parent_id") or Path(record.get("parent") or "?").name
    return f"of {visible(parent)}: {made}"
