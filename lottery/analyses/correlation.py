"""The analysis `correlation` tells how much of the order that weights start in their training leaves."""

from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import Annotated

import torch
from pydantic import Field
from torch import Tensor

from lottery.analyses._lines import Levels, arms_of, at_levels, curve, density, mean, of_arm, value, values, written
from lottery.exhibits import Chart, Exhibit, Findings, Line, Table
from lottery.explaining.piece import Piece
from lottery.explaining.trained import Trained
from lottery.networks import masks
from lottery.networks.key import Key
from lottery.networks.network import State
from lottery.seeds import stream
from lottery.statistics import more_than, paired

Share = Annotated[float, Field(gt=0, le=1)]
_REFERENCES = {"start": "what it started from", "initial": "initialization", "fresh": "a fresh initialization"}


def correlation(
    trained: Trained, *, share: Share = 0.1, levels: tuple[int, ...] = (), arms: tuple[str, ...] = ()
) -> Iterator[Piece]:
    """Compare trained weights with those that they started as: overlap of the largest ones, and signs.

    The overlap R_p is the number of weights among the largest p of both, over p of all, ranked by magnitude in each
    layer among the weights that the network keeps (Ma et al. 2021, p = 0.1; Liu et al. 2021, p = 0.2). Independent
    weights have an R_p of p, and half of their signs agree. The end of training is compared with its start, the
    replicate's initialization, and one drawn afresh, which shows what layers have in common with any.

    Args:
        share: p.
        levels: of which networks are compared; all where none are named.
        arms: likewise.
    """
    for key in trained.among(levels, arms):
        yield Piece(key._asdict(), partial(_found, trained, key, share))


def _found(trained: Trained, key: Key, share: float) -> Findings:
    end, replicate = trained.end(key), key.replicate
    references = {
        "start": trained.start(key).state,
        "initial": trained.initial(replicate),
        "fresh": trained.setting.initial(replicate, "correlation"),
    }
    counts = {name: round(share * int(kept.count_nonzero())) for name, kept in end.mask.items()}
    top = partial(largest, mask=end.mask, counts=counts, generator=stream(trained.config.seed, "correlation", *key))
    at_end = top(end.state)
    tops = {name: top(state) for name, state in references.items()}
    return {
        "density": trained.lines[key]["density"],
        "overlap": {name: overlap(chosen, at_end) for name, chosen in tops.items()} | {"chance": share},
        "signs": {name: agreement(state, end.state, end.mask) for name, state in references.items()} | {"chance": 0.5},
        "layers": {
            name: {
                "overlap": overlap(tops["start"], at_end, name),
                "signs": agreement(references["start"], end.state, {name: end.mask[name]}),
            }
            for name in end.mask
        },
    }


def largest(
    state: State, mask: Mapping[str, Tensor], counts: Mapping[str, int], generator: torch.Generator
) -> dict[str, Tensor]:
    """Return which of the weights that a mask keeps are the largest, so many in each layer; ties are drawn."""
    shares = {name: counts[name] / kept.numel() for name, kept in mask.items()}
    return masks.keep_top({name: state[name].abs() for name in mask}, shares, mask, generator)


def overlap(one: Mapping[str, Tensor], other: Mapping[str, Tensor], layer: str | None = None) -> float | None:
    """Return the share of one choice that the other has, too, of all layers or one; None where nothing is chosen."""
    chosen = [name for name in one if layer in (None, name)]
    of = sum(int(one[name].count_nonzero()) for name in chosen)
    return sum(int((one[name] & other[name]).count_nonzero()) for name in chosen) / of if of else None


def agreement(one: State, other: State, mask: Mapping[str, Tensor]) -> float | None:
    """Return the share of kept weights of one sign in both, of those that are zero in neither; None without any."""
    signs = [one[name][kept].sign() * other[name][kept].sign() for name, kept in mask.items()]
    of = sum(int(sign.count_nonzero()) for sign in signs)
    return sum(int((sign > 0).count_nonzero()) for sign in signs) / of if of else None


def SHOWN(lines: Sequence[Line]) -> Exhibit:  # noqa: N802
    """Show whether training keeps the largest weights of initialization, and its signs, beyond what chance gives."""
    main, share = of_arm(lines), value(lines[0], "overlap", "chance") or 0.0
    return Exhibit(
        "Correlation of initial and trained weights",
        [*_largest(main, share), *_signs(main)] or ["No network of the usual order of batches is compared."],
        [
            _chart(main, "overlap", f"overlap of the largest {share:.3g}", share),
            _chart(main, "signs", "share of equal signs", 0.5),
        ]
        if main
        else [],
        _table(lines),
        f"Overlap: how many of the largest {100 * share:.3g} % of a layer's kept weights, by magnitude, were among the "
        f"largest before, too; by chance {share:.3g} of them (Ma et al. 2021; Liu et al. 2021). Signs: by chance 0.5.",
    )


def _largest(main: Levels, share: float) -> Iterator[str]:
    answers: dict[int, str] = {}
    for level, lines in main.items():
        found = values(lines, "overlap", "initial")
        beyond = paired(found, values(lines, "overlap", "fresh"))
        answers |= {level: more_than(beyond)} if beyond is not None else {}
    if answers:
        yield (
            "Are the largest trained weights the largest of initialization more often than of a fresh one? "
            f"{at_levels(answers)}"
        )
        for lines in (next(iter(main.values())), list(main.values())[-1])[: len(main)]:
            own, fresh = (written(mean(lines, "overlap", name)) for name in ("initial", "fresh"))
            yield (
                f"At {density(lines):.3g} % of weights {own} of the largest {100 * share:.3g} % were so at "
                f"initialization, {fresh} in a fresh one; by chance {share:.3g}."
            )


def _signs(main: Levels) -> Iterator[str]:
    lines = [*main.values()][-1:]
    found = mean(lines[0], "signs", "initial") if lines else None
    if found is not None:
        yield f"At {density(lines[0]):.3g} % of weights a share of {written(found)} of them has its first sign."


def _chart(main: Levels, what: str, label: str, chance: float) -> Chart:
    curves = [
        curve(f"trained and {words}", main, what, name, at=place)
        for place, (name, words) in enumerate(_REFERENCES.items())
    ]
    return Chart(
        f"correlation-{what}",
        f"Initial and trained weights: {label}",
        "weights remaining, %",
        label,
        curves,
        ("log", "linear"),
        across={"chance": chance},
        sparser_right=True,
        limits=(0, 1),
    )


def _table(lines: Sequence[Line]) -> Table:
    rows = []
    for arm in arms_of(lines):
        for level, own in of_arm(lines, arm).items():
            cells = [written(mean(own, what, name)) for what in ("overlap", "signs") for name in _REFERENCES]
            rows.append([str(level), arm, f"{density(own):.3g}", *cells])
    headings = [f"{what}, {words}" for what in ("overlap", "signs") for words in ("start", "initial", "fresh")]
    return Table(["level", "arm", "weights, %", *headings], rows)
