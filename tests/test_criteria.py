"""Zhou et al.'s mask criteria, against the authors' way to cut: layer by layer, at a percentile."""

import math

import numpy as np
import pytest
import torch
from scipy import stats

from lottery import registry
from lottery.networks import masks
from lottery.networks.subject import Subject
from lottery.seeds import stream

SHAPES = {"hidden_1.weight": (300, 784), "hidden_2.weight": (100, 300), "output.weight": (10, 100)}
# Of final over initial weights: ratio of their deviations, and correlation, in LeNet-300-100 on MNIST, as the paper
# trains it, after 400 and 5000 steps.
AFTER = {
    400: {"hidden_1.weight": (1.08, 0.93), "hidden_2.weight": (1.05, 0.97), "output.weight": (1.02, 0.99)},
    5000: {"hidden_1.weight": (1.66, 0.62), "hidden_2.weight": (1.37, 0.78), "output.weight": (1.13, 0.91)},
}

CRITERIA = {  # the paper's, of initial and final weights; the sign criteria in words of the appendix
    "large_final": lambda wi, wf: abs(wf),
    "small_final": lambda wi, wf: -abs(wf),
    "large_init": lambda wi, wf: abs(wi),
    "small_init": lambda wi, wf: -abs(wi),
    "large_init_large_final": lambda wi, wf: np.minimum(abs(wf), abs(wi)),
    "small_init_small_final": lambda wi, wf: -np.maximum(abs(wf), abs(wi)),
    "magnitude_increase": lambda wi, wf: abs(wf) - abs(wi),
    "movement": lambda wi, wf: abs(wf - wi),
    "large_final_same_sign": lambda wi, wf: np.where(np.sign(wi) == np.sign(wf), abs(wf), 0),
    "large_final_diff_sign": lambda wi, wf: np.where(np.sign(wi) == np.sign(wf), 0, abs(wf)),
}


def trained(steps: int) -> Subject:
    """Glorot's normal draw, and weights that correlate with it."""
    initial, final = {}, {}
    for name, shape in SHAPES.items():
        ratio, correlation = AFTER[steps][name]
        draw, noise = torch.randn(2, *shape, generator=stream(0, name), dtype=torch.float64) * (2 / sum(shape)) ** 0.5
        initial[name] = draw
        final[name] = ratio * (correlation * draw + math.sqrt(1 - correlation**2) * noise)
    return Subject(final, masks.full(final, list(final)), initial)


def kept(name: str, subject: Subject, density: float, **options: float) -> dict[str, np.ndarray]:
    """What each layer keeps."""
    scores = registry.find("scores", name)(subject, stream(0), **options)
    found = masks.keep_top(scores, dict.fromkeys(scores, density), subject.mask, stream(0))
    return {layer: mask.numpy() for layer, mask in found.items()}


def test_there_is_a_reference_for_each():
    trained_ones = {name for name in registry.names("scores") if "trained" in registry.find("scores", name).traits}
    assert trained_ones | {"large_final", "small_final"} == set(CRITERIA)


@pytest.mark.parametrize("name", CRITERIA)
@pytest.mark.parametrize("density", [0.95, 0.5, 0.2, 0.02])
def test_kept_is_what_lies_above_the_layers_percentile(name, density):
    """Where a percentile is the score of many, who keeps more than lies above it has chosen among those."""
    subject, tied = trained(400), False
    for layer, mask in kept(name, subject, density).items():
        scores = CRITERIA[name](subject.trained_from()[layer].numpy(), subject.weights[layer].numpy())
        threshold = np.percentile(scores, 100 * (1 - density))
        assert (mask == (scores > threshold))[scores != threshold].all()
        assert mask.sum() == round(density * mask.size)
        tied |= bool((scores == threshold).any())
    # 12, 8 and 5 % of the layers' weights have changed sign.
    several = {"large_final_same_sign": [0.95], "large_final_diff_sign": [0.95, 0.5, 0.2]}
    assert tied == (density in several.get(name, []))


@pytest.mark.parametrize(("name", "sign"), [("large_init_large_final", 1), ("small_init_small_final", -1)])
@pytest.mark.parametrize(("steps", "density", "least", "most"), [(400, 0.8, 0.98, 0.999), (5000, 0.2, 0.8, 0.9)])
def test_with_the_authors_alpha_both_magnitudes_are_cut_at_one_percentile(name, sign, steps, density, least, most):
    """Theirs differs from layer to layer; with an alpha of 1 so much of what they keep is kept as docstrings say."""
    subject = trained(steps)
    for layer in ("hidden_1.weight", "hidden_2.weight"):
        initial, final = (sign * abs(part[layer].numpy()) for part in (subject.trained_from(), subject.weights))
        lower = np.minimum(*(stats.rankdata(values).reshape(values.shape) for values in (initial, final)))
        rank = int(np.sort(lower, axis=None)[-round(density * lower.size)])
        theirs = lower >= rank
        assert theirs.mean() == pytest.approx(density, abs=2 / theirs.size)
        alpha = np.sort(initial, axis=None)[rank - 1] / np.sort(final, axis=None)[rank - 1]
        assert np.array_equal(kept(name, subject, theirs.mean(), alpha=alpha)[layer], theirs)
        overlap = (kept(name, subject, theirs.mean())[layer] & theirs).sum() / theirs.sum()
        assert least < overlap < most
