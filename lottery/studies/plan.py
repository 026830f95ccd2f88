"""What a study will train: levels, their densities, their members, and which of these are left to do."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby

from lottery.errors import LotteryError
from lottery.networks import masks
from lottery.networks.masks import Mask, matches
from lottery.store.run import Run
from lottery.studies.checks import check_rounds
from lottery.studies.layout import Layout
from lottery.studies.setting import Setting

ARMS = ("main", "reinit", "random", "shuffle")
"""In the order of columns and legends; `main` is the ticket (at level 0 the dense network)."""

EARLY = "early"
"""The role of a dense network that is trained up to the step that a ticket is rewound to. Its state there is kept, as
what is retrained starts from it, and nothing else: it is no result, so reports know nothing of it.
"""

Key = tuple[int, int, str]
"""Which network of a study: level, replicate, arm."""


@dataclass(frozen=True)
class Member:
    """One network to train: whose, in which role, and from which step of the schedule to which."""

    replicate: int
    arm: str
    start: int
    stop: int


@dataclass(frozen=True)
class Level:
    """The networks of one density. Level 0 is dense."""

    number: int
    density: float
    members: tuple[Member, ...]

    @property
    def steps(self) -> int:
        """Steps of training, summed over members."""
        return sum(member.stop - member.start for member in self.members)

    def groups(self) -> Iterator[list[Member]]:
        """Members that may go through the training loop together: those that start and stop together."""
        by_span = sorted(self.members, key=lambda member: (member.start, member.stop))  # stable
        for _, group in groupby(by_span, key=lambda member: (member.start, member.stop)):
            yield list(group)


def plan(setting: Setting, study: str) -> list[Level]:
    """The levels of a study: `train`, or `prune`, whose level 0 is dense and followed by rounds of pruning.

    Raises:
        LotteryError: the config is not of such a study, or leaves nothing to train at some level.
    """
    config = setting.config
    if config.sparse is None:
        rounds = config.pruning.iterations if study == "prune" else 0
        check_rounds(setting, [layer_densities(setting, number) for number in range(1, rounds + 1)])
        return [_level(setting, number) for number in range(rounds + 1)]
    if study == "prune":
        raise LotteryError("sparse: networks that are sparse from the start are trained by `lottery train`")
    first = 0 if config.sparse.dense else 1
    return [_sparse_level(setting, number) for number in range(first, len(config.sparse.densities) + 1)]


def _sparse_level(setting: Setting, number: int) -> Level:
    replicates = range(setting.config.replicates)
    members = tuple(Member(replicate, "main", 0, setting.length) for replicate in replicates)
    return Level(number, _density(setting, setting.sparse_densities(number)) if number else 1.0, members)


def _level(setting: Setting, number: int) -> Level:
    config = setting.config
    full = (0, setting.length)
    spans = {"main": full}
    if number > 0:
        ticket = _retraining(setting)
        # What is freshly initialized trains for the full length, whatever the ticket is rewound to.
        spans = {"main": ticket, "reinit": full, "random": full, "shuffle": ticket}
        spans = {arm: spans[arm] for arm in ("main", *config.pruning.arms)}
    members = tuple(
        Member(replicate, arm, *span) for arm, span in spans.items() for replicate in range(config.replicates)
    )
    return Level(number, _density(setting, layer_densities(setting, number)), members)


def _density(setting: Setting, densities: float | Mapping[str, float]) -> float:
    """Of the whole network, excluded layers counted in."""
    if not isinstance(densities, Mapping):
        densities = dict.fromkeys(included(setting), densities)
    sizes = {name: shape.numel() for name, shape in setting.shapes.items()}
    return sum(round(size * densities.get(name, 1.0)) for name, size in sizes.items()) / sum(sizes.values())


def rewound(setting: Setting, number: int, start: int, mask: Mask, untrained: Sequence[int]) -> list[Level]:
    """The levels of a study that retrains level `number` of a finished run from step `start`.

    Args:
        setting: of the study.
        number: of the level.
        start: step of the schedule.
        mask: of one of its networks.
        untrained: replicates whose dense networks are trained up to `start` first.
    """
    replicates = range(setting.config.replicates)
    early = tuple(Member(replicate, EARLY, 0, start) for replicate in untrained)
    again = tuple(Member(replicate, "main", start, setting.length) for replicate in replicates)
    density = masks.count(mask) / masks.total(mask)
    if number == 0:
        return [Level(0, density, early + again)]
    return [level for level in (Level(0, 1.0, early), Level(number, density, again)) if level.members]


def _retraining(setting: Setting) -> tuple[int, int]:
    """First and last step of the schedule that a pruned network is retrained on (Renda et al. 2020)."""
    length, pruning = setting.length, setting.config.pruning
    if setting.rewind_step is not None:
        return setting.rewind_step, length
    again = pruning.retrain.steps(setting.epoch) if pruning.retrain else length
    return (length - again, length) if pruning.rewind == "learning_rate" else (length, length + again)


def included(setting: Setting) -> list[str]:
    """Names of the weights that are pruned: those of all layers but the excluded ones."""
    sparse = setting.config.sparse
    return setting.included(setting.config.pruning.exclude if sparse is None else sparse.exclude)


def layer_densities(setting: Setting, level: int) -> float | dict[str, float]:
    """Density of the pruned layers after `level` rounds: a float where they are ranked together, else one for each.

    Computed from the number of rounds, not from the round before, so that rounding never adds up.
    """
    if level == 0:
        return 1.0  # dense, whatever the allocation
    pruning = setting.config.pruning
    densities = setting.allocate(pruning, (1 - pruning.fraction) ** level)
    if isinstance(densities, dict):
        for name in densities:
            for pattern, fraction in pruning.fractions.items():
                if matches(name, pattern):
                    densities[name] = (1 - fraction) ** level
                    break
    return densities


def is_done(run: Run, level: int, member: Member) -> bool:
    """Whether a network is trained as far as it has to be, and kept."""
    if member.arm == EARLY:
        return run.has_early(member.replicate, member.stop)
    return run.has_member(member.replicate, level, member.arm)


def _forget(run: Run, level: int, member: Member) -> None:
    if member.arm == EARLY:
        run.forget_early(member.replicate, member.stop)
    else:
        run.forget_member(member.replicate, level, member.arm)


def undone(run: Run, layout: Layout, levels: Sequence[Level]) -> list[tuple[int, list[Member]]]:
    """Level and members of the chunks to be trained; controls last in their level: the next one doesn't wait for them.

    A chunk is trained as a whole: where a crash left it half written, the half is forgotten. Unless memory ran out
    before, and chunks are no longer what they were: then those that are not done are trained, and nothing is lost.
    """
    chunks = []
    for level in levels:
        for group in level.groups():
            for members in layout.chunks(group):
                left = [member for member in members if not is_done(run, level.number, member)]
                if left and not layout.splits:
                    left = members
                    for member in members:
                        _forget(run, level.number, member)
                if left:
                    chunks.append((level.number, left))
    return sorted(chunks, key=lambda chunk: (chunk[0], all(member.arm not in ("main", EARLY) for member in chunk[1])))
