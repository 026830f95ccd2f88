import math
from collections import Counter

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from lottery import registry
from lottery.networks import masks
from lottery.seeds import stream
from lottery.topology import Moment
from lottery.topology._drop_grow import annealed, share
from lottery.topology._redistribute import allot


def moment(weights, mask, *, gradients=None, trace=None, seed=0, **changes) -> Moment:
    """Of 10 steps, the update after the first of them. Layers are lists of numbers."""
    values = {"step": 0, "start": 0, "end": 10, "length": 10, "interval": 1, "density": 0.5} | changes
    return Moment(
        weights={name: torch.tensor(weight) for name, weight in weights.items()},
        mask={name: torch.tensor(kept, dtype=torch.bool) for name, kept in mask.items()},
        gradients={name: torch.tensor(gradient) for name, gradient in (gradients or {}).items()},
        trace={name: torch.tensor(moving) for name, moving in (trace or {}).items()},
        generator=stream(seed), **values,
    )  # fmt: skip


def updated(name, given, fraction=None, **options):
    """Layer -> indices of its active weights after an update that drops the same fraction at any step."""
    if fraction is not None:
        options |= {"drop_fraction": fraction, "drop_schedule": "constant"}
    new = registry.find("topology", name)(given, **options)
    return {layer: kept.flatten().nonzero().flatten().tolist() for layer, kept in new.items()}


def sizes(name, given, fraction=None, **options):
    """Layer -> number of its active weights after the update."""
    return {layer: len(active) for layer, active in updated(name, given, fraction, **options).items()}


def layer(size, active, magnitude=1.0):
    """Weights or momentum of a layer whose first weights are active, with that magnitude on average; and its mask."""
    values = [magnitude * (-1) ** index * (2 * (index + 1) / (active + 1)) for index in range(active)]
    return values + [0.0] * (size - active), [1] * active + [0] * (size - active)


def network(**layers):
    """Weights, mask and momentum of layers given as (size, active, mean magnitude of the active weights' momentum)."""
    return {
        "weights": {name: layer(size, active)[0] for name, (size, active, _) in layers.items()},
        "mask": {name: layer(size, active)[1] for name, (size, active, _) in layers.items()},
        "trace": {name: layer(size, active, mean)[0] for name, (size, active, mean) in layers.items()},
    }


# By hand, a third of the way: cos(pi / 3) = 1/2.
THIRD = {"constant": 0.3, "cosine": 0.3 / 2 * 1.5, "linear": 0.3 * 2 / 3, "inverse_power": 0.3 * 8 / 27}


class TestDropFraction:
    @pytest.mark.parametrize("schedule", THIRD)
    @pytest.mark.parametrize("start", [0, 700])
    def test_follows_its_schedule_from_start_to_end(self, schedule, start):
        """Time is the number of steps counting this one: of 300 steps, the hundredth has index 99."""

        def at(step):
            given = moment({}, {}, start=start, end=start + 300, step=start + step, length=2000)
            return annealed(given, 0.3, schedule)

        assert at(99) == pytest.approx(THIRD[schedule])
        assert at(299) == pytest.approx(0.3 if schedule == "constant" else 0)

    def test_counts_are_rounded_down_from_what_was_written(self):
        assert share(0.29, 100) == 29  # 28.999999999999996 in floating point
        assert share(0.3, 9) == 2
        assert share(0.3, 3) == 0

    @given(st.integers(1, 2**50), st.data())
    def test_a_count_written_as_a_density_comes_back_exactly(self, size, data):
        count = data.draw(st.integers(0, size))
        assert round(count / size * size) == count


EIGHT = {"a": [0.5, -0.1, 0.3, 0.0, 0.0, 0.2, 0.0, -0.4]}
FIVE = {"a": [1, 1, 1, 0, 0, 1, 0, 1]}


class TestRigl:
    def test_drops_the_smallest_and_grows_where_the_gradient_is_largest(self):
        # Two fifths of five weights: 1 and 5 go. Of 1, 3, 4, 5, 6 the largest gradients are those of 1 and 4: what was
        # dropped just now may come back, and active weights don't take part.
        given = moment(EIGHT, FIVE, gradients={"a": [9.0, -0.7, 9.0, 0.5, -0.6, 0.1, 0.2, 9.0]})
        assert updated("rigl", given, 0.4) == {"a": [0, 1, 2, 4, 7]}

    def test_of_equal_gradients_any_two_grow_as_often(self):
        # Kept are 0, 2, 7; each of the five others grows 240 times of 600, standard deviation 12.
        grown = torch.zeros(8)
        for seed in range(600):
            active = updated("rigl", moment(EIGHT, FIVE, gradients={"a": [1.0] * 8}, seed=seed), 0.4)["a"]
            assert {0, 2, 7} < set(active)
            grown[active] += 1
        assert all(180 < count < 300 for count in grown[[1, 3, 4, 5, 6]].tolist())

    def test_a_tiny_active_weight_loses_to_no_inactive_one(self):
        # What noise would do to inactive weights: a third of three is one, and it is 1, not 2.
        given = moment({"a": [1e-5, 1e-9, 2e-9, 1.0]}, {"a": [0, 1, 1, 1]}, gradients={"a": [1.0, 0.0, 0.0, 0.0]})
        assert updated("rigl", given, 0.34) == {"a": [0, 2, 3]}

    def test_weights_just_grown_are_active_although_they_are_zero(self):
        # Active are 2, 3, 4. One goes: 2 or 3, half of 400 times each, standard deviation 10. It could come back, but 1
        # is steeper.
        weights, gradients = {"a": [0.0, 0.0, 0.0, 0.0, 1.0]}, {"a": [0.1, 0.5, 0.3, 0.3, 9.0]}
        stayed = Counter()
        for seed in range(400):
            given = moment(weights, {"a": [0, 0, 1, 1, 1]}, gradients=gradients, seed=seed)
            stayed[tuple(updated("rigl", given, 0.34)["a"])] += 1
        assert stayed.keys() == {(1, 2, 4), (1, 3, 4)}
        assert 150 < stayed[1, 2, 4] < 250

    def test_what_grows_among_equals_does_not_follow_from_what_was_dropped_among_them(self):
        # One of three zeros goes, and one of it and two others grows: the same a third of 600 times, deviation 11.5.
        back = 0
        for seed in range(600):
            given = moment({"a": [0.0] * 5}, {"a": [1, 1, 1, 0, 0]}, gradients={"a": [0.0] * 5}, seed=seed)
            back += updated("rigl", given, 0.34)["a"] == [0, 1, 2]
        assert 150 < back < 250

    def test_a_layer_with_one_free_place_keeps_its_number_of_weights(self):
        # Four of nine go, five places are free: 5 to 8 and 9.
        weights, mask = [9.0, 8.0, 7.0, 6.0, 5.0, 4.0, 3.0, 2.0, 1.0, 0.0], [1] * 9 + [0]
        given = moment({"a": weights}, {"a": mask}, gradients={"a": [0.0] * 5 + [5.0, 1.0, 4.0, 3.0, 2.0]})
        assert updated("rigl", given, 0.5) == {"a": [0, 1, 2, 3, 4, 5, 7, 8, 9]}

    def test_layers_are_ranked_apart(self):
        given = moment(
            {"a": [1.0, 2.0, 0.0, 0.0], "b": [0.01, 0.02, 0.0, 0.0]},
            {"a": [1, 1, 0, 0], "b": [1, 1, 0, 0]},
            gradients={"a": [0.0, 0.0, 0.0, 0.001], "b": [0.0, 0.0, 9.0, 8.0]},
        )
        assert updated("rigl", given, 0.5) == {"a": [1, 3], "b": [1, 2]}

    def test_anneals_as_in_the_paper(self):
        # Half-way, 0.15 of 20 are 3: the drop fraction of 0.3 falls along a cosine. At the end nothing moves.
        given = network(a=(40, 20, 1.0))
        gradients = {"a": [0.0] * 20 + [1.0] * 3 + [0.5] * 17}
        half, last = (
            updated("rigl", moment(given["weights"], given["mask"], gradients=gradients, step=step))["a"]
            for step in (4, 9)
        )
        assert half == list(range(3, 23))
        assert last == list(range(20))

    def test_redistributed_by_gradient_layers_grow_by_its_mean(self):
        # 2 of 4 and 4 of 8 go; the gradients' mean magnitudes over active weights are 2 and 1, so of 6 the layers grow
        # 4 and 2. Gradients of inactive weights don't count towards the means: those of b would win.
        given = network(a=(10, 4, 2.0), b=(20, 8, 1.0))
        gradients = given.pop("trace")
        gradients["b"][-1] = 1e6
        assert sizes("rigl", moment(**given, gradients=gradients), 0.5, redistribute="gradient") == {"a": 6, "b": 6}
        assert sizes("rigl", moment(**given, gradients=gradients), 0.5) == {"a": 4, "b": 8}

    def test_redistributed_by_momentum_places_are_still_the_gradient_s(self):
        # Numbers as above. Dropped are 0 and 1 of a, 0 to 3 of b.
        gradients = {"a": [0.0] * 6 + [1.0] * 4, "b": [0.0] * 18 + [1.0] * 2}
        given = moment(**network(a=(10, 4, 2.0), b=(20, 8, 1.0)), gradients=gradients)
        assert updated("rigl_momentum", given, 0.5) == {"a": [2, 3, 6, 7, 8, 9], "b": [4, 5, 6, 7, 18, 19]}


class TestSet:
    def test_grows_at_random_any_place_as_often(self):
        # 2 goes; one of 2, 3, 4, 5 grows, a hundred times of 400, standard deviation 8.7.
        grown = torch.zeros(6)
        for seed in range(400):
            active = updated("set", moment({"a": [3.0, -2.0, 1.0, 0, 0, 0]}, {"a": [1, 1, 1, 0, 0, 0]}, seed=seed), 0.4)
            assert active["a"][:2] == [0, 1]
            grown[active["a"][2]] += 1
        assert grown[:2].sum() == 0
        assert all(60 < count < 140 for count in grown[2:].tolist())


class TestSnfs:
    def test_layers_grow_by_mean_momentum_where_it_is_largest(self):
        # 2 of 4 and 4 of 8 go; mean momenta 2 and 1 share the 6 out as 4 and 2. Of a, 0 and 1 are dropped, with momenta
        # 0.8 and 1.6 in magnitude; 1 comes back, as do 7, 8, 9, whose momentum is larger than that of 4, 5, 6.
        given = network(a=(10, 4, 2.0), b=(20, 8, 1.0))
        given["trace"]["a"][4:] = [0.1, -0.1, 0.1, -1.0, 2.0, -3.0]
        given["trace"]["b"][8:] = [0.0] * 10 + [5.0, -5.0]
        assert updated("snfs", moment(**given), 0.5) == {"a": [1, 2, 3, 7, 8, 9], "b": [4, 5, 6, 7, 18, 19]}

    def test_what_exceeds_a_layer_s_room_is_spread_evenly(self):
        # 1 + 20 + 10 = 31 go. Shares of 8:1.2:0.8 are 24.8, 3.72, 2.48; a has 3 places free, room for 2. The other 22.8
        # are spread: 15.12 and 13.88. Rounded down 2 + 15 + 13 = 30, and the last one goes to the largest remainder.
        given = moment(**network(a=(4, 2, 8.0), b=(100, 40, 1.2), c=(100, 20, 0.8)))
        assert sizes("snfs", given, 0.5) == {"a": 1 + 2, "b": 20 + 15, "c": 10 + 14}

    def test_a_nearly_dense_layer_of_more_momentum_drops_no_more_than_its_sparsity(self):
        # a: a tenth of 18 is 1. b: half of 10 is 5. 6 are shared out as 4.5 and 1.5, but a has 3 free, room for 2.
        assert sizes("snfs", moment(**network(a=(20, 18, 3.0), b=(30, 10, 1.0))), 0.5) == {"a": 19, "b": 9}
        # Of less momentum than the other it drops its half: 9. Of 14 it gets back 2.8, b 11.2.
        assert sizes("snfs", moment(**network(a=(20, 18, 1.0), b=(30, 10, 4.0))), 0.5) == {"a": 12, "b": 16}
        # 20 % are not less than 20 %: 8 and 5 go, 13 are shared out as 9.75 and 3.25.
        assert sizes("snfs", moment(**network(a=(20, 16, 3.0), b=(30, 10, 1.0))), 0.5) == {"a": 8 + 10, "b": 5 + 3}

    def test_a_layer_without_weights_has_no_share(self):
        given = moment(**network(a=(10, 4, 2.0), b=(20, 8, 1.0), c=(5, 0, 0.0)))
        assert sizes("snfs", given, 0.5) == {"a": 6, "b": 6, "c": 0}

    @pytest.mark.parametrize("mean", [0.0, math.inf])
    def test_without_a_meaningful_momentum_each_layer_grows_what_it_dropped(self, mean):
        given = network(a=(20, 10, 1.0), b=(40, 8, 1.0))
        given["trace"] = {name: [mean] * len(trace) for name, trace in given["trace"].items()}
        assert sizes("snfs", moment(**given), 0.5) == {"a": 10, "b": 8}


# Half of 8 are 4: the network's smallest, 0.03, 0.04, 0.05 of b and 0.1 of a. c is dense and doesn't take part.
WEIGHTS = {
    "a": [0.9, -0.8, 0.7, 0.1] + [0.0] * 6,
    "b": [0.05, -0.04, 0.6, 0.03] + [0.0] * 6,
    "c": [0.001, 0.002],
}
MASK = {"a": [1] * 4 + [0] * 6, "b": [1] * 4 + [0] * 6, "c": [1, 1]}


class TestDsr:
    def test_drops_the_smallest_of_all_and_grows_at_random_where_most_survived(self):
        # 3 of a and 1 of b survive, and grow 3 and 1.
        results = [updated("dsr", moment(WEIGHTS, MASK, seed=seed), 0.5) for seed in range(100)]
        for active in results:
            assert {name: len(places) for name, places in active.items()} == {"a": 6, "b": 2, "c": 2}
            assert set(active["a"]) > {0, 1, 2}
        # Of the nine places of b beside 2, each is missed by a hundred draws with probability 8e-6.
        assert {tuple(active["b"]) for active in results} == {
            tuple(sorted((2, place))) for place in range(10) if place != 2
        }


class TestAllot:
    def kept(self, *free):
        return {name: torch.zeros(count, dtype=torch.bool) for name, count in zip("abc", free, strict=False)}

    def test_excess_that_fills_another_layer_is_spread_again(self):
        # 8, 1, 1. Room is for 2, 3, 49: 6 too many, 3 to b and c each, of which b has room for 2; the last goes to c.
        assert allot(10, {"a": 0.8, "b": 0.1, "c": 0.1}, self.kept(3, 4, 50)) == {"a": 2, "b": 3, "c": 5}

    def test_equal_remainders_go_to_the_first_layer(self):
        assert allot(3, {"a": 1.0, "b": 1.0}, self.kept(20, 20)) == {"a": 2, "b": 1}

    def test_where_there_is_no_other_room_layers_fill_up(self):
        assert allot(6, {"a": 1.0, "b": 5.0}, self.kept(3, 3)) == {"a": 3, "b": 3}

    @given(st.lists(st.tuples(st.integers(1, 300), st.floats(0, 1e30)), min_size=1, max_size=3), st.floats(0, 1))
    def test_all_is_given_and_nothing_that_does_not_fit(self, layers, part):
        kept = self.kept(*(free for free, _ in layers))
        shares = {name: 1e-30 + value for name, (_, value) in zip(kept, layers, strict=True)}
        total = int(part * sum(free for free, _ in layers))
        counts = allot(total, shares, kept)
        assert sum(counts.values()) == total
        assert all(0 <= counts[name] <= mask.numel() for name, mask in kept.items())
        if total <= sum(mask.numel() * 99 // 100 for mask in kept.values()):
            assert all(counts[name] < mask.numel() for name, mask in kept.items())


@pytest.mark.parametrize("name", ["set", "rigl", "rigl_momentum", "snfs", "dsr"])
def test_dense_layers_stay_as_they_are(name):
    given = network(a=(12, 12, 0.1), b=(40, 20, 1.0))
    gradients = given["trace"] | {"b": [0.5] * 20 + [9.0] * 20}
    result = updated(name, moment(**given | {"trace": gradients}, gradients=gradients), 0.5)
    assert result["a"] == list(range(12))
    assert len(result["b"]) == 20
    assert result["b"] != list(range(20))


class TestGradual:
    DENSITY = 0.1

    def run(self, weights, *, density=DENSITY, start=0, interval=10, end=45, length=100):
        """The masks after each update that is due."""
        mask = {name: torch.ones_like(weight, dtype=torch.bool) for name, weight in weights.items()}
        for step in range(length):
            if (step + 1 - start) % interval == 0 and start < step + 1 <= end:
                mask = registry.find("topology", "gradual")(
                    Moment(weights, mask, step, start, end, length, interval, density, stream(0))
                )
                yield mask

    def test_follows_the_cubic_and_ends_at_the_density_asked_for(self):
        # Updates at 10, 20, 30 and 40, the last one at or before 45. Of 10,000 weights 0.1 + 0.9 (1 - x)^3 are left,
        # x = 1/4, 1/2, 3/4, 1: 4796.875, 2125, 1140.625, 1000.
        weights = {"a": torch.randn(100, 100, generator=stream(1))}
        steps = list(self.run(weights))
        assert [masks.count(mask) for mask in steps] == [4797, 2125, 1141, 1000]
        order = weights["a"].abs().flatten().sort(descending=True).indices
        for mask, number in zip(steps, [4797, 2125, 1141, 1000], strict=True):
            assert set(mask["a"].flatten().nonzero().flatten().tolist()) == set(order[:number].tolist())

    @given(st.integers(0, 30), st.integers(1, 20), st.integers(0, 120), st.floats(0.001, 1))
    def test_never_regrows_and_ends_exactly(self, start, interval, more, density):
        """Also where the end is no multiple of the interval, or lies behind the end of training."""
        weights = {"a": torch.randn(37, 11, generator=stream(2)), "b": torch.randn(41, generator=stream(3))}
        before = {name: torch.ones_like(weight, dtype=torch.bool) for name, weight in weights.items()}
        for mask in self.run(weights, density=density, start=start, interval=interval, end=start + interval + more):
            assert all(bool((before[name] | ~kept).all()) for name, kept in mask.items())
            before = mask
        assert masks.count(before) == round(density * (37 * 11 + 41))

    def test_what_is_pruned_stays_so_whatever_its_weight(self):
        # At this density of 0.797 nothing is left to prune: 2 of 4 are gone, although the weight of 0 would rank first.
        given = moment({"a": [9.0, 0.0, 1.0, 2.0]}, {"a": [0, 0, 1, 1]}, density=0.25)
        assert updated("gradual", given) == {"a": [2, 3]}

    def test_ranks_the_network_together_or_each_layer_by_itself(self):
        # The only update is the last one.
        weights = {"a": [4.0, -3.0, 5.0, 6.0], "b": [2.0, -1.0, 0.5, 0.1]}
        given = {"weights": weights, "mask": {"a": [1] * 4, "b": [1] * 4}, "end": 1}
        assert updated("gradual", moment(**given, density=0.5)) == {"a": [0, 1, 2, 3], "b": []}
        assert updated("gradual", moment(**given, density={"a": 0.25, "b": 0.75})) == {"a": [3], "b": [0, 1, 2]}

    @pytest.mark.parametrize("name", ["gradual", "dsr"])
    def test_equals_go_at_random_from_all_layers(self, name):
        # Half of 4000 weights go, of 1000 in a about 500, standard deviation 14; what DSR grows there is as many again.
        half = {"a": [1] * 1000 + [0] * 1000, "b": [1] * 3000 + [0] * 3000}
        weights = {layer: [float(active) for active in mask] for layer, mask in half.items()}
        options = {"fraction": 0.5} if name == "dsr" else {}
        active = updated(name, moment(weights, half, end=1, density=0.25), **options)["a"]
        stayed = [index for index in active if index < 1000]
        if name == "gradual":
            assert abs(len(active) - 500) < 70
        else:
            assert abs(len(active) - 1000) < 140
        assert 300 < len(stayed) < 800
        assert abs(sum(stayed) / len(stayed) - 500) < 70


def test_each_says_what_it_needs_of_the_trainer():
    traits = {name: registry.find("topology", name).traits for name in registry.names("topology")}
    assert traits == {
        "static": {"static"}, "set": set(), "dsr": set(), "rigl": {"gradient"}, "snfs": {"trace"},
        "rigl_momentum": {"gradient", "trace"}, "gradual": {"dense_start"},
    }  # fmt: skip
