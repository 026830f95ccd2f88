"""Numbers and records are put into words here, for messages and tables: one function for each kind."""

from collections.abc import Mapping, Sequence
from typing import Any


def of_bytes(count: float) -> str:
    """Return a number of bytes in words: `3.4 MiB`."""
    units = ["B", "KiB", "MiB", "GiB", "TiB"]
    while count >= 1024 and len(units) > 1:
        count /= 1024
        units.pop(0)
    return f"{count:.1f} {units[0]}" if units[0] != "B" else f"{count:.0f} B"


def of_operations(count: float | None) -> str:
    """Return a number of floating-point operations in words: `160 G`; nothing for what isn't known."""
    if count is None:
        return ""
    units = ["", " k", " M", " G", " T", " P", " E"]
    while count >= 999.5 and len(units) > 1:
        count /= 1000
        units.pop(0)
    return f"{count:.3g}{units[0]}" if count < 999.5 else f"{count:.0f}{units[0]}"


def of_duration(seconds: float) -> str:
    """Return a number of seconds in words, to two digits or more: `34 s`, `12 min`, `3 h 25 min`."""
    if seconds < 60:
        return f"{seconds:.2g} s" if seconds < 9.5 else f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    if minutes < 60:
        return f"{minutes} min" if minutes >= 10 else f"{int(seconds // 60)} min {int(seconds % 60)} s"
    return f"{minutes // 60:,} h {minutes % 60} min" if minutes < 6000 else f"{minutes // 60:,} h"


def of_levels(levels: Sequence[int]) -> str:
    """Return consecutive levels, ascending, in words: `levels 0 to 3`."""
    return f"levels {levels[0]} to {levels[-1]}" if len(levels) > 1 else f"level {levels[0]}" if levels else "none"


def of_rewind(rewind: Mapping[str, object]) -> str:
    """Return what a rewind retrains, as its run's record has it, in words: `level 2 from 0it, ...`."""
    draws = f" of {rewind['draws']} draws" if "draws" in rewind else ""
    return f"level {rewind['level']} from {rewind['to']}it, weights {rewind['weights']}{draws}, mask {rewind['mask']}"


def of_descent(record: Mapping[str, Any]) -> str:
    """Return what a run trains of its parent, as its record has it, in words; nothing of one without a parent."""
    if "rewind" in record:
        return of_rewind(record["rewind"])
    if "fork" not in record:
        return ""
    fork = record["fork"]
    levels, steps = ", ".join(map(str, fork["levels"])), ", ".join(f"{step}it" for step in fork["at"])
    which = f"level {levels}" if len(fork["levels"]) == 1 else f"levels {levels}"
    return f"{which} ({', '.join(fork['arms'])}), forked at {steps}, {fork['copies']} copies each"
