"""Means, differences and their intervals, against SciPy, by hand, and by simulation."""

from fractions import Fraction

import numpy as np
import pytest
from conftest import networks
from scipy import stats

from lottery.reporting.quantities import EARLY_STOP_STEP, at_end
from lottery.reporting.series import by_level, readings, shown, whole
from lottery.statistics import Reading, difference, estimate, paired, replicates_needed, step_difference
from lottery.tasks import Metric
from lottery.tasks.classification import Classification

(ACCURACY,) = Classification.metrics


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


def test_levels_are_estimated_over_the_networks_that_have_a_value_and_did_not_diverge():
    lines = networks([0.5, 0.7], 0) + networks([0.9, 0.1], 1, diverged=[None, 3])
    found = by_level(lines, at_end(ACCURACY))
    assert {level: one.values for level, one in found.items()} == {0: (0.5, 0.7), 1: (0.9,)}
    assert by_level(networks([0.9], 0, early_stop_step=None), EARLY_STOP_STEP) == {}


def test_networks_on_the_way_and_other_orders_are_no_replicates():
    lines = [*networks([0.5], 0), *networks([0.6], 0, "early"), *networks([0.7], 0, order=1)]
    assert [line["arm"] for line in shown(lines)] == ["dense"]
    assert by_level(shown(lines), at_end(ACCURACY))[0].values == (0.5,)


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
    assert difference({0: Reading(Fraction(1, 2), 2)}, {1: Reading(Fraction(1, 2), 2)}) is None


def test_accuracies_are_counts_of_networks_that_did_not_diverge():
    lines = networks([0.9, 0.8, 0.7], 1, diverged=[None, 5, None], early_stop_step=[20, 20, None])
    own = whole(lines, 1)
    assert readings(own, ACCURACY) == {0: (Fraction(9, 10), 10_000), 2: (Fraction(7, 10), 10_000)}
    assert readings(own, ACCURACY, early_stop=True) == {0: (Fraction(88, 100), 10_000)}


def of(correct, images=10_000):
    return {replicate: Reading(Fraction(int(number), images), images) for replicate, number in enumerate(correct)}


def test_the_mean_of_a_difference_is_exact():
    """Twenty images of 10,000 are 0.2 points, however many right answers there are."""
    for correct in range(20, 10_001):
        assert difference(of([correct - 20, correct]), of([correct, correct + 20])).mean == -0.002


def test_the_interval_where_replicates_agree_by_hand():
    # Errors of both, 200 + 300 in each of two replicates, among 20,000 answers: 1.96 * sqrt(1000 + 2) / 20,002.
    found = difference(of([9800, 9800]), of([9700, 9700]))
    assert found.deviation == 0
    assert found.half_width == pytest.approx(1.959964 * 1002**0.5 / 20_002, rel=1e-6)
    # Right answers of both are fewer than the errors: 100 + 50, in each of three.
    assert difference(of([100] * 3), of([50] * 3)).half_width == pytest.approx(1.959964 * 452**0.5 / 30_002, rel=1e-6)
    # Nobody ever errs: 2.77 answers among all, near the 3 of the rule of three.
    assert difference(of([100] * 2, 100), of([100] * 2, 100)).half_width == pytest.approx(2.772 / 202, rel=1e-3)


def test_the_interval_is_students_where_that_is_wider():
    left, right = of([9800, 9700, 9900]), of([9500, 9600, 9300])
    _, high = stats.ttest_rel([0.98, 0.97, 0.99], [0.95, 0.96, 0.93]).confidence_interval(0.95)
    assert difference(left, right).high == pytest.approx(high, abs=1e-9)


def test_no_joint_distribution_varies_more_than_the_bound():
    """Errors of two networks overlap in any way that their numbers allow: the variance of one answer's difference."""
    images = 12
    for errors, others in ((3, 2), (0, 5), (11, 8), (12, 12), (12, 0)):
        found = difference(of([images - errors] * 2, images), of([images - others] * 2, images))
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
    found = [difference(of(left, images), of(right, images)) for left, right in drawn]
    assert min(one.half_width for one in found) > 0
    assert np.mean([one.low <= 0 <= one.high for one in found]) >= 0.95


@pytest.mark.parametrize("replicates", [2, 5])
def test_the_interval_holds_where_errors_never_coincide(replicates):
    """The worst case, that the bound is of: on each image at most one of two networks errs."""
    drawn = np.random.default_rng(1).multinomial(1000, [0.03, 0.02, 0.95], (1000, replicates))
    found = [difference(of(1000 - one[:, 0], 1000), of(1000 - one[:, 1], 1000)) for one in drawn]
    assert np.mean([one.low <= -0.01 <= one.high for one in found]) >= 0.95


PERPLEXITY = Metric(name="perplexity", unit="", scale=1.0, digits=3, higher_is_better=False)


def test_where_lower_is_better_a_gain_is_a_fall_and_nothing_is_counted():
    """Three replicates whose perplexity falls by 1, 2 and 3: Student's interval, with no least width."""
    before, after = ({replicate: Reading(Fraction(value)) for replicate, value in enumerate(own)}
                     for own in ((20.0, 21.0, 22.5), (19.0, 19.0, 19.5)))  # fmt: skip
    found = difference(after, before, higher_is_better=False)
    low, high = stats.ttest_rel([20.0, 21.0, 22.5], [19.0, 19.0, 19.5]).confidence_interval(0.95)
    assert found.values == (1.0, 2.0, 3.0)
    assert (found.low, found.high) == (pytest.approx(low, abs=1e-9), pytest.approx(high, abs=1e-9))
    same = difference(after, after, higher_is_better=False)
    assert (same.mean, same.half_width, same.least_deviation) == (0.0, 0.0, 0.0)


def test_a_metric_that_is_not_counted_is_read_as_it_stands():
    def line(value):
        (own,) = networks([0.5], 0)
        perplexity = {"value": value, "right": None, "of": None}
        return own | {"test": {"loss": 1.0, "metrics": {"perplexity": perplexity}}}

    assert readings([line(19.1)], PERPLEXITY) == {0: (Fraction(19.1), None)}
    assert readings([line(None)], PERPLEXITY) == {}
    assert readings([line(19.1)], ACCURACY) == {}
    assert at_end(PERPLEXITY).written(estimate([19.1, 19.3])) == "19.200 ± 1.271"


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
    assert replicates_needed(difference(of([9850] * 2), of([9850] * 2)), -0.002) == 3
