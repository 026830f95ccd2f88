"""What a report shows of a run's probes and analyses: what these say of their lines, if that can be drawn."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from lottery import registry
from lottery.errors import LotteryError
from lottery.escape import visible
from lottery.exhibits import Exhibit, Line
from lottery.reporting.sound import cut, sound
from lottery.reporting.unexplained import unexplained
from lottery.store.files import text_checksum
from lottery.store.findings import by_options
from lottery.store.reader import Reader


@dataclass(frozen=True)
class Shown:
    """What is shown of a probe or an analysis of a run.

    Attributes:
        file: what the names of its figures begin with.
        exhibit: whose numbers, texts and lengths can be drawn; None where there is none.
        note: why there is none, in one line.
    """

    file: str
    exhibit: Exhibit | None
    note: str = ""


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
        probed, found = {}, [Shown("probes", None, _first_line(error))]
    else:
        found = [explained("probes", name, lines) for name, lines in probed.items()]
    for name in run.analysed():
        try:
            groups = by_options(run.analysis(name))
        except LotteryError as error:
            found.append(Shown(name, None, _first_line(error)))
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


def explained(kind: str, name: str, lines: Sequence[Line]) -> Shown:
    """Return what is shown of some lines of a probe or an analysis."""
    try:
        explain = registry.find(kind, name).constants.get("SHOWN")
    except LookupError:  # a plugin's, which isn't loaded
        explain = None
    try:
        file = f"probe-{name}" if kind == "probes" else name  # a probe may be called as an analysis is
        return Shown(file, sound(explain(lines) if explain else unexplained(name, lines)))
    except Exception as error:  # a user's code, or lines that were forged
        why = _first_line(error)
        return Shown(name, None, f"{name}: not shown, as its lines make no sense ({type(error).__name__}: {why})")


def _first_line(error: BaseException) -> str:
    return cut(visible((str(error).splitlines() or [""])[0]))
