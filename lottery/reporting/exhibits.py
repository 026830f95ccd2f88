"""What a report shows of a run's probes and analyses."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from lottery.errors import LotteryError
from lottery.exhibits import Line
from lottery.reporting.explained import Shown, explained, first_line
from lottery.reporting.sound import cut
from lottery.store.files import text_checksum
from lottery.store.findings import by_options
from lottery.store.reader import Reader

_MOST, _MOST_OPTIONS = 30, 8
"""Probes of a run that are shown, and analyses; of one of these, options: those that were asked for last."""


def shown_of(run: Reader) -> list[Shown]:
    """Return what is shown of each probe and each analysis that found something in a run.

    Entries say it in `SHOWN`; of one that isn't there any more, or says nothing, means of its numbers are shown. What
    `SHOWN` can't make sense of, as of lines that a stranger forged, is left out with a note.
    """
    try:
        probed: dict[str, list[Line]] = {}
        for line in run.probes():
            probed.setdefault(line["probe"], []).append(line)
    except LotteryError as error:
        probed, found = {}, [Shown("probes", None, first_line(error))]
    else:
        found = [explained("probes", name, lines) for name, lines in [*probed.items()][:_MOST]]
    analysed = run.analysed()
    for name in analysed[:_MOST]:
        found += _analysed(run, name)
    left_out = _left_out("probes", "probes", len(probed) - _MOST)
    return [*found, *left_out, *_left_out("analyses", "analyses", len(analysed) - _MOST)]


def _analysed(run: Reader, name: str) -> list[Shown]:
    try:
        groups = by_options(run.analysis(name))
    except LotteryError as error:
        return [Shown(name, None, first_line(error))]
    last = groups[-_MOST_OPTIONS:]
    own = [explained("analyses", name, group) for group in last]
    if last[1:]:
        own = [_apart(one, group[0]["options"]) for one, group in zip(own, last, strict=True)]
    return [*own, *_left_out(name, "options", len(groups) - len(last))]


def _left_out(name: str, what: str, number: int) -> list[Shown]:
    """Return a note of what is beyond all that is shown, if there is any."""
    note = f"{name}: what was found of {number:,} more {what} is in the run's files, and not shown"
    return [Shown(name, None, note)] if number > 0 else []


def _apart(shown: Shown, options: Mapping[str, Any]) -> Shown:
    """Return the same, told apart by its options from others of its name."""
    said = ", ".join(f"{key} {value}" for key, value in options.items())
    exhibit = shown.exhibit and replace(shown.exhibit, title=cut(f"{shown.exhibit.title} ({said})"))
    return replace(shown, file=f"{shown.file}-{text_checksum(said)[:8]}", exhibit=exhibit)
