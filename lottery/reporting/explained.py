"""What a probe or an analysis says of its lines, if that can be drawn; else a note that says why it can't."""

from collections.abc import Sequence
from dataclasses import dataclass

from lottery import registry
from lottery.escape import visible
from lottery.exhibits import Exhibit, Line
from lottery.reporting.sound import cut, sound
from lottery.reporting.unexplained import unexplained

_MOST_ARMS = 100


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


def explained(kind: str, name: str, lines: Sequence[Line]) -> Shown:
    """Return what is shown of some lines of a probe or an analysis."""
    try:
        explain = registry.find(kind, name).constants.get("SHOWN")
    except LookupError:  # a plugin's, which isn't loaded
        explain = None
    try:
        _bound(lines)
        file = f"probe-{name}" if kind == "probes" else name  # a probe may be called as an analysis is
        return Shown(file, sound(explain(lines) if explain else unexplained(name, lines)))
    except LookupError as error:  # it asks for what its lines don't hold
        return Shown(name, None, f"{name}: not shown, as another version of it wrote its lines ({_said(error)})")
    except Exception as error:  # a user's code, or lines that were forged
        return Shown(name, None, f"{name}: not shown, as its lines make no sense ({_said(error)})")


def _said(error: BaseException) -> str:
    return f"{type(error).__name__}: {first_line(error)}"


def _bound(lines: Sequence[Line]) -> None:
    """Refuse lines of more arms than any run has: whoever explains them may look through all of them for each."""
    arms = len({line.get("of", line).get("arm") for line in lines})
    if arms > _MOST_ARMS:
        raise ValueError(f"{arms:,} arms")


def first_line(error: BaseException) -> str:
    """Return the first line of what an error says, such as can be shown."""
    return cut(visible((str(error).splitlines() or [""])[0]))
