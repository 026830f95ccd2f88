"""The analysis `hessian` finds the spectrum of the loss's Hessian where training starts and where it ends."""

from collections.abc import Iterator, Sequence
from functools import partial
from typing import Literal

import numpy as np

from lottery.analyses._lines import Levels, arms_of, curve, density, mean, of_arm, written
from lottery.arms import is_main, order
from lottery.config.values import Count, Few
from lottery.curvature.hessian import Hessian
from lottery.curvature.spectrum import MEANING, spectrum
from lottery.exhibits import Chart, Curve, Exhibit, Findings, Line, Table
from lottery.explaining.piece import Piece
from lottery.explaining.trained import Trained
from lottery.networks.key import Key
from lottery.seeds import stream


def hessian(
    trained: Trained,
    *,
    levels: tuple[int, ...] = (),
    arms: tuple[str, ...] = (),
    at: Literal["both", "start", "end"] = "both",
    images: Count = 256,
    pruned: bool = False,
    precision: Literal["float32", "float64"] = "float32",
    exact: Count = 1000,
    steps: Few = 80,
    draws: Few = 1,
    probes: Few = 10,
) -> Iterator[Piece]:
    """Find eigenvalues of the Hessian of the training loss at a network's start and end (Evci et al. 2022).

    It is that of the probe `hessian`, of networks in their usual order of batches, with the density of eigenvalues:
    five seconds on one CPU core for LeNet-300-100 and 256 images, ten for 1,000.

    Args:
        levels: of which networks; all where none are named.
        arms: likewise; only dense networks, tickets and sparse ones where none are named.
        at: where training starts, ends, or both.
        images: training images that the loss is the mean over.
        pruned: whether pruned weights, which stand at 0, count as parameters too.
        precision: of the passes through the network; what is made of their results is in float64.
        exact: up to how many parameters every eigenvalue is found.
        steps: of Lanczos' quadrature.
        draws: random vectors that the density is averaged over.
        probes: random vectors that the trace is averaged over.
    """
    options = {"exact": exact, "steps": steps, "draws": draws, "probes": probes}

    def find(key: Key, place: str) -> Findings:
        network = trained.start(key) if place == "start" else trained.end(key)
        subject = trained.subject(key, network, images)
        matrix = Hessian(subject, *subject.images(), pruned=pruned, precision=precision)
        found = spectrum(matrix, stream(0, "hessian"), **options)
        return {"density": trained.lines[key]["density"], **found.findings(density=True)}

    for key in trained.among(levels, arms):
        if not key.order and (arms or is_main(key.arm)):
            for place in ("start", "end") if at == "both" else (at,):
                yield Piece({**key._asdict(), "at": place}, partial(find, key, place))


def _shown(lines: Sequence[Line]) -> Exhibit:
    """Say how sharp the loss is where training starts and ends, from dense to sparse, and how much bends down."""
    lines = [line for line in lines if line["values"]["largest"] is not None]  # their loss overflows
    places = [place for place in ("start", "end") if _at(lines, place)]
    charts = [
        _over_densities(lines, places, "largest", "largest eigenvalue"),
        _over_densities(lines, places, "negative_curvature", "share of negative curvature"),
    ]
    spectra = [_spectra(_at(lines, place), place) for place in places]
    return Exhibit("Curvature of the loss", _answers(lines, places), [*charts, *spectra], _table(lines), MEANING)


def _at(lines: Sequence[Line], place: str) -> Levels:
    return of_arm([line for line in lines if line["of"]["at"] == place])


def _answers(lines: Sequence[Line], places: Sequence[str]) -> list[str]:
    answers = []
    for place in places:
        levels = _at(lines, place)
        ends = [levels[level] for level in dict.fromkeys([next(iter(levels)), [*levels][-1]])]
        told = [f"{written(mean(own, 'largest'))} at {density(own):.3g} % of weights" for own in ends]
        shares = [f"{written(mean(own, 'negative_curvature'))}" for own in ends]
        answers.append(
            f"Where training {place}s, the largest curvature is {' and '.join(told)}; "
            f"the share of negative curvature is {' and '.join(shares)}."
        )
    return answers or ["No dense network, ticket or sparse network is among those that were looked at."]


def _over_densities(lines: Sequence[Line], places: Sequence[str], what: str, title: str) -> Chart:
    curves = [curve(f"at the {place}", _at(lines, place), what, at=number) for number, place in enumerate(places)]
    name = title.replace(" ", "-")
    limits = (0, 1) if title.startswith("share") else (None, None)
    x = "weights remaining, %"
    return Chart(name, f"Hessian: {title}", x, title, curves, ("log", "linear"), sparser_right=True, limits=limits)


def _spectra(levels: Levels, place: str) -> Chart:
    """Draw the densities of up to four levels, on one grid for all replicates, with gaps where no eigenvalue is."""
    chosen = [[*levels][round(part * (len(levels) - 1) / 3)] for part in range(4)]
    curves = []
    for level in dict.fromkeys(chosen):
        own = [line["values"] for line in levels[level]]
        known = [(values["spectrum"]["eigenvalues"], values["spectrum"]["density"]) for values in own]
        grid = np.linspace(min(at[0] for at, _ in known), max(at[-1] for at, _ in known), 201)
        least = 0.1 * max(max(values) for _, values in known) / max(values["parameters"] for values in own)
        rows = np.array([np.interp(grid, at, values, left=0, right=0) for at, values in known])
        there = [np.maximum(column, least).tolist() if column.max() > least else [] for column in rows.T]
        shade = [*levels].index(level) / max(1, len(levels) - 1)
        curves.append(Curve(f"{density(levels[level]):.3g} %", grid.tolist(), there, shade=shade))
    title = f"Density of the Hessian's eigenvalues where training {place}s"
    return Chart(f"spectrum-{place}", title, "eigenvalue", "density", curves, ("linear", "log"))


def _table(lines: Sequence[Line]) -> Table:
    rows = []
    for arm in arms_of(lines):
        for place in ("start", "end"):
            for level, own in of_arm([line for line in lines if line["of"]["at"] == place], arm).items():
                cells = [written(mean(own, what)) for what in ("largest", "smallest", "negative_curvature", "trace")]
                methods = ", ".join(dict.fromkeys(line["values"]["method"] for line in own))
                rows.append([str(level), arm, f"{density(own):.3g}", place, *cells, methods])
    headings = [
        "level",
        "arm",
        "weights, %",
        "at",
        "largest",
        "most negative",
        "negative curvature",
        "trace",
        "method",
    ]
    return Table(headings, sorted(rows, key=lambda row: (int(row[0]), order(row[1]))))


SHOWN = _shown
