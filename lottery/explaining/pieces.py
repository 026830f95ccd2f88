"""The pieces of an analysis are asked for, and one is found; what a user's says is checked on the way."""

import json
import time
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from lottery import answers
from lottery.config.analyses import Analysis
from lottery.errors import LotteryError
from lottery.explaining.piece import Piece
from lottery.explaining.trained import Trained, go_on
from lottery.seeds import seeded, stream
from lottery.store import records
from lottery.store.findings import ANALYSED, Analysed


def pieces(trained: Trained, analysis: Analysis) -> Iterator[Piece]:
    """Yield an analysis's pieces; raise LotteryError where it has none, or a user's yields something else."""
    entry, seen = analysis.entry, set[str]()
    answer: object = entry(trained, **analysis.options)
    if not isinstance(answer, Iterable):
        raise answers.refused(entry, f"a {type(answer).__name__}", "an iterator of lottery.explaining.piece.Piece")
    for piece in answer:
        if not isinstance(piece, Piece):
            raise answers.refused(entry, f"a {type(piece).__name__} among its pieces", "Piece(of={...}, find=...)")
        if not isinstance(piece.of, Mapping) or not all(type(part) in (int, float, str) for part in piece.of.values()):
            raise answers.refused(entry, f"a piece of {piece.of!r:.100}", "plain numbers and texts as `of`")
        if name_of(piece.of) in seen:
            raise answers.refused(entry, f"two pieces of {dict(piece.of)!r:.100}", "one of each")
        seen.add(name_of(piece.of))
        yield piece
    if not seen:
        raise LotteryError(
            f"{trained.run.path}: {analysis.name} finds nothing to look at; it has {len(trained.keys)} trained "
            f"networks: {go_on(trained.run, 'report RUN')}"
        )


def found_of(trained: Trained, analysis: Analysis, piece: Piece) -> Analysed:
    """Return the line of a piece, which is looked for now, and can be read again."""
    of, began = dict(piece.of), time.perf_counter()
    # Whatever asks for no generator of its own draws the same numbers for the same piece, and shifts none elsewhere.
    with seeded(stream(trained.config.seed, "analysis", analysis.name, name_of(of))):
        values = answers.findings(analysis.entry, piece.find())
    seconds = round(time.perf_counter() - began, 3)
    line: Analysed = {"options": analysis.plain, "of": of, "values": values, "seconds": seconds}
    return records.check(ANALYSED, [line], f"analyses.{analysis.name}")[0]


def name_of(of: Mapping[str, Any]) -> str:
    """Return what tells a piece from others of the same analysis and options."""
    return json.dumps(dict(of), sort_keys=True)
