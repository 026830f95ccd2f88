"""When the probes of a config are asked, how often, and whether they can be asked of a study's networks at all."""

from collections import Counter
from collections.abc import Iterator, Sequence
from functools import partial

import torch

from lottery.config.probes import Probe
from lottery.networks.masks import Mask
from lottery.studies.plan import Level
from lottery.studies.setting import Setting
from lottery.studies.subjects import asks_for_images
from lottery.training.recipe import Member

Asking = tuple[str, int, str]
"""A probe's name, the step at which it is asked of a network, and why: see `lottery.store.findings.Probing`."""


def askings(setting: Setting, member: Member, step: int) -> Iterator[Asking]:
    """Yield when the probes of a config are asked of a member up to a step on its way."""
    start, course = member.recipe.start, setting.course(member.key.level)
    for probe in setting.config.probes:
        every = probe.every.steps(setting.epoch)
        for one in (start, *range((start // every + 1) * every, step + 1, every)):
            yield probe.name, one, "step"
    moves = [one + 1 for one in range(start, step) if course.due(one)] if course and moving(setting) else []
    for probe in moving(setting):
        for one in moves:
            yield probe.name, one, "before"
            yield probe.name, one, "after"


def moving(setting: Setting) -> list[Probe]:
    """Return the probes that want to be asked where masks move."""
    return [probe for probe in setting.config.probes if "moves" in probe.traits]


def how_often(setting: Setting, member: Member) -> Counter[str]:
    """Return how often each probe of a config is asked of a member, from its first step to its last."""
    start, stop, course = member.recipe.start, member.recipe.stop, setting.course(member.key.level)
    found = Counter[str]()
    for probe in setting.config.probes:
        every = probe.every.steps(setting.epoch)
        found[probe.name] = 1 + stop // every - start // every + bool(stop % every)
    if course is not None and (probes := moving(setting)):
        first, last = (max(0, min(end, course.end) - course.start) // course.interval for end in (start, stop))
        for probe in probes:
            found[probe.name] += 2 * (last - first)
    return found


def check_probes(setting: Setting, levels: Sequence[Level]) -> None:
    """Raise LotteryError where a probe can't be asked of the networks of some levels; nothing is measured.

    That is found up to where it looks at training images, by networks of as many weights as they will have.
    """
    sparse = setting.config.sparse
    dense = [1.0] if sparse is not None and "dense_start" in sparse.topology.traits else []
    for probe in setting.config.probes:
        ask, what = partial(probe.entry, **probe.options), f"probe {probe.name}"
        for density in dict.fromkeys([*dense, *(level.density for level in levels)]):
            if not asks_for_images(setting, probe.entry, _of_density(setting, density), ask, "probe", what):
                break  # it does without


def _of_density(setting: Setting, density: float) -> Mask:
    """Return a mask that keeps so much of each layer."""
    return {
        name: (torch.arange(shape.numel()) < round(density * shape.numel())).view(shape)
        for name, shape in setting.shapes.items()
    }
