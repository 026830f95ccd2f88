"""This topology stays as it is."""

from lottery.networks.masks import Mask
from lottery.topology import Moment

TRAITS = {"static"}


def static(moment: Moment) -> Mask:
    """Return the mask as it is: a fixed sparse network is trained."""
    return dict(moment.mask)
