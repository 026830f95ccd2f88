"""Figures of a run's tickets themselves: where their weights are, how much two have in common, how large they are."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations, pairwise
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
import torch
from matplotlib.figure import Figure

from lottery.analysis.overlap import overlap
from lottery.masks import Mask
from lottery.report.figures import STYLE, density_axis, places, save
from lottery.report.statistics import Estimate, estimate
from lottery.store import Run


def tickets(run: Run) -> dict[int, list[tuple[int, float]]]:
    """Level -> replicate and density of its tickets, those that diverged left out."""
    found: dict[int, list[tuple[int, float]]] = {}
    for line in run.levels():
        if line["arm"] == "main" and line.get("diverged") is None:
            found.setdefault(line["level"], []).append((line["replicate"], line["density"]))
    return dict(sorted(found.items()))


def layer_density(run: Run, paths: Sequence[Path]) -> list[Path]:
    """Draw each layer's density by level, mean over replicates, as a map."""
    by_level = tickets(run)
    columns = []
    for level, members in by_level.items():
        own = [_layers(run.read_mask(replicate, level, "main")) for replicate, _ in members]
        columns.append({name: sum(one[name] for one in own) / len(own) for name in own[0]})
    names = list(columns[0])
    grid = np.array([[column[name] for column in columns] for name in names])
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(2.5 + 0.55 * len(columns), 1.6 + 0.38 * len(names)), dpi=150, layout="constrained")
        axes = figure.subplots()
        shown = axes.imshow(grid, aspect="auto", cmap="viridis", norm="log", vmin=max(grid.min(), 1e-4), vmax=1)
        axes.grid(visible=False)
        axes.set_yticks(range(len(names)), names)
        labels = [f"{100 * members[0][1]:.1f}" for members in by_level.values()]
        axes.set_xticks(range(len(columns)), labels, rotation=60)
        axes.set_xlabel("weights remaining in the network, %")
        for (row, column), value in np.ndenumerate(grid):
            ink = "black" if value > 0.2 else "white"
            axes.text(column, row, f"{100 * value:.3g}", ha="center", va="center", fontsize=6.5, color=ink)
        figure.colorbar(shown, ax=axes, label="density of the layer")
        return save(figure, paths)


def _layers(mask: Mask) -> dict[str, float]:
    return {name.removesuffix(".weight"): int(kept.count_nonzero()) / kept.numel() for name, kept in mask.items()}


@dataclass(frozen=True)
class Common:
    """What pairs of masks have in common.

    Attributes:
        density: kept share of the weights, of the sparser mask.
        shares: of its weights that the other mask keeps too, one for each pair.
        chance: mean over pairs of the share that chance would give.
    """

    density: float
    shares: Estimate
    chance: float


def between_replicates(run: Run) -> list[Common]:
    """Tickets of two replicates at one level; chance: masks of the same layer densities drawn independently."""
    found = []
    for level, members in tickets(run).items():
        if level and len(members) > 1:
            own = [run.read_mask(replicate, level, "main") for replicate, _ in members]
            found.append(_common(members[0][1], [overlap(*pair) for pair in combinations(own, 2)]))
    return found


def between_levels(run: Run) -> list[Common]:
    """A replicate's ticket and the one at the sparse level before.

    Chance: masks of the same layer densities drawn independently. But where each round prunes what the one before left,
    the ticket lies within its parent whatever is chosen, so that chance gives all of it: 1.
    """
    nested = run.record["study"] == "prune" and not run.config.pruning.one_shot
    found = []
    sparse = [(level, members) for level, members in tickets(run).items() if level]
    for (before, parents), (level, members) in pairwise(sparse):
        there = {replicate for replicate, _ in parents}
        pairs = [
            overlap(run.read_mask(replicate, before, "main"), run.read_mask(replicate, level, "main"))
            for replicate, _ in members
            if replicate in there
        ]
        if pairs:
            density = min(parents[0][1], members[0][1])
            found.append(_common(density, [(share, 1.0 if nested else chance) for share, chance in pairs]))
    return found


def _common(density: float, pairs: Sequence[tuple[float, float]]) -> Common:
    return Common(density, estimate([share for share, _ in pairs]), sum(chance for _, chance in pairs) / len(pairs))


def mask_overlap(run: Run, paths: Sequence[Path]) -> list[Path]:
    """Draw what tickets of two replicates, and of two levels, have in common, mean over pairs, against chance."""
    kinds = {"two replicates at one level": between_replicates(run), "one replicate at two levels": between_levels(run)}
    kinds = {title: found for title, found in kinds.items() if found}
    if not kinds:
        return []
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(5.2 * len(kinds) + 1, 4.2), dpi=150, layout="constrained")
        for axes, (title, found) in zip(figure.subplots(1, len(kinds), squeeze=False)[0], kinds.items(), strict=True):
            x = [100 * one.density for one in found]
            axes.plot(x, [100 * one.shares.mean for one in found], marker="o", color="#0072B2", label="masks")
            for at, one in zip(x, found, strict=True):
                values = [100 * share for share in one.shares.values]
                axes.plot([at] * len(values), values, ".", color="#0072B2", alpha=0.3)
            sure = " (nested: all)" if all(one.chance == 1 for one in found) else ""
            axes.plot(x, [100 * one.chance for one in found], linestyle="--", color="0.4", label=f"chance{sure}")
            density_axis(axes, [one.density for one in found])
            axes.set_ylim(0, 105)
            axes.set_title(title, fontsize=10)
            axes.set_xlabel("weights remaining in the sparser, %")
            axes.set_ylabel("of them in common, %")
            axes.legend(fontsize=8)
        return save(figure, paths)


def weight_histograms(run: Run, paths: Sequence[Path]) -> list[Path]:
    """Draw, for the sparsest level, the weights at initialization, kept and pruned, and the kept ones trained."""
    level, members = list(tickets(run).items())[-1]
    parts: dict[str, list[torch.Tensor]] = {"initial, kept": [], "initial, pruned": [], "trained, kept": []}
    layers: list[str] = []
    for replicate, _ in members:
        mask = run.read_mask(replicate, level, "main")
        initial, trained = run.read_early(replicate, 0), run.read_weights(replicate, level, "main")
        layers = list(mask)
        for name, kept in mask.items():
            scale = initial[name].std().clamp_min(1e-12)  # layers of different scale share an axis
            parts["initial, kept"].append(initial[name][kept] / scale)
            parts["initial, pruned"].append(initial[name][~kept] / scale)
            parts["trained, kept"].append(trained[name][kept] / scale)
    values = {name: torch.cat(part).numpy() for name, part in parts.items()}
    limit = max(float(np.quantile(np.abs(one), 0.999)) for one in values.values() if one.size)
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(6.2, 4.2), dpi=150, layout="constrained")
        axes = figure.subplots()
        for (name, one), colour in zip(values.items(), ("#0072B2", "#999999", "#D55E00"), strict=True):
            if one.size:
                options: Any = {"density": True, "histtype": "step", "linewidth": 1.4}
                axes.hist(one, 121, range=(-limit, limit), color=colour, label=name, **options)
        axes.set_xlabel(f"weight over its layer's deviation at initialization ({len(layers)} layers)")
        axes.set_ylabel("share of weights, per unit")
        axes.set_title(f"level {level}, {100 * members[0][1]:.1f} % of weights", fontsize=10)
        axes.legend(fontsize=8)
        return save(figure, paths)


def draw_tickets(runs: Sequence[Run]) -> list[Path]:
    """Draw these figures, as PNG and SVG, of the runs with sparse networks, into their `report/` folders."""
    paths = []
    for run in runs:
        if any(tickets(run)):
            paths += layer_density(run, places(run, "layer_density", svg=True))
            paths += mask_overlap(run, places(run, "mask_overlap", svg=True))
            if all(run.has_early(replicate, 0) for replicate, _ in list(tickets(run).values())[-1]):
                paths += weight_histograms(run, places(run, "weight_histograms", svg=True))
    return paths
