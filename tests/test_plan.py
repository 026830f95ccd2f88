from dataclasses import replace

from conftest import plan, tiny

from lottery.studies.prepare import prepare

TOTAL = 64 * 16 + 16 * 10


def levels(study="prune", **changes):
    return plan(prepare(tiny(**changes)), study)


def test_steps_are_those_that_each_member_trains():
    _, late, _ = levels(pruning__rewind="12it")
    # Two replicates of the ticket and its shuffled mask from step 12 to 30, and of two controls from the start.
    assert late.steps == 2 * (18 + 18 + 30 + 30)


def test_networks_of_one_recipe_go_through_the_loop_together():
    dense, late, _ = levels(pruning__rewind="12it")
    assert [[member.key for member in group] for group in dense.groups()] == [[(0, 0, "dense", 0), (1, 0, "dense", 0)]]
    assert [{member.key.arm for member in group} for group in late.groups()] == [
        {"reinit", "random"}, {"ticket", "shuffle"},
    ]  # fmt: skip


def test_members_of_another_recipe_train_apart_though_they_start_and_stop_together():
    (level,) = levels("train")
    first, second = level.members
    slower = replace(second, recipe=replace(second.recipe, batch_size=16))
    assert replace(level, members=(first, slower)).groups() == [[first], [slower]]


def test_a_study_that_trains_has_no_rounds_of_pruning():
    (dense,) = levels("train")
    assert (dense.number, dense.density, dense.steps) == (0, 1.0, 60)


def test_density_counts_layers_that_stay_dense():
    kept = 160 + 512  # of the output layer, and half of the hidden one
    assert levels("train", sparse={"density": 0.5, "exclude": ["output"]})[0].density == kept / TOTAL
    uniform = {"density": 0.5, "exclude": ["output"], "allocation": "uniform", "dense": True}
    assert [level.density for level in levels("train", sparse=uniform)] == [1.0, kept / TOTAL]


def test_the_first_fraction_that_fits_a_layer_is_its_own():
    fractions = {"hidden*": 0.25, "hid*": 0.9}
    pruned = levels(pruning={"iterations": 1, "fraction": 0.5, "allocation": "uniform", "fractions": fractions})[1]
    assert pruned.density == (768 + 80) / TOTAL
