"""Controls beside a ticket: which tensors they share with it, and their place in a report."""

import pytest
import torch

from lottery import arms, registry
from lottery.contracts.arms import fresh, ticket
from lottery.networks import masks
from lottery.seeds import stream

NAMES = registry.names("arms")


@pytest.mark.parametrize(
    ("name", "own_weights", "own_mask"), [("reinit", True, False), ("random", True, True), ("shuffle", False, True)]
)
def test_what_a_control_lacks(name, own_weights, own_mask):
    given = ticket()
    made = registry.find("arms", name)(given, fresh, stream(0, "mask", name))
    expected = fresh() if own_weights else given.state
    assert all(torch.equal(made.state[key], expected[key]) for key in expected)
    shuffled = masks.shuffle(given.mask, stream(0, "mask", name))
    assert torch.equal(made.mask["a.weight"], (shuffled if own_mask else given.mask)["a.weight"])
    assert torch.equal(made.mask["a.weight"], given.mask["a.weight"]) != own_mask
    assert ("fresh" in registry.find("arms", name).traits) == own_weights


def test_main_arms_come_first_then_controls_by_their_place_then_others():
    given = ["zebra", "shuffle", "sparse", "reinit", "early", "ticket", "random", "dense", "reinit"]
    assert arms.in_order(given) == ["dense", "ticket", "sparse", "reinit", "random", "shuffle", "early", "zebra"]


def test_places_of_arms():
    assert [arms.order(name) for name in ("dense", "ticket", "sparse", "reinit", "random", "shuffle")] == [
        0, 0, 0, 1, 2, 3,
    ]  # fmt: skip
    assert arms.order("nobody's") == arms.LAST
    assert [name for name in ("dense", "reinit", "early", "nobody's") if arms.is_main(name)] == ["dense"]


def test_every_arm_has_words():
    assert arms.words("ticket") == "the ticket"
    assert arms.words("reinit") == "the ticket's mask, weights drawn anew"
    assert arms.words("nobody's") == "nobody's"
    assert len({arms.words(name) for name in (*arms.MAIN, *NAMES)}) == len(arms.MAIN) + len(NAMES)
