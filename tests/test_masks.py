import math
from collections import Counter

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from lottery.networks import masks
from lottery.seeds import stream


def keep(scores, density, mask, seed=0):
    kept = masks.keep_top({"w": torch.tensor(scores)}, density, {"w": torch.tensor(mask)}, stream(seed))
    return kept["w"].tolist()


def test_keeps_the_highest_of_those_left():
    # By hand: 4 weights, one pruned already although its score is the highest; half of 4 is 2.
    assert keep([9.0, 1.0, 3.0, 2.0], 0.5, [False, True, True, True]) == [False, False, True, True]


class TestTies:
    def test_of_equal_scores_any_are_kept_as_often(self):
        # 5 stays and 0 goes; two of the four 1s are kept. Of 1200 draws each pair has 200, standard deviation 13.
        drawn = Counter()
        for seed in range(1200):
            kept = keep([1.0, 5.0, 1.0, 1.0, 0.0, 1.0, 1.0], 3 / 7, [True] * 6 + [False], seed)
            assert kept[1]
            assert not kept[4]
            assert not kept[6]
            drawn[tuple(index for index in (0, 2, 3, 5) if kept[index])] += 1
        assert len(drawn) == 6
        assert all(140 < count < 260 for count in drawn.values())

    def test_where_most_scores_are_equal_no_row_or_column_empties(self):
        # As of weights that have changed sign, most of which have not: the first rows, by index.
        score = torch.rand(300, 784, generator=stream(1))
        score[score < 0.92] = 0
        kept = masks.keep_top({"w": score}, 0.5, {"w": torch.ones(300, 784, dtype=torch.bool)}, stream(0))["w"]
        assert int(kept.sum()) == 300 * 784 / 2
        assert kept[score > 0].all()
        # Half of a row of 784 and of a column of 300, with standard deviations of 14 and 9.
        assert kept.sum(1).min() > 300
        assert kept.sum(0).min() > 90

    def test_layers_ranked_together_share_ties_by_their_size(self):
        full = {"a": torch.ones(1000, dtype=torch.bool), "b": torch.ones(30, 100, dtype=torch.bool)}
        scores = {name: torch.zeros(mask.shape) for name, mask in full.items()}
        kept = masks.keep_top(scores, 0.5, full, stream(0))
        assert masks.count(kept) == 2000
        assert abs(int(kept["a"].sum()) - 500) < 70  # five standard deviations

    def test_ranked_apart_they_have_streams_of_their_own(self):
        full = {name: torch.ones(100, dtype=torch.bool) for name in "ab"}
        scores = {name: torch.zeros(100) for name in full}
        both = masks.keep_top(scores, {"a": 0.5, "b": 0.5}, full, stream(0))
        assert not torch.equal(both["a"], both["b"])
        untied = masks.keep_top(scores | {"a": torch.arange(100.0)}, {"a": 0.5, "b": 0.5}, full, stream(0))
        assert torch.equal(untied["b"], both["b"])

    def test_they_are_a_function_of_the_seed_and_shift_nothing_drawn_from_the_generator(self):
        scores, full = {"w": torch.zeros(100)}, {"w": torch.ones(100, dtype=torch.bool)}
        generator = stream(0)
        before = generator.get_state()
        first = masks.keep_top(scores, 0.5, full, generator)["w"]
        assert torch.equal(generator.get_state(), before)
        torch.rand(7, generator=generator)
        assert torch.equal(masks.keep_top(scores, 0.5, full, generator)["w"], first)
        assert not torch.equal(masks.keep_top(scores, 0.5, full, stream(1))["w"], first)

    @given(st.lists(st.sampled_from([0.0, 1.0, 2.0]), min_size=1, max_size=60), st.floats(0, 1), st.floats(0, 1))
    def test_the_same_seed_keeps_the_same_and_more_at_a_higher_density(self, scores, one, other):
        fewer, more = (keep(scores, density, [True] * len(scores)) for density in sorted((one, other)))
        assert all(a <= b for a, b in zip(fewer, more, strict=True))


def test_float_ranks_layers_together_and_dict_ranks_them_apart():
    scores = {"a": torch.tensor([1.0, 2.0]), "b": torch.tensor([3.0, 4.0])}
    full = {name: torch.ones(2, dtype=torch.bool) for name in scores}
    together = masks.keep_top(scores, 0.5, full, stream(0))
    assert together["a"].tolist() == [False, False]
    assert together["b"].tolist() == [True, True]
    apart = masks.keep_top(scores, {"a": 0.5, "b": 1.0}, full, stream(0))
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
def test_agrees_with_a_sort(rows, density):
    """The same scores are kept; of which weights among equals, is left to chance."""
    scores, mask = [score for score, _ in rows], [alive for _, alive in rows]
    kept = [index for index, keeps in enumerate(keep(scores, density, mask)) if keeps]
    best = sorted((score for score, there in rows if there), reverse=True)[: round(density * len(rows))]
    assert sorted((scores[index] for index in kept), reverse=True) == best
    assert all(mask[index] for index in kept)


def test_shuffle_keeps_counts_and_moves_weights():
    mask = {"a": torch.arange(1000) < 100, "b": torch.ones(3, 3, dtype=torch.bool)}
    shuffled = masks.shuffle(mask, torch.Generator().manual_seed(0))
    assert {name: int(kept.sum()) for name, kept in shuffled.items()} == {"a": 100, "b": 9}
    # 100 of 1000 hit 100 others: 10 in expectation, 3 its standard deviation.
    assert 0 < int((shuffled["a"] & mask["a"]).sum()) < 25
    assert masks.count(mask) == 109
    assert masks.total(mask) == 1009


@given(st.integers(0, 2**31), st.integers(1, 400), st.sampled_from(["normal", "ties", "sorted", "striped"]))
def test_a_few_of_many_are_those_of_a_sort(seed, count, kind):
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
    best = scores.masked_fill(~alive, -torch.inf).sort(descending=True).values[:count]
    kept = masks.keep_top({"w": scores}, count / 5000, {"w": alive}, stream(0))["w"]
    assert torch.equal(scores[kept].sort(descending=True).values, best)
    assert not (kept & ~alive).any()
