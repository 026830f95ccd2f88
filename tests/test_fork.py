"""Copies that leave a network on its way: what they are, where they start, that they are resumed to the same bytes."""

import re
import shutil
import sys
from itertools import chain, repeat

import pytest
import torch
from conftest import carry_on, carry_out, killed_at, one_thread, same, tiny

from lottery import open_run
from lottery.errors import Interrupted, LotteryError
from lottery.explaining.trained import Trained
from lottery.networks.key import Key
from lottery.store.finding import find_run
from lottery.store.run import Run
from lottery.studies.fork import Fork, Forked
from lottery.studies.prepare import prepare
from lottery.words import of_descent


def late(**changes):
    """Tickets rewound to step 12, with controls that start over."""
    return tiny(execution="looped", pruning__rewind="12it", pruning__iterations=1, pruning__arms=["reinit"],
                checkpoint={"steps": "5it"}, **changes)  # fmt: skip


@pytest.fixture(scope="module")
def parent(tmp_path_factory):
    with one_thread():
        return carry_out(late(), tmp_path_factory.mktemp("parent"))


FORKED = Forked((0, 1), ("dense", "ticket", "reinit"), (12, 20), 2)


def forking(parent, forked, folder):
    """A run directory that forks, as `lottery fork` makes it; nothing is laid down yet."""
    record = {"study": "fork", "parent": str(parent.path), "parent_id": parent.record["id"], "fork": forked.record()}
    return Run.create(folder, parent.config, record)


@pytest.fixture(scope="module")
def forked(parent, tmp_path_factory):
    with one_thread():
        run = forking(parent, FORKED, tmp_path_factory.mktemp("forked"))
        carry_on(run, prepare(parent.config))
    return run


def equal(left, right):
    return left.keys() == right.keys() and all(torch.equal(left[name], right[name]) for name in left)


NETWORKS = [(0, "dense"), (1, "ticket"), (1, "reinit")]


@pytest.mark.parametrize(("level", "arm"), NETWORKS)
def test_the_first_is_the_parents_network_trained_anew(level, arm, parent, forked):
    for replicate in range(2):
        key = Key(replicate, level, arm)
        assert equal(forked.read_weights(key), parent.read_weights(key))
        assert equal(forked.read_mask(key), parent.read_mask(key))
    assert len(forked.levels()) == 2 * 3 * 5


@pytest.mark.parametrize(("level", "arm"), NETWORKS)
def test_copies_of_a_step_start_there_and_differ_in_order_alone(level, arm, forked):
    """Each is what a network would be that is trained by its order of batches from the state that was kept."""
    lines = {Key.of(line): line for line in forked.levels()}
    trained = Trained(forked, lambda run: prepare(run.config))
    for order, step in ((1, 12), (2, 12), (3, 20), (4, 20)):
        key = Key(1, level, arm, order)
        assert (lines[key]["start_step"], lines[key]["stop_step"]) == (step, 30)
        start, kept = trained.start(key), forked.read_mask(key._replace(order=0))
        state = forked.read_state(key._replace(order=0), step)
        assert equal(start.mask, kept)
        assert all(torch.equal(start.state[name], state[name] * kept.get(name, 1)) for name in state)
        assert equal(forked.read_mask(key), kept)
        of_step = [one for one in lines if one[:3] == key[:3] and lines[one]["start_step"] == step]
        assert trained.copies(key) == sorted(of_step)
        assert {1 + (order > 2) * 2, 2 + (order > 2) * 2} <= {one.order for one in of_step}
    ends = [forked.read_weights(Key(1, level, arm, order))["output.weight"].sum().item() for order in range(5)]
    assert len(set(ends)) == 5


def test_copies_of_one_order_at_the_start_are_what_orders_make_of_it(parent, tmp_path):
    """A copy that leaves at the start is the training that `orders` adds."""
    with one_thread():
        run = forking(parent, Forked((0,), ("dense",), (0,), 1), tmp_path)
        carry_on(run, prepare(parent.config))
        other = carry_out(late(orders=2), tmp_path / "orders", "train")
    for replicate in range(2):
        assert equal(run.read_weights(Key(replicate, 0, "dense", 1)), other.read_weights(Key(replicate, 0, "dense", 1)))


@pytest.mark.parametrize("questions", [30, 250])
def test_interrupted_and_resumed_gives_the_same_bytes(questions, parent, forked, tmp_path):
    """Though the parent is gone by then."""
    gone = Run(shutil.copytree(parent.path, tmp_path / parent.path.name))
    run, asked = forking(gone, FORKED, tmp_path / "runs"), chain(repeat(False, questions), repeat(True))
    with one_thread():
        with pytest.raises(Interrupted):
            carry_on(run, prepare(parent.config), stop=lambda: next(asked))
        shutil.rmtree(gone.path)
        carry_on(run, prepare(parent.config))
    assert same(run, forked)


@pytest.mark.skipif(sys.platform != "linux", reason="processes are forked here on Linux alone")
@pytest.mark.parametrize("share", [0.03, 0.3, 0.7])
def test_killed_at_a_file_and_resumed_gives_the_same_bytes(share, parent, tmp_path):
    few = Forked((1,), ("ticket",), (12, 20), 1)
    with one_thread():
        straight, run = (forking(parent, few, tmp_path) for _ in range(2))
        total = killed_at(straight, late(), 10**9)
        assert killed_at(run, late(), max(1, round(share * total))) is None
        carry_on(run, prepare(late()))
    assert same(run, straight)


def test_a_run_that_lacks_its_start_and_its_parent_says_so(parent, tmp_path):
    gone = Run(shutil.copytree(parent.path, tmp_path / parent.path.name))
    run = forking(gone, FORKED, tmp_path / "runs")
    shutil.rmtree(gone.path)
    with pytest.raises(LotteryError, match=r"can't be read now:\n.* is not there"):
        carry_on(run, prepare(parent.config))


def test_of_masks_that_move_copies_leave_at_the_start(tmp_path):
    config = tiny(execution="looped", sparse={"density": 0.2, "topology": {"name": "set", "interval": "5it"}})
    with one_thread():
        parent = carry_out(config, tmp_path, "train")
        run = forking(parent, Forked((1,), ("sparse",), (0,), 2), tmp_path / "runs")
        carry_on(run, prepare(config))
    for replicate in range(2):
        keys = [Key(replicate, 1, "sparse", order) for order in range(3)]
        assert equal(run.read_mask(keys[0]), parent.read_mask(keys[0]))
        study = Fork.of_run(run, prepare(config))
        starts = [study.network(run, one) for one in study.levels[0].members if one.key in keys]
        assert all(equal(start.mask, starts[0].mask) and equal(start.state, starts[0].state) for start in starts)
        assert not equal(run.read_mask(keys[1]), run.read_mask(keys[0]))  # they moved
    with pytest.raises(LotteryError, match=r"masks of level 1 move .* at its start: --at 0it"):
        Fork(prepare(config), Forked((1,), ("sparse",), (0, 5), 2))


def test_the_command_and_what_reports_say(lottery, finished, tmp_path):
    options = ["--level", "0,1", "--at", "0it,10it", "--replicates", "1", "--device", "cpu"]
    dry = lottery("fork", finished.path, *options, "--dry-run")
    assert dry.code == 0
    assert not (tmp_path / "runs").exists()
    assert lottery("fork", finished.path, *options).code == 0
    run = find_run("latest", tmp_path / "runs")
    assert run.record["fork"] == {"levels": [0, 1], "arms": ["dense", "ticket"], "at": [0, 10], "copies": 2}
    assert of_descent(run.record) == "levels 0, 1 (dense, ticket), forked at 0it, 10it, 2 copies each"
    told = lottery("report", run.path).out
    assert f"retrained from {finished.path}: levels 0, 1 (dense, ticket), forked at 0it, 10it" in told
    assert "8 networks more, of further orders of batches" in told
    found = open_run(run.path).summary
    assert [(row["level"], row["order"], row["start_step"]) for row in found] == [
        (level, order, start) for level in (0, 1) for order, start in enumerate((0, 0, 0, 10, 10))
    ]
    assert "forked at" in lottery("runs").out
    assert lottery("prune", run.path, "--iterations", "1").code == 2
    refused = lottery("rewind", run.path, "--level", "1")
    assert refused.code == 2
    assert "was itself made by fork; take its parent" in refused.err


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--level", "7", "--at", "0it"], "level: there is no level 7; there are 0, 1, 2"),
        (["--level", "one", "--at", "0it"], "'one' is no list of levels; write --level 0,5"),
        (["--level", "1", "--at", "30it"], "at: 30it is outside the training of level 1's ticket, 0it to 30it"),
        (["--level", "1", "--at", "soon"], "at: 'soon' is not a duration"),
        (["--level", "1", "--at", "5it,5it"], "at: name each once"),
        (["--level", "0", "--at", "5it", "--arm", "ticket"], "arm: level 0 has no ticket; it has dense"),
        (["--level", "1", "--at", "5it", "--arm", "tickt"], "has no tickt (did you mean 'ticket'?); it has"),
        (["--level", "1", "--at", "5it", "--arm", "ticket,invert"], "arm: these levels have no invert"),
        (["--level", "1", "--at", "5it", "--replicates", "3"], "replicates: 3 of the run's are asked for"),
        (["--level", "1", "--at", "5it", "--orders", "1000"], "orders: 1000 at each of 1 steps"),
    ],
)
def test_what_can_not_be_forked_is_refused_in_a_line(options, said, finished, lottery, tmp_path):
    refused = lottery("fork", finished.path, *options)
    assert refused.code == 2
    assert re.search(f"^error: .*{re.escape(said)}", refused.err, re.MULTILINE), refused.err
    assert not (tmp_path / "runs").exists()


def test_networks_that_are_not_there_are_refused(finished, tmp_path):
    copy = Run(shutil.copytree(finished.path, tmp_path / finished.path.name))
    (copy.path / "replicate-1/level-02/ticket/summary.json").unlink()
    with pytest.raises(LotteryError):
        Fork.of_parent(copy, prepare(copy.config), Forked((2,), ("ticket",), (0,), 1))
