from dataclasses import asdict

import pytest
import torch
from conftest import Quiet, carry_out, tensor_files, tiny

from lottery import masks
from lottery.errors import LotteryError
from lottery.store import Run, find_run
from lottery.studies.execute import execute
from lottery.studies.rewind import Rewind, starts
from lottery.studies.setting import prepare


@pytest.fixture(scope="module")
def setting():
    return prepare(tiny())


def test_rewound_to_initialization_is_the_ticket_itself(finished, setting, tmp_path):
    """Retraining level 2 from step 0 repeats what the study did, to the byte where one member's sums are its own."""
    run = Run.create(tmp_path, tiny(), {"study": "rewind", "rewind": asdict(Rewind(2, 0))})
    for replicate, network in enumerate(starts(finished, setting, Rewind(2, 0))):
        run.write_start(replicate, 2, "main", network)
    execute(run, setting, Quiet(), lambda: False)
    for replicate in range(2):
        expected = finished.read_weights(replicate, 2, "main")
        for name, weight in run.read_weights(replicate, 2, "main").items():
            torch.testing.assert_close(weight, expected[name], rtol=1e-3, atol=1e-4)
    assert {line["density"] for line in run.levels()} == {line["density"] for line in finished.levels()
                                                           if line["level"] == 2}  # fmt: skip


def test_a_step_that_was_not_kept_is_trained_again(tmp_path):
    config = tiny(pruning__rewind="12it", pruning__arms=[], pruning__iterations=1)
    run = carry_out(config, tmp_path)
    kept = run.read_early(1, 12)
    (run.path / "replicate-1" / "rewind-12it.safetensors").unlink()
    again = starts(run, prepare(config), Rewind(1, 12))[1].state
    for name, weight in kept.items():
        assert torch.equal(weight, again[name])


def test_weights(finished, setting):
    fresh, final = (starts(finished, setting, Rewind(1, 0, weights=which)) for which in ("reinit", "final"))
    for replicate in range(2):
        initial = finished.read_early(replicate, 0)["hidden_1.weight"]
        assert not torch.equal(fresh[replicate].state["hidden_1.weight"], initial)
        trained = finished.read_weights(replicate, 1, "main")
        assert all(torch.equal(final[replicate].state[name], trained[name]) for name in trained)
        assert torch.equal(
            final[replicate].mask["output.weight"], finished.read_mask(replicate, 1, "main")["output.weight"]
        )


@pytest.mark.parametrize("mask", ["keep", "shuffle", "random", "invert"])
@pytest.mark.parametrize("level", [1, 2])
def test_masks_keep_the_counts_of_each_layer(mask, level, finished, setting):
    ticket = finished.read_mask(0, level, "main")
    found = starts(finished, setting, Rewind(level, 0, mask=mask))[0].mask
    for name in ticket:
        assert int(found[name].sum()) == int(ticket[name].sum())
    same = all(torch.equal(found[name], ticket[name]) for name in ticket)
    assert same is (mask == "keep")


def test_inverted_keeps_what_was_pruned_first(finished, setting):
    # Level 1 keeps half of all weights: its inverse in each layer is the smallest weights of the dense network.
    dense, ticket = finished.read_weights(0, 0, "main"), finished.read_mask(0, 1, "main")
    inverse = starts(finished, setting, Rewind(1, 0, mask="invert"))[0].mask
    for name, kept in inverse.items():
        magnitude = dense[name].abs()
        assert magnitude[kept].max() <= magnitude[~kept].min()
    # Level 2 keeps a quarter: its inverse lies within what the first round removed, where there is room for it.
    inverse = starts(finished, setting, Rewind(2, 0, mask="invert"))[0].mask
    name = "hidden_1.weight"
    assert masks.count({name: inverse[name]}) < masks.count({name: ~ticket[name]})
    assert not (inverse[name] & ticket[name]).any()


def test_inverted_keeps_all_that_was_pruned_where_it_was_drawn_from_equal_scores(tmp_path):
    """Of N weights the ticket keeps K, and its inverse shares 2 K - N with it, no more."""
    pruning = {"iterations": 1, "fraction": 0.3, "score": "large_final_diff_sign", "arms": []}
    run = carry_out(tiny(pruning=pruning), tmp_path)
    inverses = [network.mask for network in starts(run, prepare(run.config), Rewind(1, 0, mask="invert"))]
    for replicate, inverse in enumerate(inverses):
        for name, ticket in run.read_mask(replicate, 1, "main").items():
            assert inverse[name][~ticket].all()
            assert int(inverse[name].sum()) == int(ticket.sum())


def test_what_is_not_there_is_refused(finished, setting):
    with pytest.raises(LotteryError, match="no finished level 7; it has levels 0 to 2"):
        starts(finished, setting, Rewind(7, 0))
    with pytest.raises(LotteryError, match="outside training"):
        starts(finished, setting, Rewind(1, 30))
    with pytest.raises(LotteryError, match="none of keep, shuffle"):
        Rewind(1, 0, mask="flip")


@pytest.mark.parametrize(
    "rule", [{"topology": {"name": "rigl", "interval": "5it"}}, {"latent": "edge_popup"}], ids=["rigl", "edge_popup"]
)
def test_masks_that_moved_stay_when_they_are_retrained(rule, lottery, tmp_path):
    parent = carry_out(tiny(sparse={"density": 0.2} | rule), tmp_path, "train")
    assert lottery("rewind", parent.path, "--level", "1", "--device", "cpu").code == 0
    retrained = find_run("latest", tmp_path / "runs")
    for replicate in range(2):
        mask = parent.read_mask(replicate, 1, "main")
        weights = retrained.read_weights(replicate, 1, "main")
        for name, kept in retrained.read_mask(replicate, 1, "main").items():
            assert torch.equal(kept, mask[name])
            assert not torch.equal(weights[name], parent.read_early(replicate, 0)[name] * kept)  # it was trained
    refused = lottery("rewind", parent.path, "--level", "1", "--mask", "invert")
    assert refused.code == 2
    assert "take shuffle" in refused.err


def test_the_parent_is_only_read(finished, setting):
    before = tensor_files(finished)
    starts(finished, setting, Rewind(2, 5, mask="invert"))
    assert tensor_files(finished) == before
