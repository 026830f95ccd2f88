"""The control `random` has a random mask and weights drawn anew."""

from collections.abc import Callable

import torch

from lottery.networks import masks
from lottery.networks.network import Network, State

TRAITS = {"fresh"}
ORDER = 2
WORDS = "the mask shuffled within layers, weights drawn anew"


def random(ticket: Network, fresh: Callable[[], State], generator: torch.Generator) -> Network:
    """Draw a mask of the ticket's counts in each layer, and weights anew: whether pruning by a score helps at all."""
    return Network(fresh(), masks.shuffle(ticket.mask, generator))
