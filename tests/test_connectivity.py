"""Paths between networks: by hand, against NumPy and torch's own pass; who is paired with whom; what it means."""

import copy
from itertools import combinations
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from conftest import carry_out, tiny
from torch import nn
from torch.optim.swa_utils import update_bn

from lottery.analyses import connectivity as of_connectivity
from lottery.analyses._barriers import groups, onset
from lottery.analyses._barriers_told import sentences
from lottery.analyses._pairs import PAIRS
from lottery.analyses.connectivity import connectivity
from lottery.analyses.interpolation import SHOWN, interpolation
from lottery.errors import LotteryError
from lottery.explaining.barriers import barrier, largest_rise
from lottery.explaining.curves import found as found_along
from lottery.explaining.normalisation import has_statistics, recomputed
from lottery.explaining.paths import between, evenly
from lottery.explaining.survey import Survey
from lottery.explaining.trained import Trained
from lottery.networks.key import Key
from lottery.networks.network import Network
from lottery.statistics import estimate, jackknifed
from lottery.studies.prepare import prepare


def opened(run):
    return Trained(run, lambda run: prepare(run.config))


@pytest.fixture(scope="module")
def trained(finished):
    return opened(finished)


@pytest.fixture(scope="module")
def survey(trained):
    return Survey(trained.setting, 500, 100)


@pytest.fixture(scope="module")
def copies(tmp_path_factory):
    """Two orders of each network, of three replicates."""
    config = tiny(orders=2, replicates=3, pruning={"iterations": 1, "arms": ["reinit"]}, train__length="10it")
    return opened(carry_out(config, tmp_path_factory.mktemp("runs")))


def test_a_barrier_is_the_highest_point_above_the_mean_of_the_ends():
    assert barrier([10.0, 14.0, 30.0, 12.0, 20.0]) == 15
    assert barrier([10.0, 12.0, 20.0]) == 5  # no bump, but ends that differ
    assert barrier([7.3] * 30) == 0
    assert np.isnan(barrier([1.0, float("inf"), 1.0]))


def test_the_largest_rise_is_from_a_value_to_a_later_one():
    assert largest_rise([5.0, 3.0, 4.0, 2.0, 2.5]) == 1
    assert largest_rise([5.0, 3.0, 3.0, 1.0]) == 0
    assert largest_rise([1.0, 2.0, 1.5, 4.0]) == 3
    assert np.isnan(largest_rise([1.0, float("nan")]))


def test_shares_are_even_hold_the_ends_and_are_the_same_from_either():
    assert evenly(3) == [0, 0.5, 1]
    assert len(evenly(30)) == 30
    assert [round(1 - share, 12) for share in evenly(30)] == evenly(30)[::-1]
    beyond = evenly(29, -0.2, 1.2)
    assert (beyond[0], beyond[4], beyond[24], beyond[-1]) == (-0.2, 0, 1, 1.2)
    assert np.allclose(np.diff(beyond), 0.05)


def test_between_two_networks_numbers_are_interpolated_counts_are_the_nearers_and_masks_joined():
    one, other = (
        Network(
            {"w": torch.tensor(w), "seen": torch.tensor(seen)},
            {"w": torch.tensor(w) != 0},
        )
        for w, seen in (([4.0, 0.0, 2.0, 0.0], 3), ([8.0, 1.0, 0.0, 0.0], 7))
    )
    middle = between(one, other, 0.25)
    assert middle.state["w"].tolist() == [5, 0.25, 1.5, 0]
    assert middle.mask["w"].tolist() == [True, True, True, False]
    assert (middle.state["seen"], between(one, other, 0.75).state["seen"]) == (3, 7)
    assert between(one, other, 1.5).state["w"].tolist() == [10, 1.5, -1, 0]


def test_a_network_and_itself_have_no_barrier(trained, survey):
    end = trained.end(Key(0, 1, "ticket"))
    found = found_along(survey, end, end, evenly(7), [0])
    barriers = [value for name, value in found.items() if name.endswith("_barrier")]
    assert barriers == [0, 0, 0, 0]
    assert len(found["test_error"]) == 7
    assert len(set(found["test_loss"])) == 1


def test_the_ends_of_a_path_are_as_good_as_the_run_recorded(trained, survey):
    one, other = Key(1, 2, "ticket"), Key(1, 2, "random")
    found = found_along(survey, trained.end(one), trained.end(other), evenly(3), [1])
    for key, error in ((one, found["test_error"][0]), (other, found["test_error"][-1])):
        counted = trained.lines[key]["test"]["metrics"]["accuracy"]
        assert error == 100 * (counted["of"] - counted["right"]) / counted["of"]
        place = 0 if key == one else -1
        assert found["test_loss"][place] == pytest.approx(trained.lines[key]["test"]["loss"], rel=1e-6)


def constant(setting, *highest):
    """A network that answers by its last biases alone, whatever it sees."""
    state = {name: torch.zeros_like(value) for name, value in setting.like.state.items()}
    state["output.bias"] = torch.full((10,), -9.0)
    for label, value in highest:
        state["output.bias"][label] = value
    return Network(state, setting.like.mask)


def test_a_planted_bump_is_found_at_its_height(trained, survey):
    """Two networks name classes 0 and 1, and halfway a third: errors are known from how often each class comes."""
    setting = trained.setting
    labels = setting.data.test_labels.numpy()
    share = [float((labels == label).mean()) for label in range(10)]
    third = min(range(2, 10), key=lambda label: share[label])
    one, other = (constant(setting, (0, first), (1, 1 - first), (third, 0.55)) for first in (1.0, 0.0))
    found = found_along(survey, one, other, evenly(11), [0])
    expected = [100 * (1 - share[0])] * 5 + [100 * (1 - share[third])] + [100 * (1 - share[1])] * 5
    assert found["test_error"] == pytest.approx(expected)
    height = max(expected) - (expected[0] + expected[-1]) / 2
    assert found["test_error_barrier"] == pytest.approx(height)
    assert height > 0
    biases = [one.state["output.bias"] * (1 - a) + other.state["output.bias"] * a for a in evenly(11)]
    losses = [float((bias.logsumexp(0) - bias[labels]).mean()) for bias in biases]
    assert found["test_loss"] == pytest.approx(losses, rel=1e-5)


def test_permuted_copies_are_equal_and_what_lies_between_is_what_numpy_says(trained, survey):
    end, data = trained.end(Key(0, 0, "dense")), trained.setting.data
    order = torch.randperm(16, generator=torch.Generator().manual_seed(0))
    first, last = "hidden_1", "output"
    state = end.state | {
        f"{first}.weight": end.state[f"{first}.weight"][order],
        f"{first}.bias": end.state[f"{first}.bias"][order],
        f"{last}.weight": end.state[f"{last}.weight"][:, order],
    }
    found = found_along(survey, end, Network(state, end.mask), evenly(5), [0])
    images = data.normalise(data.test_images).flatten(1).double().numpy()
    labels, errors = data.test_labels.numpy(), []
    for share in evenly(5):
        w1, b1, w2, b2 = (
            ((1 - share) * end.state[name] + share * state[name]).double().numpy()
            for name in (f"{first}.weight", f"{first}.bias", f"{last}.weight", f"{last}.bias")
        )
        errors.append(100 * float(((np.maximum(images @ w1.T + b1, 0) @ w2.T + b2).argmax(1) != labels).mean()))
    assert found["test_error"] == pytest.approx(errors)
    assert errors[0] == errors[-1] < errors[2]
    assert found["test_error_barrier"] == pytest.approx(max(errors) - errors[0])


def test_a_path_is_the_same_from_either_end(trained, survey):
    ends = [trained.end(Key(replicate, 1, "ticket")) for replicate in (0, 1)]
    one = found_along(survey, ends[0], ends[1], evenly(30), [0, 1])
    other = found_along(survey, ends[1], ends[0], evenly(30), [0, 1])
    for name in ("test_error", "train_error", "test_loss", "train_loss"):
        exactly = name.endswith("error")  # a processor may round a product and a sum at once
        assert one[name] == (other[name][::-1] if exactly else pytest.approx(other[name][::-1], rel=1e-6))


def test_stacked_and_looped_agree(trained):
    setting = trained.setting
    one, other = trained.end(Key(0, 0, "dense")), trained.end(Key(0, 1, "ticket"))
    stacked, looped = (
        found_along(Survey(setting, 500, 100, execution), one, other, evenly(9), [0])
        for execution in ("stacked", "looped")
    )
    for name in ("test_error", "train_error"):
        assert stacked[name] == looped[name]
    assert stacked["train_loss"] == pytest.approx(looped["train_loss"], rel=1e-5)


def test_few_networks_are_in_memory_at_once(trained, survey, monkeypatch):
    one, other = trained.end(Key(0, 0, "dense")), trained.end(Key(0, 1, "ticket"))
    at_once = found_along(survey, one, other, evenly(7), [0])
    monkeypatch.setattr("lottery.explaining.survey._BYTES", 3 * sum(value.nbytes for value in one.state.values()))
    parts = Survey(trained.setting, 500, 100)
    assert found_along(parts, one, other, evenly(7), [0]) == at_once
    assert set(parts._made) == {1}  # of 3, 3 and 1


def test_training_images_are_those_that_both_replicates_were_trained_on(trained, survey):
    of_both = survey.training_images([0, 1]).tolist()
    index = trained.setting.data.train_index
    assert set(of_both) <= set(index[0].tolist()) & set(index[1].tolist())
    assert len(set(of_both)) == len(of_both) == 500
    everything = Survey(trained.setting, 10**6, 100)
    assert sorted(everything.training_images([0]).tolist()) == index[0].tolist()


@pytest.fixture(scope="module")
def normalised():
    config = tiny(model={"name": "resnet", "depth": 8, "width": 4})
    return prepare(config)


def test_recomputed_statistics_are_those_of_torchs_own_pass(normalised):
    assert has_statistics(normalised.template)
    network = normalised.dense(normalised.initial(0))
    images = normalised.data.normalise(normalised.data.train_images[:96]).split(32)
    module = copy.deepcopy(normalised.template)
    module.load_state_dict(network.state)
    update_bn(images, module)
    found = recomputed(normalised, network, images).state
    for name, value in module.state_dict().items():
        assert torch.equal(found[name], value), name
    assert not torch.equal(found["norm.running_mean"], network.state["norm.running_mean"])


def test_nothing_is_dropped_while_statistics_are_recomputed():
    template = nn.Sequential(nn.Dropout(0.5), nn.BatchNorm1d(3))
    setting = SimpleNamespace(template=template, device=torch.device("cpu"))
    images = torch.arange(12.0).reshape(4, 3)
    found = recomputed(setting, Network(template.state_dict(), {}), [images[:2], images[2:]]).state
    assert found["1.running_mean"].tolist() == images.mean(0).tolist()
    assert found["1.running_var"].tolist() == [4.5] * 3  # of batches, not of all
    assert not has_statistics(nn.BatchNorm1d(3, track_running_stats=False))


def test_of_networks_with_running_statistics_both_are_reported(normalised):
    one, other = (normalised.dense(normalised.initial(replicate)) for replicate in (0, 1))
    found = found_along(Survey(normalised, 64, 64), one, other, evenly(3), [0])
    assert found["recomputed_over"] == 64
    assert len(found["as_they_are"]["test_loss"]) == 3
    assert found["as_they_are"]["test_loss"] != found["test_loss"]
    alone = Survey(normalised, 64, 64).along(one, one, [0.0], [0])[1]
    assert found["test_loss"][0] == pytest.approx(alone["test_loss"][0], rel=1e-5)


# Who is paired with whom


def pairs(trained, **options):
    return [piece.of for piece in connectivity(trained, **options)]


def test_copies_rounds_replicates_and_solutions_are_paired(copies):
    found = pairs(copies)
    kinds = {
        kind: [of for of in found if of["between"] == kind] for kind in ("orders", "levels", "replicates", "solution")
    }
    assert [len(own) for own in kinds.values()] == [3 * 3, 3, 3 * 2, 3]
    first = kinds["orders"][0]
    assert (first["replicate"], first["order"], first["with_order"], first["start_step"]) == (0, 0, 1, 0)
    assert all((of["level"], of["with_level"]) == (0, 1) for of in kinds["levels"])
    assert {of["arm"] for of in kinds["replicates"]} == {"dense", "ticket"}
    assert {of["arm"] for of in kinds["solution"]} == {"ticket"}
    assert {of["arm"] for of in pairs(copies, between="solution", arms=("reinit",))} == {"reinit"}
    assert {of["arm"] for of in pairs(copies, between="replicates", arms=("reinit",))} == {"reinit"}
    assert {of["level"] for of in pairs(copies, levels=(1,))} == {1}
    assert len({tuple(of.items()) for of in found}) == len(found)


def test_what_is_missing_is_said_with_the_command_that_makes_it(trained, tmp_path):
    with pytest.raises(LotteryError, match=r"rewind .* --level 2 --to 0it --orders 2"):
        pairs(trained, between="orders")
    dense = opened(carry_out(tiny(replicates=1, train__length="10it"), tmp_path, "train"))
    for kind, said in {
        "levels": "prune .* --iterations 1",
        "replicates": "--replicates 2",
        "solution": "prune",
        "all": "--orders 2",
    }.items():
        with pytest.raises(LotteryError, match=said):
            pairs(dense, between=kind)


def test_a_ticket_is_on_the_line_with_its_solution_and_from_its_start(copies):
    found = {(piece.of["path"], piece.of["arm"], piece.of["replicate"]): piece for piece in interpolation(copies)}
    assert len(found) == 3 * 3
    lines = [{"of": piece.of, "values": piece.find()} for piece in found.values()]
    own = {name: line["values"] for name, line in zip(found, lines, strict=True)}
    towards = own["solution", "ticket", 0]
    # The end of the one line is the beginning of the other.
    assert towards["test_error"][4] == own["training", "ticket", 0]["test_error"][24]
    counted = copies.lines[Key(0, 1, "ticket")]["test"]["metrics"]["accuracy"]
    assert towards["test_error"][4] == 100 * (counted["of"] - counted["right"]) / counted["of"]
    training = own["training", "ticket", 0]
    assert training["train_loss_barrier"] == barrier(training["train_loss"][4:25])  # nothing beyond counts
    shown = SHOWN(lines)
    assert len(shown.charts) == 4
    assert "the training loss falls all the way in" in shown.answers[0]
    assert len(shown.table.rows) == 3


# What it means


def test_of_few_points_both_ends_are_among_them(copies):
    """However few there are, and wherever: a barrier is that between the ends."""
    for asked in ({"points": 2}, {"points": 3, "low": -10.0, "high": 3.0}, {"points": 2, "low": 0.0, "high": 1.0}):
        found = next(iter(interpolation(copies, levels=(1,), **asked))).find()
        usual = next(iter(interpolation(copies, levels=(1,)))).find()
        ends = [found["train_loss"][found["alpha"].index(end)] for end in (0, 1)]
        assert ends == [usual["train_loss"][usual["alpha"].index(end)] for end in (0, 1)]
        assert found["alpha"] == sorted(set(found["alpha"]))
        assert found["train_loss_barrier"] >= max(ends) - sum(ends) / 2


def test_pairs_of_replicates_have_the_jackknifes_interval():
    random = np.random.default_rng(0)
    values = {pair: float(random.normal()) for pair in combinations(range(6), 2)}
    mean = np.mean(list(values.values()))
    without = np.array([np.mean([v for pair, v in values.items() if one not in pair]) for one in range(6)])
    found = estimate(jackknifed(values))
    assert found.mean == pytest.approx(mean)
    by_hand = np.sqrt(5 / 6 * ((without - without.mean()) ** 2).sum())
    assert found.deviation / np.sqrt(6) == pytest.approx(by_hand)
    assert jackknifed({(0, 1): 3.0}) == [3]
    assert jackknifed({}) == []


def line(replicate, height, *, kind="orders", level=0, step=0, arm="dense", order=1, other=2, images=10**6):
    of = {"between": kind, "replicate": replicate, "level": level, "arm": arm, "order": order, "start_step": step}
    more = {"with_replicate": replicate, "with_order": other}
    curve = [1.0, 1.0 + (height or 0.0), 1.0]
    curves = {f"{split}_{what}": curve for split in ("test", "train") for what in ("error", "loss")}
    barriers = {f"{name}_barrier": height for name in curves}
    about = {"density": 0.8**level, "steps": 100, "alpha": [0, 0.5, 1], "error": "error", "unit": "%"}
    counted = {"test_images": images, "train_images": 1000, "recomputed_over": 0}
    return {"of": of | more, "values": about | counted | curves | barriers}


def test_networks_are_stable_where_the_interval_lies_below_two_points():
    def verdict(*heights):
        (group,) = groups([line(replicate, height) for replicate, height in enumerate(heights)])
        return group.verdict

    assert verdict(0.1, 0.3, 0.2) == "stable"
    assert verdict(1.0, 3.5, 2.0) == "undecided"
    assert verdict(9.0, 11.0, 10.0) == "unstable"
    assert verdict(0.1) == "undecided"  # a single replicate has no interval
    assert verdict(2.0, 2.0) == "undecided"
    assert verdict(None) == "unknown"


def test_replicates_that_agree_by_chance_settle_nothing():
    """By hand: of 360 images 2 % are wrong at the top and 1 % at the ends, so twice 10.8 answers may differ."""
    (group,) = groups([line(replicate, 1.0, images=360) for replicate in (0, 1)])
    half = 100 * 1.959963984540054 * np.sqrt(2 * 10.8 + 2) / (720 + 2)
    assert group.barrier().half_width == pytest.approx(half)
    assert group.verdict == "undecided"
    assert "replicates would settle it" in group.remedy
    assert group.barrier("test_loss").half_width == 0  # of nats nothing is counted
    (many,) = groups([line(replicate, 1.0) for replicate in (0, 1)])
    assert (many.verdict, many.remedy) == ("stable", "")
    copies = [line(replicate, 1.0, images=360, other=other) for replicate in (0, 1) for other in (2, 3)]
    assert groups(copies)[0].barrier().half_width == pytest.approx(half)  # more pairs are no more replicates
    pairs = [line(one, 1.0, kind="replicates", images=360) for one in (0, 1, 2)]
    for pair, other in zip(pairs, (1, 2, 0), strict=True):
        pair["of"]["with_replicate"] = other
    (found,) = groups(pairs)
    assert found.barrier().half_width == pytest.approx(100 * 1.959963984540054 * np.sqrt(3 * 10.8 + 2) / (1080 + 2))


def test_what_is_undecided_says_how_many_replicates_would_settle_it():
    (said,) = sentences(groups([line(0, 0.5)]))
    assert "undecided at step 0, barrier 0.50 points (`--replicates 3` gives it an interval)." in said
    (said,) = sentences(groups([line(replicate, height) for replicate, height in enumerate((1.0, 2.5))]))
    assert "would settle it)." in said


def test_two_levels_are_named_with_both_their_densities(copies):
    piece = next(piece for piece in connectivity(copies, between="levels", points=2, images=50))
    found = {"of": piece.of, "values": piece.find()}
    assert found["values"]["denser"] == 1
    sparser = 100 * copies.lines[Key(0, 1, "ticket")]["density"]
    (said,) = sentences(groups([found]))
    assert f"Levels 0 and 1 (100 and {sparser:.3g} % of the weights)" in said
    row = of_connectivity.SHOWN([found]).table.rows[0]
    assert row[1:4] == ["dense to ticket", "0 to 1", f"100 to {sparser:.3g}"]


def test_several_pairs_of_a_replicate_are_averaged_first():
    many = [line(0, height, other=other) for other, height in ((2, 1.0), (3, 2.0), (4, 6.0))]
    (group,) = groups([*many, line(1, 5.0)])
    assert group.barrier().values == (3.0, 5.0)


def test_the_onset_is_the_first_step_from_which_on_all_are_stable():
    def found(*by_step):
        lines = [line(r, h, step=step) for step, heights in by_step for r, h in enumerate(heights)]
        return groups(lines)

    low, high, unsure = (0.1, 0.2, 0.1), (8.0, 9.0, 8.0), (1.0, 3.5, 2.0)
    assert onset(found((0, high), (100, low), (200, low))).step == 100
    assert onset(found((0, low), (100, high), (200, low))).step == 200
    assert onset(found((0, low), (100, high))) is None
    (said,) = sentences(found((0, high), (50, unsure), (100, low), (200, low)))
    assert "Level 0 (100 % of the weights): stable from step 100 on, barrier 0.13 ± 0.14 points" in said
    assert "undecided at step 50" in said


def test_many_levels_are_told_together_by_their_verdict():
    heights = {level: (0.1, 0.2, 0.1) if level < 4 else (8.0, 9.0, 8.0 + level) for level in range(7)}
    lines = [line(r, h, kind="levels", level=level) for level, own in heights.items() for r, h in enumerate(own)]
    (said,) = sentences(groups(lines))
    assert "Levels 0 to 3 and the next: stable, barrier 0.13 points." in said
    assert "Levels 4 to 6 and the next: unstable, barrier 9.67 to 10.33 points." in said


def test_the_exhibit_shows_barriers_against_step_and_density_and_errors_on_the_line():
    lines = [
        line(r, 0.1 * r + level, level=level, step=step, arm="ticket" if level else "dense")
        for r in range(2)
        for level in (0, 1)
        for step in (0, 50)
    ]
    shown = of_connectivity.SHOWN(lines)
    assert [chart.name for chart in shown.charts] == ["barrier-step-main", "barrier-orders", "error-orders"]
    steps, densities, along = shown.charts
    assert [curve.label for curve in steps.curves] == ["100 %", "80 %"]
    assert steps.curves[0].x == [0, 50]
    assert steps.curves[1].y == [[1.0, 1.1], [1.0, 1.1]]
    assert densities.curves[0].x == pytest.approx([100, 80])
    assert along.curves[0].y == [[1, 1], [1, 1.1], [1, 1]]
    assert steps.across == {"stable below": 2}
    assert len(shown.table.rows) == 4
    assert all(len(row) == len(shown.table.headings) for row in shown.table.rows)


def test_draws_are_no_copies(finished):
    """Four orders of two draws: copies are 0 and 2, 1 and 3."""
    run = opened(finished)
    keys = [Key(0, 1, "ticket", order) for order in range(4)]
    asked = SimpleNamespace(record={"rewind": {"draws": 2}}, copies=lambda _: keys)
    asked.run = asked
    found = PAIRS["orders"](asked, keys, False)
    assert [(pair.one.order, pair.other.order) for pair in found] == [(0, 2), (1, 3)]
    assert PAIRS["orders"](run, run.keys, False) == []
