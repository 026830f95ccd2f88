"""An analysis is carried out on a run: what isn't there yet is found, and kept line by line."""

from collections.abc import Callable, Mapping, Sequence
from itertools import chain
from typing import Any

from lottery import brought
from lottery.config.analyses import Analysis
from lottery.explaining.asked import command
from lottery.explaining.pieces import found_of, name_of, pieces
from lottery.explaining.trained import Trained
from lottery.store.findings import Analysed, by_options
from lottery.store.run import Run
from lottery.studies import same_code

Tell = Callable[[int, int, Mapping[str, Any]], object]
"""Hears before each piece how many are done, how many there are, and what the next one is of."""


def carry_out(trained: Trained, analysis: Analysis, tell: Tell = lambda done, total, of: None) -> list[Analysed]:  # noqa: ARG005
    """Find what an analysis hasn't found yet on a run, and return all that it found with these options, in its order.

    Each piece is kept as soon as it is found: after a kill, those that are there are not looked for again, and in the
    end the file is the same but for seconds. What a user's analysis found before its code changed goes as soon as the
    new code has found anything.

    Raises:
        LotteryError: another process works on the run, something that the analysis needs isn't there or damaged, or a
            user's analysis failed; what was found before is kept.
    """
    entry, run, code = analysis.entry, Run(trained.run.path), same_code.code_of(analysis.entry)
    run.again = f"{command(analysis, 'RUN')}; what is found is kept."
    with run.working(), brought.told(f"{entry.kind}.{entry.name}"):
        run.mend_analysis(analysis.name)
        lines = run.analysis(analysis.name)
        old = outdated(lines, analysis)
        there = {name_of(line["of"]): line for line in lines if line["options"] == analysis.plain and line not in old}
        wanted = [piece.of for piece in pieces(trained, analysis)]
        for number, piece in enumerate(pieces(trained, analysis)):
            tell(number, len(wanted), piece.of)
            if name_of(piece.of) not in there:
                line = found_of(trained, analysis, piece)
                if code is not None:
                    line["code"] = code
                if old:
                    lines, old = [one for one in lines if one not in old], []
                    run.settle_analysis(analysis.name, [*lines, line])
                else:
                    run.append_analysis(analysis.name, line)
                lines.append(line)
                there[name_of(piece.of)] = line
        found = [there[name_of(of)] for of in wanted]
        run.settle_analysis(analysis.name, _in_order(lines, found))
    return found


def outdated(lines: Sequence[Analysed], analysis: Analysis) -> list[Analysed]:
    """Return the lines that other code than that of an analysis found with its options."""
    code = same_code.code_of(analysis.entry)
    return [line for line in lines if line["options"] == analysis.plain and line.get("code") != code]


def _in_order(lines: Sequence[Analysed], found: Sequence[Analysed]) -> list[Analysed]:
    """Return all lines as they stand in the file: those of the same options together, the options asked for last.

    Those of which there are pieces no longer stand before `found`.
    """
    (own,) = {name_of(line["options"]) for line in found}
    others = [group for group in by_options(lines) if name_of(group[0]["options"]) != own]
    left = [line for line in lines if name_of(line["options"]) == own and line not in found]
    return [*chain.from_iterable(others), *left, *found]
