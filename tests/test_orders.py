"""Several trainings of each network, which differ in the order of batches alone."""

import pytest
import torch
from conftest import (
    carry_out,
    evaluation,
    interrupted_and_resumed,
    lines,
    main,
    one_thread,
    plan,
    same,
    tensor_files,
    tiny,
)

from lottery.display.standing import Standing
from lottery.networks.key import Key
from lottery.studies.prepare import prepare
from lottery.studies.prune import extended
from lottery.tasks.classification import Classification


def late(**changes):
    return tiny(execution="looped", pruning__rewind="12it", pruning__iterations=1, pruning__arms=["reinit"], **changes)


@pytest.fixture(scope="module")
def single(tmp_path_factory):
    with one_thread():
        return carry_out(late(), tmp_path_factory.mktemp("single"))


@pytest.fixture(scope="module")
def thrice(tmp_path_factory):
    with one_thread():
        return carry_out(late(orders=3), tmp_path_factory.mktemp("thrice"))


def test_the_usual_order_is_what_it_is_without_others(single, thrice):
    """To the byte: masks, and what networks start from, come from it alone; no state is kept of another."""
    usual = {name: digest for name, digest in tensor_files(thrice).items() if "order-" not in name}
    assert usual == tensor_files(single)
    assert [line for line in lines(thrice) if "'order': 0" in line] == lines(single)
    assert not [name for name in tensor_files(thrice) if "order-" in name and "step-" in name]


def test_networks_of_other_orders_share_the_mask_and_nothing_that_was_trained(thrice):
    for arm, level in (("dense", 0), ("ticket", 1), ("reinit", 1)):
        own = [Key(1, level, arm, order) for order in range(3)]
        masks, weights = zip(*((thrice.read_mask(key), thrice.read_weights(key)) for key in own), strict=True)
        for name in masks[0]:
            assert all(torch.equal(mask[name], masks[0][name]) for mask in masks)
            assert len({weight[name].sum().item() for weight in weights}) == 3
    # At the step that each starts from all are the same network.
    for level, arm, step in ((0, "dense", 0), (1, "ticket", 12), (1, "reinit", 0)):
        at = {"replicate": 0, "level": level, "arm": arm, "step": step, "split": "test"}
        first = [line["loss"] for line in thrice.metrics() if at.items() <= line.items()]
        assert len(first) == 3
        assert len(set(first)) == 1


def test_interrupted_and_resumed_gives_the_same_bytes(thrice, tmp_path):
    with one_thread():
        assert same(interrupted_and_resumed(late(orders=3), tmp_path, "prune", 75), thrice)


def test_stacked_with_others_the_usual_order_alone_keeps_the_step_to_rewind_to(tmp_path):
    run = carry_out(late(orders=2).model_copy(update={"execution": "stacked"}), tmp_path)
    kept = [name for name in tensor_files(run) if "step-12" in name]
    assert kept == [f"replicate-{replicate}/level-00/dense/step-12.safetensors" for replicate in range(2)]
    assert run.has_network(Key(0, 0, "dense", 1))


@pytest.mark.parametrize(("study", "changes"), [("prune", {}), ("train", {"sparse": {"density": 0.5, "dense": True}})])
def test_each_level_has_every_arm_in_every_order(study, changes):
    for level in plan(prepare(tiny(orders=3, **changes)), study):
        arms = {member.key.arm for member in level.members}
        keys = [member.key for member in level.members]
        assert keys[:2] == [main(0, level.number), main(1, level.number)] or study == "train"
        expected = [Key(r, level.number, arm, order) for r in range(2) for arm in arms for order in range(3)]
        assert sorted(keys) == sorted(expected)


def test_an_extension_keeps_the_orders(thrice):
    assert extended(thrice, 2).orders == 3


def test_the_display_shows_the_usual_order(thrice):
    level = plan(prepare(tiny(orders=2)), "train")[0]
    standing = Standing(level, {member.key for member in level.members})
    for order, value in ((1, 0.1), (0, 0.9)):
        for replicate in range(2):
            standing.note(evaluation(replicate, order=order, accuracy=value), Classification.metrics[0])
    assert standing.means(Classification.metrics[0]) == "test accuracy at step 10 dense 90.00%"
    assert standing.progress == "0 of 4 networks trained"
