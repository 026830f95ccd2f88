"""The control `shuffle` has the ticket's weights under a shuffled mask."""

from collections.abc import Callable

import torch

from lottery.networks import masks
from lottery.networks.network import Network, State

ORDER = 3
WORDS = "the ticket's weights, its mask shuffled within layers"


def shuffle(ticket: Network, fresh: Callable[[], State], generator: torch.Generator) -> Network:  # noqa: ARG001
    """Keep the ticket's weights and shuffle its mask within each layer (Frankle et al. 2021)."""
    return Network(ticket.state, masks.shuffle(ticket.mask, generator))
