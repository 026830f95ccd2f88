"""What is left, worked out by hand."""

from types import SimpleNamespace

import pytest

from lottery.networks.key import Key
from lottery.studies.pace import Pace, Work
from lottery.studies.turns import Piece, completions
from lottery.training.recipe import Member


def member(replicate, level, arm="ticket", steps=100):
    return Member(Key(replicate, level, arm), SimpleNamespace(steps=steps))


def pace(*chunks, hands=1, sources=None, every=10):
    return Pace(Work(chunks, hands, sources or {}, every), 0.0)


def trained(pace, chunk, *, began, ended):
    """Have a chunk be trained between two seconds of the clock, at an even pace from its first step on."""
    pace.began(chunk, 0, began)
    pace.advanced(chunk, 0, began)
    pace.advanced(chunk, chunk[0].recipe.steps, ended)
    pace.ended(chunk, ended)


def under_way(pace, chunk, steps, *, began, now):
    """Have a chunk make so many steps."""
    pace.began(chunk, 0, began)
    pace.advanced(chunk, 0, began)
    pace.advanced(chunk, steps, now)


def test_chunks_one_after_the_other():
    """2 seconds until the first step, then 20 steps in 4 seconds, and an evaluation is due: 0.3 seconds a step."""
    first, second = [member(0, 1)], [member(1, 1)]
    found = pace(first, second, every=20)
    assert found.seconds_left() is None
    found.began(first, 0, 1.0)
    found.advanced(first, 0, 2.0)
    assert found.seconds_left() is None, "too little is measured"
    found.advanced(first, 20, 6.0)
    assert found.seconds_left() == pytest.approx(80 * 0.3 + 2 + 100 * 0.3)
    found.advanced(first, 80, 21.0)
    found.ended(first, 22.0)
    assert found.seconds_left() == pytest.approx(22.0)
    found.began(second, 0, 22.0)
    assert found.seconds_left() == pytest.approx(22.0), "its beginning is still to come"
    trained(found, second, began=22.0, ended=44.0)
    assert found.seconds_left() == 0.0


def test_an_evaluation_counts_before_it_is_made():
    """4 seconds until the first step, 5 of 100 steps in 1 second; after 20 steps an evaluation is measured."""
    chunk = [member(0, 1)]
    found = pace(chunk, every=20)
    found.began(chunk, 0, 0.0)
    found.advanced(chunk, 0, 4.0)
    found.advanced(chunk, 5, 5.0)
    assert found.seconds_left() == pytest.approx(95 * (1 / 5 + 4 / 20))
    found.advanced(chunk, 15, 8.0)
    found.advanced(chunk, 5, 13.0)
    assert found.seconds_left() == pytest.approx(75 * (9 + 5 / 20 * 4) / 25)


def test_levels_of_another_pace():
    """A sparse network takes twice as long as a dense one: what the first steps say counts by their number."""
    dense, *sparse = [member(0, 0, "dense")], [member(0, 1)], [member(0, 2)], [member(0, 3)]
    found = pace(dense, *sparse)
    trained(found, dense, began=0.0, ended=10.0)
    assert found.seconds_left() == pytest.approx(30.0)
    under_way(found, sparse[0], 20, began=10.0, now=14.0)
    assert found.seconds_left() == pytest.approx(280 * 0.15), "as much as 20 steps is known of dense networks"
    found.advanced(sparse[0], 60, 26.0)
    assert found.seconds_left() == pytest.approx(220 * 0.18)


def test_controls_train_for_longer_than_tickets():
    ticket, control = [member(0, 1, steps=20)], [member(0, 1, "reinit", steps=100)]
    found = pace(ticket, control)
    trained(found, ticket, began=0.0, ended=4.0)
    assert found.seconds_left() == pytest.approx(20.0)


def test_more_members_take_longer():
    """Until chunks of their size are measured, eight times the members are taken to need four times as long."""
    dense = [member(replicate, 0, "dense") for replicate in range(2)]
    beside = [member(replicate, 1, arm) for replicate in range(4) for arm in ("ticket", "reinit", "random", "shuffle")]
    found = pace(dense, beside, beside)
    trained(found, dense, began=0.0, ended=10.0)
    assert found.seconds_left() == pytest.approx(2 * 40.0)


def test_the_end_leaves_hands_idle():
    """Three chunks of 10 seconds in two hands: 20 seconds, not 15; 4 seconds on, 16."""
    chunks = [[member(replicate, 1)] for replicate in range(3)]
    found = pace(*chunks, hands=2)
    for chunk in chunks[:2]:
        under_way(found, chunk, 40, began=0.0, now=4.0)
    assert found.seconds_left() == pytest.approx(16.0)


def test_what_waits_for_another_network():
    """A replicate's three levels go one after the other, whoever is free; its control is trained beside them."""
    levels = [[member(0, level, "ticket" if level else "dense")] for level in range(3)]
    control = [member(0, 1, "reinit")]
    sources = {Key(0, 1, "ticket"): Key(0, 0, "dense"), Key(0, 2, "ticket"): Key(0, 1, "ticket")}
    sources[control[0].key] = Key(0, 0, "dense")
    found = pace(levels[0], levels[1], control, levels[2], hands=2, sources=sources)
    under_way(found, levels[0], 50, began=0.0, now=5.0)
    assert found.seconds_left() == pytest.approx(5.0 + 10.0 + 10.0)


def test_what_another_process_did_is_not_measured():
    """Of 100 steps a checkpoint had 60; 20 take 4 seconds, so the other 20 do, and the next chunk's 100 take 20."""
    chunk = [member(0, 1)]
    found = pace(chunk, [member(1, 1)])
    found.began(chunk, 60, 0.0)
    found.advanced(chunk, 0, 0.0)
    found.advanced(chunk, 20, 4.0)
    assert found.seconds_left() == pytest.approx(4.0 + 20.0)
    found.advanced(chunk, 20, 8.0)
    found.ended(chunk, 8.0)
    assert found.seconds_left() == pytest.approx(20.0)


@pytest.mark.parametrize(("hands", "left"), [(1, 2 * 60.0), (2, 40.0)])
def test_a_machine_that_became_slower(hands, left):
    """Two minutes of the latest chunks tell, in each hand."""
    chunks = [[member(replicate, 1)] for replicate in range(8)]
    found, now = pace(*chunks, hands=hands), 0.0
    for chunk, seconds in zip(chunks[:6], (20, 20, 20, 60, 60, 60), strict=True):
        trained(found, chunk, began=now, ended=now + seconds)
        now += seconds
    assert found.seconds_left() == pytest.approx(left)


def test_a_chunk_that_memory_did_not_suffice_for_is_begun_anew_in_parts():
    """What the attempt did is no pace: one member takes 10 seconds, two of them 2^(2/3) times as long."""
    both = [member(0, 1), member(1, 1)]
    found = pace(both, [member(2, 1), member(3, 1)])
    under_way(found, both, 50, began=0.0, now=1.0)
    trained(found, both[:1], began=1.0, ended=11.0)
    under_way(found, both[1:], 50, began=11.0, now=16.0)
    head = 1.0 / 2  # the first part's, which was prepared after the attempt began, and none of the other's
    assert found.seconds_left() == pytest.approx(5.0 + 2 ** (2 / 3) * (head + 10.0))


def test_those_whose_source_diverged_keep_nobody_waiting():
    """Nobody says that they are left out; what is left is told all the same."""
    dense = [member(0, 0, "dense"), member(1, 0, "dense")]
    tickets = [member(0, 1), member(1, 1)]
    sources = {one.key: Key(one.key.replicate, 0, "dense") for one in tickets}
    found = pace(dense, tickets, sources=sources)
    trained(found, dense, began=0.0, ended=20.0)
    trained(found, tickets[:1], began=20.0, ended=30.0)
    assert found.seconds_left() == pytest.approx(10.0, rel=0.05)


def test_what_starts_from_itself_comes_to_an_end():
    """As a record that somebody changed may say."""
    piece = Piece(3.0, frozenset({Key(0, 1, "ticket")}))
    (key,) = piece.keys
    assert [*completions([], [piece], 1, {key: key})] == [(3.0, piece.keys)]
