"""A contract is the checks of one kind; here they are carried out, and what came of them is put into words."""

import importlib
import inspect
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import redirect_stdout
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from traceback import FrameSummary, extract_tb
from typing import Any

from pydantic import ValidationError

from lottery.config import complaints
from lottery.contracts.surroundings import put_back
from lottery.errors import LotteryError
from lottery.registry import Entry
from lottery.seeds import seeded, stream

Shape = tuple[int, int, int]


class Broken(Exception):
    """A contract is broken: the message says what was found, and how to mend it."""


class Unanswered(Exception):
    """An entry can't be checked, as it needs to be told something first."""


@dataclass(frozen=True, eq=False)
class Candidate:
    """A candidate is an entry with the options that it is checked with.

    Attributes:
        options: all of its options, defaults filled in.
        shapes: channels, height and width of images that a model is given; none leaves that to the contract.
    """

    entry: Entry
    options: Mapping[str, Any] = field(default_factory=dict)
    shapes: tuple[Shape, ...] = ()

    def __call__(self, *arguments: Any) -> Any:
        """Call the entry with these options."""
        return self.entry(*arguments, **self.options)


Check = Callable[[Candidate], str | None]


@dataclass(frozen=True)
class Outcome:
    """An outcome is what came of one check.

    Attributes:
        check: name of the check.
        demand: what it demands, in one sentence.
        failure: what was found and how to mend it, or None.
        remark: what the user may want to know of an entry that fulfils it.
    """

    check: str
    demand: str
    failure: str | None = None
    remark: str | None = None


def require(holds: object, found: str) -> None:
    """Raise `Broken`, saying what was found and how to mend it, unless something holds."""
    if not holds:
        raise Broken(found)


def candidate(entry: Entry, options: Mapping[str, Any], shapes: tuple[Shape, ...] = ()) -> Candidate:
    """Return an entry as it is to be checked.

    Raises:
        Unanswered: an option that isn't given has no default.
        LotteryError: an option that is given isn't one, or is of another type.
    """
    full = f"{entry.kind}.{entry.name}"
    for name in options:
        if name not in entry.options.model_fields:
            valid = ", ".join(entry.options.model_fields) or "none"
            raise LotteryError(f"--set {full}.{name}: it has no such option; there are: {valid}")
    try:
        model = entry.options.model_validate(options)
    except ValidationError as error:
        lacking = [str(one["loc"][0]) for one in error.errors() if one["type"] == "missing"]
        if lacking and len(lacking) == error.error_count():
            raise Unanswered(" ".join(f"--set {full}.{name}=..." for name in lacking)) from None
        place, reason = complaints.first(error)
        raise LotteryError(f"--set {full}.{place}: {reason}") from None
    return Candidate(entry, {name: getattr(model, name) for name in entry.options.model_fields}, shapes)


def checks(kind: str) -> list[Check]:
    """Return the checks of a kind: those of all kinds first."""
    return list(chain(*_groups(kind)))


def examine(given: Candidate) -> Iterator[Outcome]:
    """Yield what comes of each check of a candidate; where one fails that others build on, those are left out."""
    for group in _groups(given.entry.kind):
        for position, check in enumerate(group):
            outcome = _outcome(check, given)
            yield outcome
            if outcome.failure and position == 0:
                return


def _groups(kind: str) -> list[tuple[Check, ...]]:
    return [importlib.import_module(f"lottery.contracts.{name}").CHECKS for name in ("signature", kind)]


def _outcome(check: Check, given: Candidate) -> Outcome:
    name, demand = check.__name__, (inspect.getdoc(check) or "").partition("\n")[0]
    try:
        # Results alone go to standard output; what draws from the global generators does the same every time.
        with put_back(), redirect_stdout(sys.stderr), seeded(stream(0, "contract")):
            return Outcome(name, demand, remark=check(given))
    except Broken as error:
        return Outcome(name, demand, failure=str(error))
    except (Exception, SystemExit, GeneratorExit) as error:
        return Outcome(name, demand, failure=described(error, given.entry))


def described(error: BaseException, entry: Entry) -> str:
    """Return what was raised in one line, with the user's own line that it comes from."""
    said = str(error).strip().partition("\n")[0]
    name = "" if isinstance(error, LotteryError) and said else type(error).__name__
    # Of what caused it, rather than of whoever passed it on.
    where = [frames[-1] for one in _chain(error) if (frames := _own(one, entry))]
    place = f" ({Path(where[0].filename).name}:{where[0].lineno})" if where else ""
    return f"{': '.join(part for part in (name, said) if part)}{place}"


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    if error is not None:
        yield from _chain(error.__cause__ or error.__context__)
        yield error


def _own(error: BaseException, entry: Entry) -> list[FrameSummary]:
    """Return the frames of an error that lie in the file of an entry, or below its folder."""
    try:
        home = Path(inspect.getfile(inspect.unwrap(entry.function))).parent
    except (TypeError, OSError):  # of no file
        return []
    files = [(frame, Path(frame.filename)) for frame in extract_tb(error.__traceback__)]
    below = [(frame, file.relative_to(home)) for frame, file in files if file.is_relative_to(home)]
    return [frame for frame, file in below if "site-packages" not in file.parts]
