"""What a report shows of a run's probes and analyses: what these say of their lines, if that can be drawn."""

from collections.abc import Sequence
from dataclasses import dataclass

from lottery import registry
from lottery.errors import LotteryError
from lottery.escape import visible
from lottery.exhibits import Exhibit, Line
from lottery.reporting.sound import cut, sound
from lottery.reporting.unexplained import unexplained
from lottery.store.reader import Reader


@dataclass(frozen=True)
class Shown:
    """What is shown of a probe or an analysis of a run.

    Attributes:
        name: of the probe or analysis.
        exhibit: whose numbers, texts and lengths can be drawn; None where there is none.
        note: why there is none, in one line.
    """

    name: str
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
        found = [_shown("probes", name, lines) for name, lines in probed.items()]
    for name in run.analysed():
        try:
            lines = run.analysis(name)
        except LotteryError as error:
            found.append(Shown(name, None, _first_line(error)))
        else:
            found += [_shown("analyses", name, lines)] if lines else []
    return found


def _shown(kind: str, name: str, lines: Sequence[Line]) -> Shown:
    try:
        explain = registry.find(kind, name).constants.get("SHOWN")
    except LookupError:  # a plugin's, which isn't loaded
        explain = None
    try:
        return Shown(name, sound(explain(lines) if explain else unexplained(name, lines)))
    except Exception as error:  # a user's code, or lines that were forged
        why = _first_line(error)
        return Shown(name, None, f"{name}: not shown, as its lines make no sense ({type(error).__name__}: {why})")


def _first_line(error: BaseException) -> str:
    return cut(visible((str(error).splitlines() or [""])[0]))
