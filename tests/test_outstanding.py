from dataclasses import replace

import pytest
from conftest import main, plan, summary, tiny

from lottery.networks.key import Key
from lottery.networks.network import Network
from lottery.store.run import Run
from lottery.studies.execute import forget, outstanding
from lottery.studies.layout import Layout
from lottery.studies.plan import Level
from lottery.studies.prepare import prepare
from lottery.training.recipe import Member

LOOPED, PAIRS = Layout("looped", 1, 1, 1, "cpu"), Layout("stacked", 2, 1, 1, "cpu")


@pytest.fixture
def run(tmp_path):
    return Run.create(tmp_path, tiny(), {"study": "prune"})


@pytest.fixture(scope="module")
def setting():
    return prepare(tiny())


def trained(run, key):
    run.write_network(Network({}, {}), summary(key.replicate, key.level, key.arm))


def test_tickets_come_before_controls_that_start_earlier(run):
    late = plan(prepare(tiny(pruning__rewind="12it", pruning__arms=["reinit"])), "prune")
    assert [chunk[0].key for chunk in outstanding(run, LOOPED, late)] == [
        Key(replicate, level, arm)
        for level, arms in ((0, ["dense"]), (1, ["ticket", "reinit"]), (2, ["ticket", "reinit"]))
        for arm in arms
        for replicate in (0, 1)
    ]


def test_a_chunk_with_a_ticket_in_it_comes_before_one_of_controls(run, setting):
    recipe = setting.recipe
    controls = [Member(Key(replicate, 1, "reinit"), replace(recipe, stop=20)) for replicate in (0, 1)]
    mixed = [Member(Key(0, 1, arm), replace(recipe, start=5)) for arm in ("reinit", "ticket")]
    assert outstanding(run, PAIRS, [Level(1, 0.5, (*controls, *mixed))]) == [mixed, controls]


def test_early_networks_are_waited_for_as_tickets_are(run, setting):
    members = [
        Member(Key(0, 0, arm), replace(setting.recipe, stop=5 + place)) for place, arm in enumerate(("reinit", "early"))
    ]
    assert outstanding(run, LOOPED, [Level(0, 1.0, tuple(members))]) == [[members[1]], [members[0]]]


def test_what_is_trained_is_not_trained_again(run, setting):
    levels = plan(setting, "train")
    trained(run, main(0, 0))
    assert [chunk[0].key for chunk in outstanding(run, LOOPED, levels)] == [main(1, 0)]


def test_chunks_that_a_crash_left_half_written_are_trained_as_a_whole(run, setting):
    levels = plan(setting, "train")
    trained(run, main(0, 0))
    (chunk,) = outstanding(run, PAIRS, levels)
    assert [member.key for member in chunk] == [main(0, 0), main(1, 0)]


@pytest.mark.parametrize("tried", [2, 4])
def test_where_memory_ran_out_before_what_is_done_stays_done(tried, run, setting):
    """Whether chunks are of one member since then, or still of two."""
    levels = plan(setting, "train")
    trained(run, main(0, 0))
    (chunk,) = outstanding(run, PAIRS.halved(tried), levels)
    assert [member.key for member in chunk] == [main(1, 0)]


def test_asking_forgets_nothing_and_forgetting_forgets_the_chunks_alone(run, setting):
    levels = plan(setting, "train")
    for replicate in (0, 1):
        trained(run, main(replicate, 0))
    trained(run, main(0, 1))
    assert outstanding(run, PAIRS, levels) == []
    forget(run, [[levels[0].members[0]]])
    assert [run.has_network(key) for key in (main(0, 0), main(1, 0), main(0, 1))] == [False, True, True]
    outstanding(run, PAIRS, levels)
    assert run.has_network(main(1, 0))
