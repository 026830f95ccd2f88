"""This topology stays as it is."""

from lottery.networks.masks import Mask
from lottery.topology import Moment

TRAITS = {"static"}


def static(moment: Moment) -> Mask:
    """Return the mask as it is: a fixed sparse network is trained.

    Args:
        moment: the network and its mask.
    """
    return dict(moment.mask)
