"""Means, differences and their intervals, against SciPy, by hand, and by simulation."""

from fractions import Fraction

import numpy as np
import pytest
from conftest import networks
from scipy import stats

from lottery.report.statistics import (
    Accuracy,
    accuracies,
    accuracy_difference,
    by_level_and_arm,
    estimate,
    paired,
    replicates_needed,
    step_difference,
)


@pytest.mark.parametrize("values", [(0.1, 0.2), (3.0, 3.5, 2.25, 8.0, 1.0), (5.0, 5.0, 5.0)])
def test_intervals_agree_with_scipy(values):
    found = estimate(values)
    assert found.mean == pytest.approx(sum(values) / len(values), abs=1e-12)
    sem = stats.sem(values)
    low, high = stats.t.interval(0.95, len(values) - 1, loc=found.mean, scale=sem) if sem else (found.mean, found.mean)
    assert found.mean - found.half_width == pytest.approx(low, abs=1e-9)
    assert found.mean + found.half_width == pytest.approx(high, abs=1e-9)


def test_one_value_has_no_interval_and_none_no_mean():
    assert estimate([2.0]).half_width is None
    with pytest.raises(ValueError, match="no values"):
        estimate([])


def test_groups():
    lines = [{"level": 0, "arm": "main", "x": 1.0}, {"level": 0, "arm": "main", "x": 3.0},
             {"level": 1, "arm": "main", "x": None}]  # fmt: skip
    found = by_level_and_arm(lines, "x")
    assert list(found) == [(0, "main")]
    assert found[0, "main"].mean == 2.0


@pytest.mark.parametrize(
    ("left", "right"), [((0.9, 0.8, 0.95), (0.85, 0.8, 0.9)), ((3.0, 1.0, 2.5, 7.0), (1.0, 1.5, 2.0, 9.0))]
)
def test_paired_differences_agree_with_scipy(left, right):
    found = paired(dict(enumerate(left)), dict(enumerate(right)))
    test = stats.ttest_rel(left, right)
    low, high = test.confidence_interval(0.95)
    assert found.low == pytest.approx(low, abs=1e-9)
    assert found.high == pytest.approx(high, abs=1e-9)
    assert found.deviation == pytest.approx(np.std(np.subtract(left, right), ddof=1), abs=1e-12)


def test_pairs_are_of_one_replicate():
    assert paired({0: 1.0, 2: 5.0, 3: 9.0}, {2: 1.0, 0: 0.5, 1: 100.0}).values == (0.5, 4.0)
    assert paired({0: 1.0}, {1: 1.0}) is None
    assert accuracy_difference({0: Accuracy(1, 2)}, {1: Accuracy(1, 2)}) is None


def test_accuracies_are_counts_of_networks_that_did_not_diverge():
    lines = networks([0.9, 0.8, 0.7], 1, diverged=[None, 5, None], early_stop_test_accuracy=[0.5, 0.5, None])
    assert accuracies(lines, 1, "main") == {0: (9000, 10_000), 2: (7000, 10_000)}
    assert accuracies(lines, 1, "main", "early_stop_test") == {0: (5000, 10_000)}


def of(correct, images=10_000):
    return {replicate: Accuracy(int(number), images) for replicate, number in enumerate(correct)}


def test_the_mean_of_a_difference_is_exact():
    """Twenty images of 10,000 are 0.2 points, however many right answers there are."""
    for correct in range(20, 10_001):
        assert accuracy_difference(of([correct - 20, correct]), of([correct, correct + 20])).mean == -0.002


def test_the_interval_where_replicates_agree_by_hand():
    # Errors of both, 200 + 300 in each of two replicates, among 20,000 answers: 1.96 * sqrt(1000 + 2) / 20,002.
    found = accuracy_difference(of([9800, 9800]), of([9700, 9700]))
    assert found.deviation == 0
    assert found.half_width == pytest.approx(1.959964 * 1002**0.5 / 20_002, rel=1e-6)
    # Right answers of both are fewer than the errors: 100 + 50, in each of three.
    assert accuracy_difference(of([100] * 3), of([50] * 3)).half_width == pytest.approx(
        1.959964 * 452**0.5 / 30_002, rel=1e-6
    )
    # Nobody ever errs: 2.77 answers among all, near the 3 of the rule of three.
    assert accuracy_difference(of([100] * 2, 100), of([100] * 2, 100)).half_width == pytest.approx(
        2.772 / 202, rel=1e-3
    )


def test_the_interval_is_students_where_that_is_wider():
    left, right = of([9800, 9700, 9900]), of([9500, 9600, 9300])
    _, high = stats.ttest_rel([0.98, 0.97, 0.99], [0.95, 0.96, 0.93]).confidence_interval(0.95)
    assert accuracy_difference(left, right).high == pytest.approx(high, abs=1e-9)


def test_no_joint_distribution_varies_more_than_the_bound():
    """Errors of two networks overlap in any way that their numbers allow: the variance of one answer's difference."""
    images = 12
    for errors, others in ((3, 2), (0, 5), (11, 8), (12, 12), (12, 0)):
        found = accuracy_difference(of([images - errors] * 2, images), of([images - others] * 2, images))
        bound = (found.half_width / 1.959964) ** 2 * 2 * images
        for shared in range(max(0, errors + others - images), min(errors, others) + 1):
            differ = Fraction(errors + others - 2 * shared, images)
            assert differ - Fraction(errors - others, images) ** 2 <= bound * (1 + 1 / images) ** 2


@pytest.mark.parametrize("replicates", [2, 3, 5])
@pytest.mark.parametrize("images", [100, 10_000])
@pytest.mark.parametrize("share", [0.1, 0.9, 0.98, 0.999])
def test_the_interval_holds_the_truth_as_often_as_it_says(share, images, replicates):
    """Two networks of one accuracy, a binomial number of right answers each.

    With 98 of 100 right, twice, Student's interval alone holds it in 90 %, and has no width in 14 %.
    """
    generator = np.random.default_rng(0)
    drawn = generator.binomial(images, share, (1000, 2, replicates))
    found = [accuracy_difference(of(left, images), of(right, images)) for left, right in drawn]
    assert min(one.half_width for one in found) > 0
    assert np.mean([one.low <= 0 <= one.high for one in found]) >= 0.95


@pytest.mark.parametrize("replicates", [2, 5])
def test_the_interval_holds_where_errors_never_coincide(replicates):
    """The worst case, that the bound is of: on each image at most one of two networks errs."""
    drawn = np.random.default_rng(1).multinomial(1000, [0.03, 0.02, 0.95], (1000, replicates))
    found = [accuracy_difference(of(1000 - one[:, 0], 1000), of(1000 - one[:, 1], 1000)) for one in drawn]
    assert np.mean([one.low <= -0.01 <= one.high for one in found]) >= 0.95


def test_a_difference_of_steps_is_known_to_one_part_of_their_grid():
    found = step_difference({0: 300, 1: 300}, {0: 300, 1: 300}, 100)
    assert (found.low, found.mean, found.high) == (-100, 0, 100)
    assert replicates_needed(found, -50) is None
    wide = step_difference({0: 900, 1: 300}, {0: 300, 1: 300}, 100)
    assert wide.half_width == pytest.approx(12.706 * 300, rel=1e-4)  # 600 and 0: deviation 600 / sqrt(2)


@pytest.mark.parametrize("replicates", [2, 3, 5])
@pytest.mark.parametrize("spread", [30, 50, 100, 200])
def test_the_interval_of_steps_holds_the_truth_as_often_as_it_says(spread, replicates):
    """Steps that are no different, rounded to a grid of 100; Student's alone covers 88 % at two of spread 100."""
    generator = np.random.default_rng(2)
    steps = generator.normal(0, spread, (2000, 2, replicates)) + generator.uniform(0, 100, (2000, 1, 1))
    found = [step_difference(*(dict(enumerate(own)) for own in pair), 100) for pair in steps.round(-2).tolist()]
    assert np.mean([one.low <= 0 <= one.high for one in found]) >= 0.945


@pytest.mark.parametrize("values", [(0.2, -0.1, 0.3), (1.0, 1.1), (0.5, -0.4, 0.1, 0.3, 0.0)])
def test_replicates_needed_is_the_first_number_that_would_do(values):
    found = estimate(values)
    needed = replicates_needed(found)

    def half_width(count):
        return stats.t.ppf(0.975, count - 1) * np.std(values, ddof=1) / np.sqrt(count)

    assert half_width(needed) < abs(found.mean)
    assert needed == 2 or half_width(needed - 1) >= abs(found.mean)


def test_replicates_needed_where_none_would_do():
    assert replicates_needed(estimate((1.0,))) is None
    assert replicates_needed(estimate((1.0, -1.0))) is None
    assert replicates_needed(estimate((0.5, 0.5)), threshold=0.2) == 2


def test_replicates_needed_where_all_agree_is_what_their_counts_ask_for():
    # 0.2 points from the threshold; 1.96 * sqrt(2 * 300 + 2) / 20,002 is 0.24 at two, and falls with their root.
    assert replicates_needed(accuracy_difference(of([9850] * 2), of([9850] * 2)), -0.002) == 3
