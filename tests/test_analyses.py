"""Analyses of weights against numbers worked out by hand, NumPy and SciPy."""

import math

import numpy as np
import pytest
import torch
from scipy.spatial.distance import cosine

from lottery.analyses.correlation import agreement, largest, overlap
from lottery.analyses.distance import SHOWN as DISTANCES
from lottery.analyses.distance import between, distance
from lottery.explaining.trained import Trained
from lottery.networks.key import Key
from lottery.networks.network import Network
from lottery.seeds import stream
from lottery.studies.prepare import prepare


def network(weights, kept=None):
    """A network of one layer."""
    tensor = torch.tensor(weights, dtype=torch.float32)
    mask = torch.ones_like(tensor, dtype=torch.bool) if kept is None else torch.tensor(kept) > 0
    return Network({"a": tensor * mask, "bias": torch.tensor([9.0])}, {"a": mask})


@pytest.mark.parametrize(
    ("one", "other", "l2", "angle"),
    [
        ([3.0, 4.0], [3.0, 4.0], 0.0, 0.0),
        ([1.0, 0.0], [0.0, 1.0], math.sqrt(2), 1.0),
        ([1.0, 0.0], [-2.0, 0.0], 3.0, 2.0),
        ([1.0, 0.0], [1.0, 1.0], 1.0, 0.5),
        ([1.0, 0.0], [1.0, math.sqrt(3)], math.sqrt(3), 2 / 3),
    ],
)
def test_distances_by_hand(one, other, l2, angle):
    """Biases take no part; the angle is 2/pi of what lies between them."""
    found = between(network(one), network(other))
    assert found["l2"] == pytest.approx(l2)
    assert found["angle"] == pytest.approx(angle, abs=1e-6)
    assert found["cosine"] == pytest.approx(math.cos(angle * math.pi / 2), abs=1e-6)
    assert found["weights"] == 2


def test_what_one_of_them_prunes_takes_no_part():
    one, other = network([1.0, 2.0, 5.0, 7.0], [1, 1, 1, 0]), network([4.0, 6.0, 9.0, 9.0], [1, 1, 0, 1])
    assert between(one, other) == pytest.approx({"l2": 5.0, "weights": 2} | _angle([1, 2], [4, 6]))


def _angle(one, other):
    near = 1 - cosine(one, other)
    return {"cosine": near, "angle": 2 / math.pi * math.acos(near)}


def test_distances_are_those_of_scipy():
    a, b = (np.random.default_rng(seed).normal(size=1000) for seed in (1, 2))
    found = between(network(a), network(a + 1e-4 * b))
    assert found["angle"] == pytest.approx(2 / math.pi * math.asin(_sine(a, a + 1e-4 * b)), rel=1e-3)
    assert between(network(a), network(b)) == pytest.approx(
        {"l2": np.linalg.norm(a - b), "weights": 1000} | _angle(a, b), rel=1e-5
    )


def _sine(a, b):
    return float(np.linalg.norm(b - a * (a @ b) / (a @ a)) / np.linalg.norm(b))


def test_nothing_in_common_has_no_angle():
    found = between(network([1.0, 2.0], [1, 0]), network([1.0, 2.0], [0, 1]))
    assert (found["l2"], found["weights"]) == (0.0, 0)
    assert math.isnan(found["angle"])
    assert math.isnan(found["cosine"])


@pytest.fixture(scope="module")
def found(finished):
    """What `distance` finds, by key."""
    trained = Trained(finished, lambda run: prepare(run.config))
    return {Key(**piece.of): piece.find() for piece in distance(trained)}


def test_distances_of_a_run_are_of_its_own_networks(found, finished):
    one, dense, first = Key(0, 2, "ticket"), Key(0, 0, "dense"), Key(0, 1, "ticket")
    mask, end = finished.read_mask(one), finished.read_weights(one)
    start, before = finished.read_state(dense, 0), finished.read_weights(first)

    def flat(state):
        return torch.cat([state[name][mask[name]] for name in mask]).double().numpy()

    for pair, (a, b) in {
        "start_end": (start, end), "initial_end": (start, end), "end_solution": (end, before),
        "start_solution": (start, before), "end_before": (end, before),
    }.items():  # fmt: skip
        assert found[one][pair]["l2"] == pytest.approx(np.linalg.norm(flat(a) - flat(b)))
        assert found[one][pair]["cosine"] == pytest.approx(1 - cosine(flat(a), flat(b)))
    assert found[one]["initial_start"]["l2"] == 0
    assert found[one]["density"] == 0.25
    assert set(found[dense]) == {"density", "initial_start", "initial_end", "start_end"}
    assert found[Key(0, 2, "reinit")]["initial_start"]["angle"] == pytest.approx(1, abs=0.2)


def test_the_exhibit_says_what_was_found(found):
    lines = [{"options": {}, "of": key._asdict(), "values": values, "seconds": 0.0} for key, values in found.items()]
    exhibit = DISTANCES(lines)
    assert exhibit.answers[0].endswith("Yes at levels 1 to 2.")
    angles = [found[Key(replicate, 2, "ticket")]["end_solution"]["angle"] for replicate in (0, 1)]
    assert f"ends {np.mean(angles):.3f} ±" in exhibit.answers[1]
    assert [row[:3] for row in exhibit.table.rows[:3]] == [
        ["0", "dense", "100"], ["1", "ticket", "50"], ["2", "ticket", "25"]
    ]  # fmt: skip
    (curve,) = (one for one in exhibit.charts[0].curves if one.label == "end to pruning solution")
    assert curve.x == [50, 25]
    assert curve.y[1] == pytest.approx(angles)


# Correlation


MASK = {"a": torch.tensor([1, 1, 1, 1, 0, 0]) > 0, "b": torch.tensor([1, 1]) > 0}
ONE = {"a": torch.tensor([4.0, -3.0, 2.0, 1.0, 9.0, 9.0]), "b": torch.tensor([0.5, -1.0])}
OTHER = {"a": torch.tensor([4.0, 1.0, -2.0, 3.0, 9.0, 9.0]), "b": torch.tensor([0.0, 2.0])}


def test_overlap_by_hand():
    """Of four kept weights the largest half are 4, 3 and 4, 3, of which one is shared; of two, one is, and shared."""
    tops = [largest(state, MASK, {"a": 2, "b": 1}, stream(0)) for state in (ONE, OTHER)]
    assert [top["a"].tolist() for top in tops] == [
        [True, True, False, False, False, False], [True, False, False, True, False, False]
    ]  # fmt: skip
    assert overlap(*tops) == pytest.approx(2 / 3)
    assert [overlap(*tops, layer) for layer in "ab"] == [0.5, 1.0]
    nothing = largest(ONE, MASK, {"a": 0, "b": 0}, stream(0))
    assert overlap(nothing, nothing) is None


def test_equal_signs_by_hand():
    """Of a: + and +, - and +, + and -, + and +; of b one is zero, the other differs."""
    assert agreement(ONE, OTHER, MASK) == 2 / 5
    assert agreement(ONE, OTHER, {"b": MASK["b"]}) == 0
    assert agreement(ONE, OTHER, {"b": torch.tensor([1, 0]) > 0}) is None


def test_independent_weights_overlap_by_chance():
    """Liu et al. 2021: R_p is about p, where weights have nothing to do with each other."""
    generator = stream(1)
    mask = {"a": torch.rand(300, 400, generator=generator) < 0.5}
    states = [{"a": torch.randn(300, 400, generator=generator)} for _ in range(2)]
    for share in (0.1, 0.2):
        counts = {"a": round(share * int(mask["a"].sum()))}
        tops = [largest(state, mask, counts, generator) for state in states]
        assert overlap(*tops) == pytest.approx(share, abs=0.01)
        assert overlap(tops[0], tops[0]) == 1
    assert agreement(*states, mask) == pytest.approx(0.5, abs=0.01)
