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
        found = [explained("probes", name, lines) for name, lines in probed.items()]
    for name in run.analysed():
        try:
            groups = by_options(run.analysis(name))
        except LotteryError as error:
            found.append(Shown(name, None, first_line(error)))
        else:
            own = [explained("analyses", name, group) for group in groups]
            found += (
                [_apart(one, group[0]["options"]) for one, group in zip(own, groups, strict=True)] if own[1:] else own
            )
    return found


def _apart(shown: Shown, options: Mapping[str, Any]) -> Shown:
    """Return the same, told apart by its options from others of its name."""
    said = ", ".join(f"{key} {value}" for key, value in options.items())
    exhibit = shown.exhibit and replace(shown.exhibit, title=cut(f"{shown.exhibit.title} ({said})"))
    return replace(shown, file=f"{shown.file}-{text_checksum(said)[:8]}", exhibit=exhibit)
