"""The control `reinit` has the ticket's mask and weights drawn anew."""

from collections.abc import Callable

import torch

from lottery.networks.network import Network, State

TRAITS = {"fresh"}
ORDER = 1
WORDS = "the ticket's mask, weights drawn anew"


def reinit(ticket: Network, fresh: Callable[[], State], generator: torch.Generator) -> Network:  # noqa: ARG001
    """Keep the ticket's mask and draw its weights anew: whether structure alone is enough (Frankle & Carbin 2019)."""
    return Network(fresh(), ticket.mask)
