"""A topology that stays as it is."""

from lottery.networks.masks import Mask
from lottery.topology import Moment

TRAITS = {"static"}


def static(moment: Moment) -> Mask:
    """The mask as it is: training a fixed sparse network.

    Args:
        moment: the network and its mask.
    """
    return dict(moment.mask)
