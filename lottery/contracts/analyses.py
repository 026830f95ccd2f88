"""What an analysis must fulfil."""

import json
from collections.abc import Iterable, Mapping
from typing import Any

from lottery import exhibits
from lottery.contracts.contract import Broken, Candidate, require
from lottery.contracts.guards import twice, untouched
from lottery.contracts.shown import check, leaves
from lottery.contracts.small_run import trained
from lottery.errors import LotteryError
from lottery.explaining.piece import Piece
from lottery.explaining.trained import Trained
from lottery.store import records
from lottery.store.findings import ANALYSED, Analysed


def finds_something(given: Candidate) -> None:
    """An analysis yields pieces, each of its own, and each finds plain numbers and texts by name."""
    for line in _lines(given):
        require(line["values"], f"nothing is found of {line['of']}; return name -> number, say")
        require(
            any(isinstance(one, int | float) for one in leaves(line["values"])),
            f"none of what is found of {line['of']} is a finite number",
        )


def changes_nothing(given: Candidate) -> None:
    """An analysis changes nothing in the run, and leaves the global random state as it is."""
    run = trained().run.path
    before = {path: path.stat().st_mtime_ns for path in run.rglob("*")}
    with untouched():
        for piece in _pieces(given):
            piece.find()
    after = {path: path.stat().st_mtime_ns for path in run.rglob("*")}
    odd = [path for path in before | after if before.get(path) != after.get(path)]
    require(
        not odd, f"{odd and odd[0].relative_to(run)} of the run is changed; return what is found, and write nothing"
    )


def is_repeatable(given: Candidate) -> None:
    """An analysis finds the same when it looks again."""
    one, other = twice(lambda: [line["values"] for line in _lines(given)])
    require(one == other, "another is found the second time; draw from a generator of a fixed seed, if from any")


def finds_each_piece_by_itself(given: Candidate) -> None:
    """A piece finds the same whichever are looked for before it: those that are there already are left out."""
    in_turn = [exhibits.written(piece.find()) for piece in given(trained())]
    from_behind = [exhibits.written(piece.find()) for piece in reversed(_pieces(given))]
    require(
        in_turn == from_behind[::-1],
        "another is found in another order; bind what `find` needs, by functools.partial, say",
    )


class _Closed(Trained):
    """Networks that can't be looked at yet."""

    def __init__(self, of: Trained) -> None:
        self.__dict__ |= of.__dict__

    def _read(self, *given: object) -> Any:  # noqa: ARG002
        raise Broken("it looks at networks before a piece is asked for; read them in `find`")

    end = start = initial = solution = subject = _read  # type: ignore[assignment]


def looks_at_networks_when_asked(given: Candidate) -> None:
    """An analysis reads no network before a piece is found: pieces that are there already cost nothing."""
    for _ in given(_Closed(trained())):
        pass


def says_what_it_means(given: Candidate) -> None:
    """An analysis says by `SHOWN` what its lines mean: a function from them to an Exhibit of finite numbers."""
    explain = given.entry.constants.get("SHOWN")
    require(explain is not None, "there is none; write @register('analyses', shown=function)")
    assert explain is not None
    lines = _lines(given)
    for several in (lines, lines[:1]):
        exhibit = explain(json.loads(json.dumps(several)))
        check(exhibit)


def _pieces(given: Candidate) -> list[Piece]:
    pieces = given(trained())
    require(isinstance(pieces, Iterable), f"it returns a {type(pieces).__name__}; yield Piece(of={{...}}, find=...)")
    found = []
    for piece in pieces:
        require(isinstance(piece, Piece), f"it yields a {type(piece).__name__}; yield Piece(of={{...}}, find=...)")
        found.append(piece)
    require(found, "it yields nothing for a run of three levels, two replicates and two orders")
    names = [json.dumps(_plain(piece), sort_keys=True) for piece in found]
    twins = [name for name in names if names.count(name) > 1]
    require(not twins, f"two pieces are of {twins and twins[0]}; tell them apart")
    return found


def _plain(piece: Piece) -> dict[str, Any]:
    of = dict(piece.of)
    odd = [part for part in of.values() if type(part) not in (int, float, str)]
    require(not odd, f"a piece is of {odd[:1]}; name it by plain numbers and texts, such as int(...)")
    return of


def _lines(given: Candidate) -> list[Analysed]:
    """Return the lines of all pieces, as they would be read from a run."""
    found: list[Analysed] = []
    for piece in _pieces(given):
        values = piece.find()
        require(isinstance(values, Mapping), f"what is found of {dict(piece.of)} is a {type(values).__name__}")
        try:
            line: Analysed = {"options": {}, "of": dict(piece.of), "values": exhibits.written(values), "seconds": 0.0}
            lines: list[Analysed] = records.check(ANALYSED, [line], f"what is found of {dict(piece.of)}")
            found += lines
        except (TypeError, LotteryError) as error:
            raise Broken(f"what is found can't be kept: {error}") from error
    return found


CHECKS = (
    finds_something, changes_nothing, is_repeatable, finds_each_piece_by_itself, looks_at_networks_when_asked,
    says_what_it_means,
)  # fmt: skip
