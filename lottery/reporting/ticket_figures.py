"""Figures of one study's tickets: where their weights are, how much two have in common, how large they are."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.ticker import NullFormatter

from lottery.reporting import canvas
from lottery.reporting.tickets import Tickets, Weights, tickets, weights
from lottery.store.reader import Reader


def draw_tickets(runs: Sequence[Reader]) -> list[Path]:
    """Draw these figures, as PNG and SVG, of the runs with sparse networks, into their `report/` folders."""
    paths = []
    for run in runs:
        found, sizes = tickets([run]), weights([run])
        if found:
            paths += layer_density(found, canvas.places(run, "layer_density", svg=True))
            paths += mask_overlap(found, canvas.places(run, "mask_overlap", svg=True))
        if sizes:
            paths += weight_histograms(sizes, canvas.places(run, "weight_histograms", svg=True))
    return paths


def layer_density(found: Tickets, paths: Sequence[Path]) -> list[Path]:
    """Draw each layer's density by level, mean over replicates, as a map."""
    names, grid = list(found.layers), np.array(list(found.layers.values()))
    width, height = 2.5 + 0.55 * len(found.densities), 1.6 + 0.38 * len(names)
    with canvas.panels(paths, width, height) as (figure, (axes,)):
        least = max(float(grid.min()), 1e-4)
        shown = axes.imshow(grid, aspect="auto", cmap="viridis", norm="log", vmin=least, vmax=1)
        axes.grid(visible=False)
        axes.set_yticks(range(len(names)), names)
        labels = [f"{100 * density:.1f}" for density in found.densities.values()]
        axes.set_xticks(range(len(labels)), labels, rotation=60)
        axes.set_xlabel("weights remaining in the network, %")
        for (row, column), value in np.ndenumerate(grid):
            behind = shown.to_rgba(np.full(1, max(float(value), least)))[0]
            ink = "black" if canvas.lightness(behind.tolist()) > 0.5 else "white"
            axes.text(column, row, f"{100 * value:.3g}", ha="center", va="center", fontsize=6.5, color=ink)
        bar = figure.colorbar(shown, ax=axes, label="density of the layer, %")
        bar.ax.yaxis.set_major_formatter(lambda share, _: f"{100 * share:.3g}")
        bar.ax.yaxis.set_minor_formatter(NullFormatter())
    return list(paths)


def mask_overlap(found: Tickets, paths: Sequence[Path]) -> list[Path]:
    """Draw what tickets of two replicates, and of two levels, have in common, mean over pairs, against chance."""
    kinds = found.overlaps
    if not kinds:
        return []
    with canvas.panels(paths, 5.2 * len(kinds) + 1, 4.2, len(kinds)) as (_, row):
        for axes, (title, pairs) in zip(row, kinds.items(), strict=True):
            x = [100 * one.density for one in pairs]
            axes.plot(x, [100 * one.shares.mean for one in pairs], marker="o", color=canvas.PALETTE[0], label="masks")
            for at, one in zip(x, pairs, strict=True):
                values = [100 * share for share in one.shares.values]
                axes.plot([at] * len(values), values, ".", color=canvas.PALETTE[0], alpha=0.3)
            sure = " (nested: all)" if all(one.chance == 1 for one in pairs) else ""
            axes.plot(x, [100 * one.chance for one in pairs], linestyle="--", color="0.4", label=f"chance{sure}")
            canvas.density_axis(axes, [one.density for one in pairs])
            axes.set_ylim(0, 105)
            axes.set_title(title, fontsize=10)
            axes.set_xlabel("weights remaining in the sparser, %")
            axes.set_ylabel("of them in common, %")
            axes.legend(fontsize=8)
    return list(paths)


def weight_histograms(found: Weights, paths: Sequence[Path]) -> list[Path]:
    """Draw, for the sparsest level, the weights at initialization, kept and pruned, and the kept ones trained."""
    colours = {"initial, kept": canvas.PALETTE[0], "initial, pruned": "#999999", "trained, kept": canvas.PALETTE[1]}
    with canvas.panels(paths, 6.2, 4.2) as (_, (axes,)):
        for name, shares in found.shares.items():
            edges = np.linspace(-found.limit, found.limit, len(shares) + 1)
            axes.stairs(shares, edges, color=colours[name], label=name, linewidth=1.4)
        axes.set_xlabel(f"weight over its layer's deviation at initialization ({found.layers} layers)")
        axes.set_ylabel("share of weights, per unit")
        axes.set_title(f"level {found.level}, {100 * found.density:.1f} % of weights", fontsize=10)
        axes.legend(fontsize=8)
    return list(paths)
