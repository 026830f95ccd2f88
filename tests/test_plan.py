import pytest
from conftest import tiny

from lottery.networks import masks
from lottery.store.run import Run
from lottery.studies.layout import Layout
from lottery.studies.plan import EARLY, Level, Member, is_done, plan, rewound, undone
from lottery.studies.setting import prepare

TOTAL = 64 * 16 + 16 * 10
LOOPED = Layout("looped", 1, 1, 1, "cpu")


def levels(study="prune", **changes):
    return plan(prepare(tiny(**changes)), study)


def test_steps_are_those_that_each_member_trains():
    _, late, _ = levels(pruning__rewind="12it")
    # Two replicates of the ticket and its shuffled mask from step 12 to 30, and of two controls from the start.
    assert late.steps == 2 * (18 + 18 + 30 + 30)


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


@pytest.fixture
def run(tmp_path):
    return Run.create(tmp_path, tiny(), {"study": "prune"})


def test_tickets_come_before_controls_that_start_earlier(run):
    late = levels(pruning__rewind="12it", pruning__arms=["reinit"])
    assert [(level, members[0].arm, members[0].replicate) for level, members in undone(run, LOOPED, late)] == [
        (level, arm, replicate)
        for level, arms in ((0, ["main"]), (1, ["main", "reinit"]), (2, ["main", "reinit"]))
        for arm in arms
        for replicate in (0, 1)
    ]


def test_a_chunk_with_a_ticket_in_it_comes_before_one_of_controls(run):
    controls = [Member(replicate, "reinit", 0, 20) for replicate in (0, 1)]
    mixed = [Member(0, "reinit", 5, 30), Member(0, "main", 5, 30)]
    level = Level(1, 0.5, (*controls, *mixed))
    chunks = undone(run, Layout("stacked", 2, 1, 1, "cpu"), [level])
    assert chunks == [(1, mixed), (1, controls)]


def test_dense_networks_on_their_way_to_a_step_are_done_when_their_states_are_kept(run):
    setting = prepare(tiny())
    early, other = (Member(replicate, EARLY, 0, 12) for replicate in (0, 1))
    assert not is_done(run, 0, early)
    run.write_early(0, 12, setting.initial(0))
    assert is_done(run, 0, early)
    assert not is_done(run, 0, other)
    again = rewound(setting, 1, 12, masks.full(setting.initial(0), list(setting.shapes)), [0, 1])
    left = undone(run, LOOPED, again)
    assert [(level, member.arm, member.replicate) for level, (member,) in left] == [
        (0, EARLY, 1), (1, "main", 0), (1, "main", 1),
    ]  # fmt: skip


def test_chunks_that_a_crash_left_half_written_are_trained_as_a_whole(run):
    setting = prepare(tiny())
    run.write_early(0, 12, setting.initial(0))
    pair = Layout("stacked", 2, 1, 1, "cpu")
    early = Level(0, 1.0, tuple(Member(replicate, EARLY, 0, 12) for replicate in (0, 1)))
    assert undone(run, pair, [early]) == [(0, list(early.members))]
    assert not run.has_early(0, 12)
