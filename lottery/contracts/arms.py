"""What an arm must fulfil."""

import re

import torch
from torch import Tensor

from lottery.contracts.contract import Candidate, require
from lottery.contracts.guards import repeatable, untouched
from lottery.networks import masks
from lottery.networks.network import Network, State
from lottery.seeds import stream

_NAME = r"[a-z][a-z_]{0,30}"
"""As in records."""


def ticket() -> Network:
    """Return a ticket that keeps a fifth of its weights."""
    generator = torch.Generator().manual_seed(3)
    state = {"a.weight": torch.randn(30, 20, generator=generator), "a.bias": torch.randn(30, generator=generator)}
    return Network(state, {"a.weight": torch.rand(30, 20, generator=generator) < 0.2})


def fresh() -> State:
    """Return an initialization."""
    return {"a.weight": torch.full((30, 20), 7.0), "a.bias": torch.zeros(30)}


def returns_a_network(given: Candidate) -> None:
    """An arm returns a `Network` of the ticket's tensors: the same names, shapes and types, finite."""
    made, like = _make(given), ticket()
    require(isinstance(made, Network), f"it returns a {type(made).__name__}; return Network(state, mask)")
    for what, of, wanted in (("state", made.state, like.state), ("mask", made.mask, like.mask)):
        odd = sorted(set(of) ^ set(wanted))
        require(not odd, f"its {what} and the ticket's differ in {', '.join(odd)}")
        for name, tensor in wanted.items():
            require(isinstance(of[name], Tensor), f"{what} of {name} is a {type(of[name]).__name__}; return a tensor")
            found, asked = (f"{tuple(one.shape)}, {one.dtype}" for one in (of[name], tensor))
            require(found == asked, f"{what} of {name} is {found}, and has to be {asked}")
            require(of[name].isfinite().all(), f"{what} of {name} isn't finite everywhere")


def changes_nothing(given: Candidate) -> None:
    """An arm changes nothing that it is given, and leaves the global random state as it is."""
    one = ticket()
    with untouched(ticket=one):
        given(one, fresh, stream(0, "mask"))


def is_repeatable(given: Candidate) -> None:
    """An arm is the same for equal tickets and generators of one seed."""
    repeatable(lambda: _make(given), "network")


def keeps_as_many(given: Candidate) -> None:
    """An arm keeps as many weights as the ticket."""
    own, wanted = masks.count(_make(given).mask), masks.count(ticket().mask)
    require(own == wanted, f"it keeps {own} where the ticket keeps {wanted}; compare what is equally sparse")


def has_a_name(given: Candidate) -> None:
    """An arm's name is of small letters and underscores."""
    name = given.entry.name
    require(re.fullmatch(_NAME, name), f"{name} has other characters, or more than 31; rename the function")


def _make(given: Candidate) -> Network:
    made: Network = given(ticket(), fresh, stream(0, "mask"))
    return made


CHECKS = (returns_a_network, changes_nothing, is_repeatable, keeps_as_many, has_a_name)
