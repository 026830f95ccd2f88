"""Verdicts worked by hand: three replicates, 10,000 test images unless a test says otherwise."""

import pytest
from conftest import measured, networks, recorded, tiny

from lottery.reporting.comparison import headings, standings
from lottery.reporting.series import whole
from lottery.reporting.verdicts import definition, summed_up
from lottery.reporting.verdicts import verdicts as verdicts_of
from lottery.statistics import Estimate, at_least, more_than
from lottery.studies.prune import Prune
from lottery.tasks import Metric
from lottery.tasks.classification import Classification

(ACCURACY,) = Classification.metrics


def verdicts(levels, metric=ACCURACY, questions=Prune.questions):
    return verdicts_of(levels, metric, questions)


def answers(levels):
    return {verdict.name: verdict.answer for verdict in verdicts(levels) if verdict.level == 1}


DENSE = networks([0.970, 0.972, 0.974], 0, early_stop_step=[100, 110, 120], early_stop_test_accuracy=0.96)


@pytest.mark.parametrize(
    ("steps", "accuracies", "answer"),
    [
        # 20 steps sooner, 10 being one evaluation, and 1 point better, where counting leaves 0.30: in each replicate.
        ([80, 90, 100], [0.97, 0.97, 0.97], "yes"),
        ([90, 100, 110], [0.97, 0.97, 0.97], "yes"),  # an evaluation sooner is at least not later
        ([100, 110, 120], [0.97, 0.97, 0.97], "undecided"),  # at the same evaluation: sooner or later by less than one
        ([80, 90, 100], [0.96, 0.96, 0.96], "undecided"),  # as many right answers: 0.34 points either way
        ([120, 130, 140], [0.97, 0.97, 0.97], "no"),  # better but later
        ([80, 90, 100], [0.95, 0.95, 0.95], "no"),  # sooner but worse
        ([80, 90, 100], [0.99, 0.94, 0.97], "undecided"),  # +0.67 points with an interval of 6.3
        ([10, 200, 100], [0.97, 0.97, 0.97], "undecided"),
    ],
)
def test_winning_tickets_by_hand(steps, accuracies, answer):
    ticket = networks([0.97] * 3, 1, early_stop_step=steps, early_stop_test_accuracy=accuracies)
    assert answers(DENSE + ticket)["winning ticket"] == answer


@pytest.mark.parametrize(
    ("accuracies", "matching", "within"),
    [
        ([0.970, 0.972, 0.974], "undecided", "yes"),  # the same, but 30,000 answers leave 0.27 points uncertain
        ([0.971, 0.973, 0.975], "yes", "yes"),  # 0.1 points above in each replicate
        ([0.968, 0.970, 0.972], "undecided", "yes"),  # 0.2 below: the very threshold, and one deviation of dense
        ([0.967, 0.969, 0.971], "undecided", "no"),  # 0.3 points below
        ([0.965, 0.967, 0.969], "no", "no"),  # 0.5 points below
        ([0.980, 0.965, 0.966], "undecided", "yes"),  # -0.17 points with an interval of 2.6
    ],
)
def test_matching_by_hand(accuracies, matching, within):
    found = answers(DENSE + networks(accuracies, 1))
    assert found["matching"] == matching
    assert found["matching, within a deviation"] == within


def test_controls_by_hand():
    ticket = networks([0.980, 0.982, 0.984], 1)
    reinit = networks([0.970, 0.972, 0.975], 1, "reinit")
    random = networks([0.979, 0.985, 0.982], 1, "random")
    found = answers(DENSE + ticket + reinit + random)
    assert (found["beats reinit"], found["beats random"]) == ("yes", "undecided")


def test_what_is_missing_is_said():
    (winning, matching, _) = verdicts(DENSE[:1] + networks([0.97], 1))
    assert (winning.answer, matching.answer, matching.missing) == ("undecided", "undecided", "more replicates")
    without = {"early_stop_step": None, "early_stop_test_accuracy": None}
    blind = networks([0.97] * 3, 0, **without) + networks([0.98] * 3, 1, **without)
    assert verdicts(blind)[0].answer == "unknown"
    assert "validation data" in verdicts(blind)[0].missing
    open_one = verdicts(DENSE + networks([0.980, 0.965, 0.966], 1))[1]
    # -0.1667 points, deviation 1.0116, 0.0333 from the threshold: 1.96 * 1.0116 / sqrt(n) = 0.0333 at n = 3,538.
    assert open_one.missing == "about 3,541 replicates"  # Student's t is a little wider than the normal distribution


def test_a_diverged_network_is_no_pair():
    levels = DENSE + networks([0.970, 0.972, 0.5], 1, diverged=[None, None, 12])
    # Of two replicates, with 300 and 280 errors each: 1.96 * sqrt(1160 + 2) / 20,002.
    assert "+0.00 ± 0.33 points" in verdicts(levels)[1].numbers


def test_answers_are_summed_up_by_density():
    levels = DENSE + networks([0.980, 0.982, 0.984], 1) + networks([0.971, 0.973, 0.975], 2)
    levels += networks([0.90, 0.90, 0.90], 3) + networks([0.980, 0.965, 0.966], 4) + networks([0.972, 0.974, 0.976], 5)
    found = next(sentence for sentence in summed_up(verdicts(levels)) if sentence.name == "matching")
    assert found.spans == {"yes": "80.0 to 64.0, 32.8", "no": "51.2", "undecided": "41.0"}
    assert found.sparsest == "sparsest: accuracy +0.20 ± 0.26 points, at 32.8 %"


def test_a_span_of_densities_is_told_by_its_ends():
    levels = DENSE + [line for level in range(1, 5) for line in networks([0.980, 0.982, 0.984], level)]
    found = next(sentence for sentence in summed_up(verdicts(levels)) if sentence.name == "matching")
    assert found.spans == {"yes": "80.0 to 41.0"}


def certain(difference):
    return Estimate(difference, 0.0, 0.0, (difference, difference))


@pytest.mark.parametrize(
    ("difference", "least", "more"), [(0.005, "yes", "no"), (0.0051, "yes", "yes"), (0, "no", "no")]
)
def test_at_least_holds_the_threshold_and_more_than_does_not(difference, least, more):
    assert (at_least(certain(difference), 0.005), more_than(certain(difference), 0.005)) == (least, more)


def test_what_is_as_accurate_is_not_more_accurate():
    assert (at_least(certain(0.0)), more_than(certain(0.0))) == ("yes", "no")
    collapsed = {arm: networks([0.1, 0.1], level, arm) for level, arm in ((0, "dense"), (1, "reinit"), (1, "random"))}
    lines = [line for own in collapsed.values() for line in own] + networks([0.1, 0.1], 1)
    found = {verdict.name: verdict for verdict in verdicts(lines)}
    for name in ("beats reinit", "beats random", "matching"):
        # 1,000 right answers each of 10,000, by two replicates: 1.96 * sqrt(4000 + 2) / 20,002.
        assert (found[name].answer, found[name].numbers) == ("undecided", "accuracy +0.00 ± 0.62 points")


def test_a_ticket_with_no_pair_says_what_it_lacks():
    (found,) = [
        one
        for one in verdicts(DENSE + networks([0.97], 1) + networks([0.9], 1, "random", diverged=3))
        if one.name == "beats random"
    ]
    assert (found.answer, found.missing) == (
        "unknown",
        "a replicate whose two networks are both trained, and did not diverge",
    )


def test_a_difference_of_exactly_the_threshold_is_judged_alike_wherever_it_lies():
    """The dense networks' deviation is 20 images, and the ticket's mean lies 20 images below theirs."""
    for correct in range(40, 9981, 7):
        dense = networks([(correct + one) / 10_000 for one in (-20, 0, 20)], 0)
        level = [line | {"density": 0.8} for line in networks([(correct + one) / 10_000 for one in (-40, -20, 0)], 1)]
        found = answers(dense + level)
        assert (found["matching"], found["matching, within a deviation"]) == ("undecided", "yes"), correct
        level[0] |= {"test": measured((correct - 41) / 10_000)}  # a third of an image more
        assert answers(dense + level)["matching, within a deviation"] == "no", correct


def test_what_would_settle_steps_at_the_same_evaluation():
    ticket = networks([0.97] * 3, 1, early_stop_step=[100, 110, 120], early_stop_test_accuracy=0.97)
    assert verdicts(DENSE + ticket)[0].missing == "evaluations closer together (train.evaluate_every)"
    worse = networks([0.97] * 3, 1, early_stop_step=[100, 110, 120], early_stop_test_accuracy=[0.97, 0.958, 0.97])
    # 0.6 points, deviation 0.6928: 1.96 * 0.6928 / sqrt(n) = 0.6 at n = 5.1; Student's t asks for eight.
    assert verdicts(DENSE + worse)[0].missing == (
        "about 8 replicates and evaluations closer together (train.evaluate_every)"
    )


def test_a_study_beside_a_dense_one_is_judged_by_the_same_interval(tmp_path):
    dense = recorded(tmp_path, tiny(), networks([0.9, 0.9], 0), "train")
    sparse = recorded(tmp_path, tiny(sparse={"density": 0.5}), networks([0.9, 0.9], 1, "sparse", density=0.5), "train")
    found = standings([[dense], [sparse]])
    assert headings(found) == ("test accuracy, %", "minus dense, points")
    assert found[1].matching == "undecided"
    assert found[1].gain.half_width == pytest.approx(1.959964 * 4002**0.5 / 20_002, rel=1e-6)


PERPLEXITY = Metric(name="perplexity", unit="", scale=1.0, digits=2, higher_is_better=False)


def perplexities(values, level, arm=None):
    """Networks of a task whose metric is no share of answers; the early-stop step is the same for all."""
    lines = networks([0.5] * len(values), level, arm)
    for line, value in zip(lines, values, strict=True):
        test = {"loss": 3.0, "metrics": {"perplexity": {"value": value, "right": None, "of": None}}}
        line |= {"test": test, "early_stop": {"step": 20 if level else 40, "test": test}, "validation": None}
    return lines


@pytest.mark.parametrize(
    ("ticket", "winning", "matching", "within"),
    [
        ((18.0, 18.1, 18.2), "yes", "yes", "yes"),  # lower by 2 to 2.2: better
        ((20.1, 20.3, 20.5), "no", "yes", "yes"),  # higher by 0.1 in each: worse, but within 0.2, and the deviation
        ((20.3, 20.5, 20.7), "no", "no", "no"),  # higher by 0.3, which is more than the deviation of 0.2
    ],
)
def test_where_lower_is_better(ticket, winning, matching, within):
    lines = perplexities([20.0, 20.2, 20.4], 0) + perplexities(ticket, 1)
    lines += perplexities([one + 1 for one in ticket], 1, "reinit")
    found = {one.name: one for one in verdicts(lines, PERPLEXITY)}
    assert [found[name].answer for name in ("winning ticket", "matching", "matching, within a deviation")] == [
        winning, matching, within,
    ]  # fmt: skip
    assert (found["beats reinit"].answer, found["beats reinit"].numbers) == ("yes", "perplexity better by +1.00 ± 0.00")
    assert "at most 0.2 above" in definition("matching", PERPLEXITY)


def test_a_ticket_exactly_as_good_as_its_control_does_not_beat_it():
    """Of a metric that isn't counted, whose differences are certain."""
    same = [20.0, 20.2, 20.4]
    lines = perplexities(same, 0) + perplexities(same, 1) + perplexities(same, 1, "reinit")
    found = {one.name: one.answer for one in verdicts(lines, PERPLEXITY)}
    assert (found["matching"], found["beats reinit"]) == ("yes", "no")


def test_a_level_of_controls_alone_is_not_judged_yet():
    levels = DENSE + networks([0.97] * 3, 1) + networks([0.97] * 3, 2, "reinit")
    assert {verdict.level for verdict in verdicts(levels)} == {1}


def test_dense_networks_on_the_way_are_none_of_the_dense_ones():
    dense = networks([0.9, 0.9], 0)
    assert whole(dense + networks([0.5, 0.5], 0, "early"), 0) == dense


def test_dense_networks_on_the_way_are_nobodys_dense_network():
    lines = networks([0.9, 0.9], 0, "early") + networks([0.9, 0.9], 1)
    assert verdicts(lines) == []
