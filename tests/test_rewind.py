import re
import shutil
import sys
from dataclasses import asdict
from itertools import chain, combinations, product, repeat

import pytest
import torch
from conftest import carry_on, carry_out, killed_at, lines, main, one_thread, same, summary, tensor_files, tiny

from lottery.errors import Interrupted, LotteryError, RunFailed
from lottery.networks import masks
from lottery.networks.key import Key
from lottery.networks.network import Network
from lottery.store.finding import find_run
from lottery.store.run import Run
from lottery.studies.asked import Asked
from lottery.studies.copies import Copies, retraining
from lottery.studies.kinds import study_of
from lottery.studies.other_masks import other_mask
from lottery.studies.prepare import prepare
from lottery.studies.rewind import Rewind
from lottery.training.loop import Trainer


@pytest.fixture(scope="module")
def setting():
    return prepare(tiny())


def rewinding(parent, about, folder, config=None):
    """A run directory that retrains, as `lottery rewind` makes it; nothing is laid down yet."""
    setting = prepare(config or parent.config)
    record = {"study": "rewind", "parent": str(parent.path), "parent_id": parent.record["id"]}
    record |= {"rewind": asdict(about)}
    layout = Rewind.of_parent(parent, setting, about).parent_layout(parent) if config is None else None
    if layout is not None:
        record |= {"layout": asdict(layout[0]), "layout_because": layout[1]}
    return Run.create(folder, setting.config, record)


def test_rewound_to_initialization_is_the_ticket_itself(finished, setting, tmp_path):
    """Retraining level 2 from step 0 repeats what the study did, to the byte where one member's sums are its own."""
    run = rewinding(finished, Asked(2, 0), tmp_path)
    carry_on(run, setting)
    for replicate in range(2):
        expected = finished.read_weights(Key(replicate, 2, "ticket"))
        for name, weight in run.read_weights(Key(replicate, 2, "ticket")).items():
            torch.testing.assert_close(weight, expected[name], rtol=1e-3, atol=1e-4)
    assert {line["density"] for line in run.levels()} == {line["density"] for line in finished.levels()
                                                           if line["level"] == 2}  # fmt: skip


@pytest.fixture(scope="module")
def parent(tmp_path_factory):
    """A run that kept step 12, to which its tickets were rewound."""
    with one_thread():
        return carry_out(late(), tmp_path_factory.mktemp("parent"))


def late(**changes):
    return tiny(execution="looped", pruning__rewind="12it", pruning__arms=[], pruning__iterations=1,
                checkpoint={"steps": "5it"}, **changes)  # fmt: skip


def without(parent, step, folder):
    """A copy of a run in which the dense networks at `step` were not kept."""
    copy = Run(shutil.copytree(parent.path, folder / parent.path.name))
    for path in copy.path.glob(f"replicate-*/level-00/dense/step-{step}.safetensors"):
        path.unlink()
    return copy


def test_stacked_with_controls_the_dense_networks_are_those_of_the_parent_too(tmp_path):
    """What a batched product gives depends on who shares it: chunks are the parent's."""
    config = tiny(pruning__rewind="12it", pruning__iterations=1, replicates=5, execution="stacked", workers=2)
    parent = carry_out(config, tmp_path / "parent")
    run = rewinding(without(parent, 12, tmp_path), Asked(1, 12), tmp_path / "runs")
    carry_on(run, prepare(config))
    for replicate in range(5):
        assert equal(run.read_weights(Key(replicate, 0, "early")), parent.read_state(Key(replicate, 0, "dense"), 12))


@pytest.mark.parametrize("level", [0, 1])
def test_a_step_that_was_not_kept_is_trained_in_the_new_run(level, parent, tmp_path):
    """The dense networks on their way are, to the byte, what the parent would have kept; what follows is the same."""
    runs = [rewinding(one, Asked(level, 12), tmp_path) for one in (parent, without(parent, 12, tmp_path))]
    with one_thread():
        for run in runs:
            carry_on(run, prepare(late()))
    kept, trained = runs
    for replicate in range(2):
        early = trained.read_weights(Key(replicate, 0, "early"))
        assert equal(early, parent.read_state(Key(replicate, 0, "dense"), 12))
        assert equal(kept.read_weights(main(replicate, level)), trained.read_weights(main(replicate, level)))
    assert set(lines(kept)) <= set(lines(trained))
    assert {(line["level"], line["arm"], line["start_step"], line["stop_step"]) for line in trained.levels()} == {
        (0, "early", 0, 12), (level, main(0, level).arm, 12, 30),
    }  # fmt: skip


@pytest.mark.parametrize(("workers", "questions"), [(1, 0), (1, 7), (1, 20), (1, 40), (2, 0), (2, 5)])
def test_interrupted_on_its_way_and_resumed_gives_the_same_bytes(workers, questions, parent, tmp_path):
    bare = without(parent, 12, tmp_path)
    config = late(workers=workers)
    straight, stopped = (rewinding(bare, Asked(1, 12), tmp_path / name, config) for name in ("straight", "stopped"))
    with one_thread():
        carry_on(straight, prepare(config))
        asked = chain(repeat(False, questions), repeat(True))
        with pytest.raises(Interrupted):
            carry_on(stopped, prepare(config), stop=lambda: next(asked))
        shutil.rmtree(bare.path)  # from here on the run has all that it needs
        carry_on(stopped, prepare(config))
    assert same(stopped, straight)
    assert not (stopped.path / "checkpoint").exists()


@pytest.mark.skipif(sys.platform != "linux", reason="processes are forked here on Linux alone")
@pytest.mark.parametrize("share", [0.01, 0.05, 0.1, 0.2, 0.35, 0.5, 0.7, 0.9])
def test_killed_at_a_file_and_resumed_gives_the_same_bytes(share, parent, tmp_path):
    """From the moment on that the directory is made: while it takes what it needs from its parent, too."""
    bare = without(parent, 12, tmp_path)
    with one_thread():
        straight = rewinding(bare, Asked(1, 12), tmp_path)
        total = killed_at(straight, late(), 10**9)
        assert total > 50
        run = rewinding(bare, Asked(1, 12), tmp_path)
        assert killed_at(run, late(), max(1, round(share * total))) is None
        carry_on(run, prepare(late()))
    assert same(run, straight)


def test_a_run_that_lacks_its_start_and_its_parent_says_so(parent, tmp_path):
    gone = without(parent, 12, tmp_path)
    run = rewinding(gone, Asked(1, 12), tmp_path / "runs")
    gone.path.rename(tmp_path / "moved")
    with pytest.raises(
        LotteryError, match=f"needs from its parent, which can't be read now:\n{gone.path} is not there"
    ):
        carry_on(run, prepare(late()))
    (tmp_path / "moved").rename(gone.path)
    carry_on(run, prepare(late()))
    assert [line["arm"] for line in run.levels()] == ["early", "early", "ticket", "ticket"]


def test_another_run_in_its_parents_place_is_not_read(parent, tmp_path):
    gone = without(parent, 12, tmp_path)
    run = rewinding(gone, Asked(1, 12), tmp_path / "runs")
    shutil.rmtree(gone.path)
    carry_out(late(seed=7), tmp_path / "other").path.rename(gone.path)
    with pytest.raises(LotteryError, match=f"can't be read now:\n{gone.path} is another run now"):
        carry_on(run, prepare(late()))


def test_a_dry_run_trains_and_writes_nothing(lottery, finished, tmp_path, monkeypatch):
    def refuse(*arguments):
        raise AssertionError("a dry run trains nothing")

    monkeypatch.setattr(Trainer, "advance", refuse)
    told = lottery("rewind", finished.path, "--level", "1", "--to", "7it", "--dry-run")
    assert told.code == 0
    rows = [row.replace("│", "").split() for row in told.out.splitlines() if "early" in row or "ticket" in row]
    assert [row[:5] for row in rows] == [["0", "100.0", "2", "early", "7"], ["1", "50.0", "2", "ticket", "23"]]
    assert "as in the parent run" in told.out
    assert not (tmp_path / "runs").exists()


def test_the_command_trains_a_step_that_was_not_kept(lottery, finished, tmp_path):
    assert lottery("rewind", finished.path, "--level", "1", "--to", "7it").code == 0
    run = find_run("latest", tmp_path / "runs")
    assert run.record["layout"] == finished.record["layout"]
    spans = {(line["level"], line["arm"], line["start_step"], line["stop_step"]) for line in run.levels()}
    assert spans == {(0, "early", 0, 7), (1, "ticket", 7, 30)}
    told = lottery("report", run.path, "--csv", "--html")
    assert told.code == 0
    assert "the dense networks are its parent's" in lottery("report", run.path).out  # an early one is none


def test_dense_networks_that_diverge_on_their_way_fail_the_run(parent, tmp_path):
    run = rewinding(without(parent, 12, tmp_path), Asked(1, 12), tmp_path, late(train__optimizer__lr=1e30))
    with pytest.raises(RunFailed, match="all networks diverged"):
        carry_on(run, prepare(run.config))
    assert {line["arm"] for line in run.levels()} == {"early"}


def test_where_all_that_is_retrained_diverges_the_run_fails(parent, tmp_path, monkeypatch):
    """Though the dense networks on their way did not."""
    run, network = rewinding(without(parent, 12, tmp_path), Asked(1, 12), tmp_path), Rewind.network

    def bad(self, run, member):
        found = network(self, run, member)
        if member.key.arm == "ticket":
            found.state["output.bias"] += torch.inf
        return found

    monkeypatch.setattr(Rewind, "network", bad)
    with pytest.raises(RunFailed, match="all networks diverged"):
        carry_on(run, prepare(late()))
    assert [line["diverged"] for line in run.levels()] == [None, None, 12, 12]


def starts(parent, setting, about):
    """What each replicate's retraining starts from."""
    study = Rewind.of_parent(parent, setting, about)
    study.read(parent)
    return study.starts


def equal(left, right):
    return left.keys() == right.keys() and all(torch.equal(left[name], right[name]) for name in left)


def test_weights(finished, setting):
    fresh, final = (starts(finished, setting, Asked(1, 0, weights=which)) for which in ("reinit", "final"))
    for replicate in range(2):
        initial = finished.read_state(Key(replicate, 0, "dense"), 0)["hidden_1.weight"]
        assert not torch.equal(fresh[replicate].states[0]["hidden_1.weight"], initial)
        trained = finished.read_weights(Key(replicate, 1, "ticket"))
        assert equal(final[replicate].states[0], trained)
        assert torch.equal(
            final[replicate].mask["output.weight"], finished.read_mask(Key(replicate, 1, "ticket"))["output.weight"]
        )


@pytest.mark.parametrize("mask", ["keep", "shuffle", "random", "invert"])
@pytest.mark.parametrize("level", [1, 2])
def test_masks_keep_the_counts_of_each_layer(mask, level, finished, setting):
    ticket = finished.read_mask(main(0, level))
    found = starts(finished, setting, Asked(level, 0, mask=mask))[0].mask
    for name in ticket:
        assert int(found[name].sum()) == int(ticket[name].sum())
    same = all(torch.equal(found[name], ticket[name]) for name in ticket)
    assert same is (mask == "keep")


@pytest.mark.parametrize("about", [Asked(1, 0, mask="shuffle"), Asked(1, 0, mask="random")])
def test_masks_are_drawn_by_the_studys_seed(about, finished, setting):
    """Of one ticket."""
    drawn = [starts(finished, one, about)[0].mask for one in (setting, prepare(tiny()), prepare(tiny(seed=1)))]
    for name, mask in drawn[0].items():
        assert torch.equal(mask, drawn[1][name])
        assert not torch.equal(mask, drawn[2][name])


def test_other_masks_and_weights_are_all_different(finished, setting):
    """Whatever two of kind, level and replicate have in common, a mask is shuffled anew; so are weights drawn."""
    ticket = finished.read_mask(main(0, 1))
    shuffled = [
        other_mask(finished, setting, main(replicate, level), ticket, kind)["hidden_1.weight"]
        for kind, level, replicate in product(("shuffle", "random"), (1, 2), (0, 1))
    ]
    drawn = [
        start.states[0]["hidden_1.weight"]
        for level in (1, 2)
        for start in starts(finished, setting, Asked(level, 0, weights="reinit"))
    ]
    for found in (shuffled, drawn):
        assert not any(torch.equal(one, other) for one, other in combinations(found, 2))


def test_inverted_keeps_what_was_pruned_first(finished, setting):
    # Level 1 keeps half of all weights: its inverse in each layer is the smallest weights of the dense network.
    dense, ticket = finished.read_weights(Key(0, 0, "dense")), finished.read_mask(Key(0, 1, "ticket"))
    inverse = starts(finished, setting, Asked(1, 0, mask="invert"))[0].mask
    for name, kept in inverse.items():
        magnitude = dense[name].abs()
        assert magnitude[kept].max() <= magnitude[~kept].min()
    # Level 2 keeps a quarter: its inverse lies within what the first round removed, where there is room for it.
    inverse = starts(finished, setting, Asked(2, 0, mask="invert"))[0].mask
    name = "hidden_1.weight"
    assert masks.count({name: inverse[name]}) < masks.count({name: ~ticket[name]})
    assert not (inverse[name] & ticket[name]).any()


def test_inverted_keeps_all_that_was_pruned_where_it_was_drawn_from_equal_scores(tmp_path):
    """Of N weights the ticket keeps K, and its inverse shares 2 K - N with it, no more."""
    pruning = {"iterations": 1, "fraction": 0.3, "score": "large_final_diff_sign", "arms": []}
    run = carry_out(tiny(pruning=pruning), tmp_path)
    inverses = [network.mask for network in starts(run, prepare(run.config), Asked(1, 0, mask="invert"))]
    for replicate, inverse in enumerate(inverses):
        for name, ticket in run.read_mask(Key(replicate, 1, "ticket")).items():
            assert inverse[name][~ticket].all()
            assert int(inverse[name].sum()) == int(ticket.sum())


def by_hand(folder, changes, rounds, initial=None):
    """A finished run whose output layer of 20 weights is given, level by level: its trained weights, its mask."""
    config = tiny(model__widths=[2], replicates=1, pruning__arms=[], pruning__iterations=len(rounds) - 1, **changes)
    run, like = Run.create(folder, config, {"study": "prune"}), prepare(config).like
    name = "output.weight"

    def network(weights, kept):
        state = {key: torch.zeros_like(tensor) for key, tensor in like.state.items()}
        state[name] = torch.tensor(weights).view(10, 2)
        mask = dict(like.mask)
        mask[name] = torch.tensor([index in kept for index in range(20)]).view(10, 2)
        return Network(state, mask)

    run.write_state(Key(0, 0, "dense"), 0, network(initial or [0.0] * 20, range(20)).state)
    for level, (weights, kept) in enumerate(rounds):
        line = summary(0, level)
        run.write_network(network(weights, kept), line)
        run.append_levels([line])
    run.finish("finished")
    return run


def inverse(run, level):
    mask = starts(run, prepare(run.config), Asked(level, 0, mask="invert"))[0].mask["output.weight"]
    return set(mask.flatten().nonzero().flatten().tolist())


# Weight i of the dense network is i + 1, its sign alternating. Round 1 removes the five smallest, 0 to 4. Trained
# again, what is left has magnitudes in the opposite order, and round 2 removes the three smallest of those: 19, 18, 17.
_DENSE = [float(i + 1) * (-1) ** i for i in range(20)]
_AGAIN = [0.0] * 5 + [float(30 - i) * (-1) ** (i // 2) for i in range(5, 20)]
_ROUNDS = [(_DENSE, range(20)), (_AGAIN, range(5, 20)), ([1.0] * 20, range(5, 17))]


def test_what_an_earlier_round_removed_comes_first_and_within_a_round_the_lowest_score(tmp_path):
    run = by_hand(tmp_path, {}, _ROUNDS)
    assert inverse(run, 0) == set(range(20))
    # 15 of 20: the five that went, then what would have gone next by the dense network's magnitudes.
    assert inverse(run, 1) == set(range(15))
    # 12 of 20: round 1's five, round 2's three, then the four that the second training left smallest: 16, 15, 14, 13.
    assert inverse(run, 2) == {0, 1, 2, 3, 4, 19, 18, 17, 16, 15, 14, 13}


def test_a_high_score_in_an_earlier_round_is_no_reason_to_stay(tmp_path):
    # Level 2 keeps four: all of its inverse went in round 1, whatever the second training left smaller.
    run = by_hand(tmp_path, {}, [*_ROUNDS[:2], ([1.0] * 20, range(5, 9))])
    assert inverse(run, 2) == {0, 1, 2, 3}


def test_in_one_shot_all_is_ranked_by_the_dense_network(tmp_path):
    run = by_hand(tmp_path, {"pruning__one_shot": True}, [*_ROUNDS[:2], ([1.0] * 20, range(8, 20))])
    assert inverse(run, 2) == set(range(12))


@pytest.mark.parametrize("size", [1.0, 1e-30])
def test_scores_of_any_sign_and_size_are_ranked(size, tmp_path):
    """By magnitude increase: |trained| - |initial|. In round 1 all scores but one are negative, in round 2 all are."""
    first = [size * (i - 18.5) for i in range(20)]  # 0 to 4 are removed
    second = [0.0] * 5 + [size * (i - 40.0) for i in range(19, 4, -1)]  # then 19, 18, 17
    start = [50 * size] * 20
    trained = [[before + change for before, change in zip(start, scores, strict=True)] for scores in (first, second)]
    rounds = [(trained[0], range(20)), (trained[1], range(5, 20)), (start, range(5, 17))]
    run = by_hand(tmp_path, {"pruning__score": "magnitude_increase"}, rounds, start)
    assert inverse(run, 1) == set(range(15))
    assert inverse(run, 2) == {0, 1, 2, 3, 4, 19, 18, 17, 16, 15, 14, 13}


def test_scores_far_smaller_than_the_largest_keep_their_order(tmp_path):
    tiny_ones = [1e-30 * (i + 1) for i in range(19, 0, -1)] + [1e6]
    rounds = [([1.0] * 20, range(20)), (tiny_ones, range(20)), ([1.0] * 20, range(15, 20))]
    # Nothing went in round 1; in round 2 15 did, of which 18, 17, 16, 15 and 14 had the lowest scores.
    assert inverse(by_hand(tmp_path, {}, rounds), 2) == {18, 17, 16, 15, 14}


def test_random_scores_are_those_that_pruning_drew(tmp_path):
    """Excluded layers draw no scores, so they must not here either."""
    config = tiny(pruning__score="random", pruning__exclude=["hidden_1"], pruning__arms=[], pruning__iterations=1)
    run = carry_out(config, tmp_path)
    found = starts(run, prepare(config), Asked(1, 0, mask="invert"))
    for replicate in range(2):
        ticket = run.read_mask(Key(replicate, 1, "ticket"))
        assert torch.equal(found[replicate].mask["output.weight"], ~ticket["output.weight"])  # half of it is left
        assert found[replicate].mask["hidden_1.weight"].all()


def test_what_is_not_there_is_refused(finished, setting):
    with pytest.raises(LotteryError, match="no finished level 7; it has levels 0 to 2"):
        starts(finished, setting, Asked(7, 0))
    with pytest.raises(LotteryError, match="outside training"):
        starts(finished, setting, Asked(1, 30))
    with pytest.raises(LotteryError, match="none of keep, shuffle"):
        Asked(1, 0, mask="flip")


@pytest.mark.parametrize(
    "rule", [{"topology": {"name": "rigl", "interval": "5it"}}, {"latent": "edge_popup"}], ids=["rigl", "edge_popup"]
)
def test_masks_that_moved_stay_when_they_are_retrained(rule, lottery, tmp_path):
    parent = carry_out(tiny(sparse={"density": 0.2} | rule), tmp_path, "train")
    assert lottery("rewind", parent.path, "--level", "1", "--device", "cpu").code == 0
    retrained = find_run("latest", tmp_path / "runs")
    for replicate in range(2):
        mask = parent.read_mask(Key(replicate, 1, "sparse"))
        weights = retrained.read_weights(Key(replicate, 1, "sparse"))
        for name, kept in retrained.read_mask(Key(replicate, 1, "sparse")).items():
            assert torch.equal(kept, mask[name])
            assert not torch.equal(
                weights[name], parent.read_state(Key(replicate, 0, "dense"), 0)[name] * kept
            )  # it was trained
    refused = lottery("rewind", parent.path, "--level", "1", "--mask", "invert")
    assert refused.code == 2
    assert "take shuffle" in refused.err


def test_the_parent_is_only_read(finished, setting):
    before = tensor_files(finished)
    starts(finished, setting, Asked(2, 5, mask="invert"))
    assert tensor_files(finished) == before


def test_pruned_starts_from_what_the_mask_was_chosen_from(finished, setting):
    """Prune-restart: the end of the round before, of which the ticket's mask keeps the largest weights."""
    for level in (1, 2):
        for replicate, (mask, (state,)) in enumerate(starts(finished, setting, Asked(level, 0, weights="pruned"))):
            assert equal(state, finished.read_weights(main(replicate, level - 1)))
            assert equal(mask, finished.read_mask(main(replicate, level)))


def test_in_one_shot_pruned_is_the_dense_networks_end(tmp_path):
    run = by_hand(tmp_path, {"pruning__one_shot": True}, _ROUNDS)
    ((_, (state,)),) = starts(run, prepare(run.config), Asked(2, 0, weights="pruned"))
    assert state["output.weight"].flatten().tolist() == _DENSE


def test_orders_start_from_the_draws_in_turn(finished, lottery, tmp_path):
    asked = ["--level", "1", "--weights", "reinit", "--draws", "2", "--orders", "3", "--replicates", "1"]
    assert lottery("rewind", finished.path, *asked, "--device", "cpu").code == 0
    run = find_run("latest", tmp_path / "runs")
    assert run.record["rewind"] == {"level": 1, "to": 0, "weights": "reinit", "mask": "keep", "draws": 2}
    assert (run.config.orders, run.config.replicates) == (3, 1)
    keys = [Key(0, 1, "ticket", order) for order in range(3)]
    assert sorted(Key.of(line) for line in run.levels()) == keys
    study = study_of(run, prepare(run.config))
    first, second, again = (study.network(run, member).state for member in study.levels[0].members)
    assert equal(first, again)
    assert not torch.equal(first["output.weight"], second["output.weight"])
    alone = starts(finished, prepare(tiny()), Asked(1, 0, weights="reinit"))
    assert equal(first, alone[0].states[0])  # the usual one is what it is without others
    assert len({run.read_weights(key)["output.weight"].sum().item() for key in keys}) == 3
    assert all(equal(run.read_mask(key), finished.read_mask(keys[0])) for key in keys)
    told = lottery("report", run.path).out
    assert "weights reinit of 2 draws" in told
    assert "2 networks more, of further orders of batches" in told


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--level", "0", "--weights", "pruned"], "the masks of level 0 in .* were not chosen from trained weights"),
        (["--level", "1", "--draws", "2"], "several initializations go with --weights reinit"),
        (["--level", "1", "--replicates", "3"], "replicates: 3 of the run's are asked for, and it has 2"),
        (["--level", "1", "--orders", "1001"], "orders: 1,001 are more than 1,000"),
    ],
)
def test_what_no_rewind_can_do_is_refused_in_a_line(options, said, finished, lottery, tmp_path):
    refused = lottery("rewind", finished.path, *options)
    assert refused.code == 2
    assert re.search(f"^error: .*{said}.*$", refused.err, re.MULTILINE)
    assert not (tmp_path / "runs").exists()


def test_so_many_draws_are_so_many_orders_and_a_run_keeps_its_own():
    assert retraining(tiny(), draws=5).orders == 5
    assert retraining(tiny(), Copies(orders=7), draws=5).orders == 7
    assert retraining(tiny(orders=4)).orders == 4


@pytest.fixture(scope="module")
def gradual(tmp_path_factory):
    topology = {"name": "gradual", "start": "5it", "end": "20it", "interval": "5it"}
    config = tiny(execution="looped", sparse={"density": 0.2, "topology": topology})
    with one_thread():
        return carry_out(config, tmp_path_factory.mktemp("gradual"), "train")


def test_what_was_pruned_gradually_is_a_ticket_once_it_is_rewound(gradual, tmp_path):
    """Evci et al. (2022): its mask on its initialization; on the dense network's way; on what it was trained to."""
    config = retraining(gradual.config)
    runs = [
        rewinding(gradual, asked, tmp_path, config)
        for asked in (Asked(1, 0), Asked(1, 10), Asked(1, 0, weights="pruned"))
    ]
    with one_thread():
        for run in runs:
            carry_on(run, prepare(config))
        dense = carry_out(tiny(execution="looped", pruning__rewind="10it"), tmp_path / "dense", "train")
    initial, later, pruned = runs
    for replicate in range(2):
        key = Key(replicate, 1, "sparse")
        found = gradual.read_mask(key)
        assert masks.density(found) == pytest.approx(0.2, abs=1e-3)
        assert all(equal(run.read_mask(key), found) for run in runs)
        assert equal(initial.read_state(key, 0), gradual.read_state(Key(replicate, 0, "dense"), 0))
        assert equal(later.read_weights(Key(replicate, 0, "early")), dense.read_state(Key(replicate, 0, "dense"), 10))
        assert equal(pruned.read_state(key, 0), gradual.read_weights(key))
    assert [line["start_step"] for line in later.levels() if line["arm"] == "sparse"] == [10, 10]


def test_orders_of_a_gradually_pruned_network_are_resumed_to_the_same_bytes(gradual, lottery, tmp_path):
    options = ["--level", "1", "--to", "10it", "--orders", "2", "--device", "cpu"]
    with one_thread():
        assert lottery("rewind", gradual.path, *options).code == 0
        straight = find_run("latest", tmp_path / "runs")
        config = straight.config
        stopped = Run.create(
            tmp_path / "stopped",
            config,
            {
                key: value
                for key, value in straight.record.items()
                if key in ("study", "parent", "parent_id", "rewind", "layout")
            },
        )
        asked = chain(repeat(False, 25), repeat(True))
        with pytest.raises(Interrupted):
            carry_on(stopped, prepare(config), stop=lambda: next(asked))
        carry_on(stopped, prepare(config))
    assert same(stopped, straight)
    assert {line["order"] for line in straight.levels() if line["arm"] == "sparse"} == {0, 1}


def test_probes_may_look_on_at_what_is_retrained_and_change_nothing(lottery, finished, tmp_path):
    runs = []
    for more in ([], ["--set", "probes=[{name: weights, every: 10it, images: 8}]"]):
        command = ["rewind", str(finished.path), "--level", "1", "--runs-dir", str(tmp_path / f"runs-{len(more)}")]
        lottery(*command, *more)
        runs.append(Run.open(next((tmp_path / f"runs-{len(more)}").iterdir())))
    plain, probed = runs
    assert not plain.probes()
    assert {line["probe"] for line in probed.probes()} == {"weights"}
    for key in map(Key.of, plain.levels()):
        assert equal(plain.read_weights(key), probed.read_weights(key))
