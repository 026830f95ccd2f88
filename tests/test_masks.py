import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from lottery import masks


def keep(scores, density, mask):
    return masks.keep_top({"w": torch.tensor(scores)}, density, {"w": torch.tensor(mask)})["w"].tolist()


def test_keeps_the_highest_of_those_left():
    # By hand: 4 weights, one pruned already although its score is the highest; half of 4 is 2.
    assert keep([9.0, 1.0, 3.0, 2.0], 0.5, [False, True, True, True]) == [False, False, True, True]


def test_ties_go_to_the_lower_index():
    assert keep([1.0, 1.0, 1.0, 1.0], 0.5, [True] * 4) == [True, True, False, False]


def test_float_ranks_layers_together_and_dict_ranks_them_apart():
    scores = {"a": torch.tensor([1.0, 2.0]), "b": torch.tensor([3.0, 4.0])}
    full = {name: torch.ones(2, dtype=torch.bool) for name in scores}
    together = masks.keep_top(scores, 0.5, full)
    assert together["a"].tolist() == [False, False]
    assert together["b"].tolist() == [True, True]
    apart = masks.keep_top(scores, {"a": 0.5, "b": 1.0}, full)
    assert apart["a"].tolist() == [False, True]
    assert apart["b"].tolist() == [True, True]


def test_what_is_fewer_than_asked_for_stays():
    assert keep([1.0, 2.0, 3.0], 1.0, [False, True, False]) == [False, True, False]


def test_density_zero_keeps_nothing_and_one_everything():
    assert keep([1.0, 2.0], 0.0, [True, True]) == [False, False]
    assert keep([1.0, 2.0], 1.0, [True, True]) == [True, True]


def test_refuses_what_cannot_be_ranked():
    with pytest.raises(ValueError, match="diverged"):
        keep([float("nan"), 1.0], 0.5, [True, True])
    with pytest.raises(ValueError, match="outside"):
        keep([1.0], 1.5, [True])
    # A pruned weight's score takes no part.
    assert keep([float("nan"), 1.0], 0.5, [False, True]) == [False, True]


@given(
    st.lists(
        st.tuples(st.sampled_from([-math.inf, -1.0, 0.0, 0.5, 2.0, 3.0]), st.booleans()), min_size=1, max_size=100
    ),
    st.floats(0, 1),
)
def test_agrees_with_a_stable_sort(rows, density):
    scores, mask = [score for score, _ in rows], [alive for _, alive in rows]
    alive = [index for index, there in enumerate(mask) if there]
    best = sorted(alive, key=lambda index: -scores[index])[: round(density * len(rows))]  # sorted() is stable
    assert keep(scores, density, mask) == [index in best for index in range(len(rows))]


def test_shuffle_keeps_counts_and_moves_weights():
    mask = {"a": torch.arange(1000) < 100, "b": torch.ones(3, 3, dtype=torch.bool)}
    shuffled = masks.shuffle(mask, torch.Generator().manual_seed(0))
    assert {name: int(kept.sum()) for name, kept in shuffled.items()} == {"a": 100, "b": 9}
    # 100 of 1000 hit 100 others: 10 in expectation, 3 its standard deviation.
    assert 0 < int((shuffled["a"] & mask["a"]).sum()) < 25
    assert masks.count(mask) == 109
    assert masks.total(mask) == 1009


@given(st.integers(0, 2**31), st.integers(1, 400), st.sampled_from(["normal", "ties", "sorted", "striped"]))
def test_a_few_of_many_are_those_of_a_stable_sort(seed, count, kind):
    """Whatever the sample of scores that the search starts from makes believe."""
    generator = torch.Generator().manual_seed(seed)
    scores = torch.randn(5000, generator=generator)
    if kind == "ties":
        scores = scores.round()
    elif kind == "sorted":
        scores = scores.sort().values
    elif kind == "striped":  # every sixteenth score is far above the others, and the only one that is sampled
        scores[::16] += 100
    alive = torch.rand(5000, generator=generator) < 0.9
    order = scores.masked_fill(~alive, -torch.inf).sort(descending=True, stable=True).indices
    expected = torch.zeros(5000, dtype=torch.bool)
    expected[order[:count]] = True
    assert torch.equal(masks.keep_top({"w": scores}, count / 5000, {"w": alive})["w"], expected)
