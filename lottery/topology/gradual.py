"""Gradual magnitude pruning starts dense."""

from collections.abc import Mapping

from lottery.networks import masks
from lottery.networks.masks import Mask
from lottery.topology import Moment

TRAITS = {"dense_start"}


def gradual(moment: Moment) -> Mask:
    """Prune by magnitude, ever more slowly, from dense to the density that is asked for (Zhu & Gupta 2017).

    At time t = `step + 1` the sparsity is s (1 - (1 - x) ** 3), where s is the final one and x rises linearly from 0 at
    `start` to 1 at the last update that is made: `end`, or the last multiple of the interval before it and before the
    end of training. What is pruned stays so. Layers are ranked apart where each has a density of its own, as in the
    original, and together where the network has one.
    """
    steps = min(moment.end, moment.length) - moment.start
    last = steps - steps % moment.interval
    left = 1 - min(moment.step + 1 - moment.start, last) / last

    def density(final: float) -> float:
        return final + (1 - final) * left**3  # exactly `final` where nothing is left

    asked = moment.density
    now = {name: density(final) for name, final in asked.items()} if isinstance(asked, Mapping) else density(asked)
    magnitudes = {name: moment.weights[name].abs() for name in moment.mask}
    return masks.keep_top(magnitudes, now, moment.mask, moment.generator)
