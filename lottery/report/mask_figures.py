"""Figures of a run's tickets themselves: where their weights are, how much two have in common, how large they are."""

from collections.abc import Sequence
from itertools import combinations
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


def mask_overlap(run: Run, paths: Sequence[Path]) -> list[Path]:
    """Draw what the tickets of two replicates have in common, mean over pairs, against chance."""
    densities, found, chances = [], list[Estimate](), list[float]()
    for level, members in tickets(run).items():
        if level and len(members) > 1:
            own = [run.read_mask(replicate, level, "main") for replicate, _ in members]
            pairs = [overlap(first, second) for first, second in combinations(own, 2)]
            densities.append(members[0][1])
            found.append(estimate([share for share, _ in pairs]))
            chances.append(sum(chance for _, chance in pairs) / len(pairs))
    if not densities:
        return []
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(6.2, 4.2), dpi=150, layout="constrained")
        axes = figure.subplots()
        x = [100 * density for density in densities]
        axes.plot(x, [100 * value.mean for value in found], marker="o", color="#0072B2", label="two tickets")
        for at, value in zip(x, found, strict=True):
            axes.plot([at] * len(value.values), [100 * one for one in value.values], ".", color="#0072B2", alpha=0.3)
        axes.plot(x, [100 * chance for chance in chances], linestyle="--", color="0.4", label="chance")
        density_axis(axes, densities)
        axes.set_xlabel("weights remaining, %")
        axes.set_ylabel("weights in common, %")
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
