"""Retrain a mask of a finished run from other weights: the controls that tell what makes a ticket."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal, get_args

import torch

from lottery.config.schema import Config, Topology
from lottery.errors import LotteryError
from lottery.networks import masks
from lottery.networks.cohort import Network, State
from lottery.networks.masks import Mask
from lottery.seeds import stream
from lottery.store.files import Record
from lottery.store.run import Run
from lottery.studies.layout import kept_layout
from lottery.studies.members import Context, train_members
from lottery.studies.plan import EARLY, Key, Level, Member, included, rewound
from lottery.studies.selection import rate
from lottery.studies.setting import Setting

Weights = Literal["rewind", "reinit", "final"]
MaskFrom = Literal["keep", "shuffle", "random", "invert"]


@dataclass(frozen=True)
class Rewind:
    """What to retrain.

    Attributes:
        level: of the parent run whose tickets are retrained.
        to: step of the schedule that retraining starts from.
        weights: of the dense training at that step (rewind), a fresh initialization (reinit), or the ticket's own
            trained weights (final; "prune-restart", Evci et al. 2022).
        mask: the ticket's (keep); the ticket's shuffled within layers (shuffle); drawn anew with the same per-layer
            counts (random, the distribution of shuffle from a stream of its own); or as many weights per layer as the
            ticket keeps, of those that pruning removed first (invert, Frankle et al. 2021).
    """

    level: int
    to: int
    weights: Weights = "rewind"
    mask: MaskFrom = "keep"

    def __post_init__(self) -> None:
        for value, kinds in ((self.weights, Weights), (self.mask, MaskFrom)):
            if value not in get_args(kinds):
                raise LotteryError(f"{value!r} is none of {', '.join(get_args(kinds))}")


def retraining(config: Config) -> Config:
    """The config of a run that retrains masks of a run of `config`: masks that moved while they trained now stay."""
    if config.sparse is None:
        return config
    fixed = config.sparse.model_copy(update={"topology": Topology(name="static"), "latent": None})
    return config.model_copy(update={"sparse": fixed})


@dataclass(frozen=True)
class Start:
    """What a replicate's retraining starts from.

    Attributes:
        mask: that is retrained.
        state: weights and buffers; None where they are the dense network's at a step that the parent run didn't keep.
    """

    mask: Mask
    state: State | None


def rewind(context: Context) -> None:
    """Retrain from what `lay_down` kept in the run directory.

    Where the dense networks weren't kept at the step to rewind to, they are trained up to there first, as the parent
    run trained them: training repeats exactly.
    """
    run, setting = context.run, context.setting
    about = Rewind(**run.record["rewind"])
    levels = plan_rewind(run, setting)
    early = {(level.number, m.replicate, m.arm) for level in levels for m in level.members if m.arm == EARLY}

    def network(level: int, member: Member) -> Network:
        if member.arm == EARLY:
            return setting.dense(setting.initial(member.replicate))
        if source((level, member.replicate, member.arm)) is None:
            return run.read_start(member.replicate, level, member.arm, setting.like)
        state = run.read_early(member.replicate, about.to, setting.like.state)
        return Network(state, run.read_mask(member.replicate, level, member.arm, setting.like.mask))

    def source(key: Key) -> Key | None:
        before = (0, key[1], EARLY)
        return before if key[2] != EARLY and before in early else None

    train_members(context, levels, network, source)


def _asked(run: Run, setting: Setting) -> Rewind:
    """What the run retrains; raises LotteryError where `run.json` says what can't be."""
    about, config = Rewind(**run.record["rewind"]), setting.config
    last = len(config.sparse.densities) if config.sparse else config.pruning.iterations
    if about.level > last or about.to >= setting.length or retraining(config) != config:
        raise LotteryError(
            f"{run.path / 'run.json'}: rewind: level {about.level} from {about.to}it is none of what config.yaml says; "
            "make the run anew with `lottery rewind`"
        )
    return about


def plan_rewind(run: Run, setting: Setting) -> list[Level]:
    """The level that is trained once more, and before it the dense networks that have to be."""
    about = _asked(run, setting)
    replicates = range(setting.config.replicates) if about.weights == "rewind" and about.to else ()
    untrained = [replicate for replicate in replicates if not run.has_start(replicate, about.level, "main")]
    return rewound(setting, about.level, about.to, run.read_mask(0, about.level, "main", setting.like.mask), untrained)


def forecast_rewind(parent: Run, setting: Setting, about: Rewind) -> list[Level]:
    """What `plan_rewind` will say of a run that isn't made yet; nothing is trained.

    Raises:
        LotteryError: see `check_rewind`.
    """
    check_rewind(parent, setting, about)
    untrained = [] if _kept(parent, setting, about) else range(setting.config.replicates)
    mask = parent.read_mask(0, about.level, "main", setting.like.mask)  # any mask that is asked for keeps as many
    return rewound(setting, about.level, about.to, mask, untrained)


def parent_layout(parent: Run, setting: Setting, levels: Sequence[Level]) -> Record:
    """The entries of `run.json` that choose the parent's layout, where dense training is repeated; else none.

    Other chunks or threads could give other bytes than the dense networks had that the tickets come from.
    """
    layout = kept_layout(parent.record, setting)
    repeats = any(member.arm == EARLY for level in levels for member in level.members)
    if not repeats or layout is None:
        return {}
    return {"layout": asdict(layout), "layout_because": "as in the parent run, whose dense training is repeated"}


def lay_down(run: Run, setting: Setting, found: Sequence[Start] | None = None) -> None:
    """Keep in the run directory what it starts from; from then on the parent isn't needed.

    Args:
        run: that retrains.
        setting: of its config.
        found: what `starts` said, if it has been asked; else the parent is, unless all is there.

    Raises:
        LotteryError: the parent isn't there any more, or can't be read.
    """
    about = _asked(run, setting)
    lacking = [n for n in range(setting.config.replicates) if not run.has_mask(n, about.level, "main")]
    if not lacking:
        return
    if found is None:
        try:
            found = starts(Run.open(Path(str(run.record.get("parent")))), setting, about)
        except LotteryError as error:
            raise LotteryError(
                f"{run.path} was stopped before it had taken what it needs from its parent, which can't be read now:\n"
                f"{error}"
            ) from None
    for replicate in lacking:
        run.write_start(replicate, about.level, "main", found[replicate].mask, found[replicate].state)


def check_rewind(parent: Run, setting: Setting, about: Rewind) -> None:
    """Raise LotteryError where the parent run lacks the level, or the step lies outside training."""
    replicates = range(setting.config.replicates)
    if not all(parent.has_member(replicate, about.level, "main") for replicate in replicates):
        there = sorted({line["level"] for line in parent.levels() if line["arm"] == "main"})
        raise LotteryError(f"{parent.path} has no finished level {about.level}; it has {_spelt(there)}")
    for replicate in replicates:
        if parent.read_summary(replicate, about.level, "main").get("diverged") is not None:
            raise LotteryError(
                f"{parent.path}: replicate {replicate} diverged at level {about.level}; take another level"
            )
    if not 0 <= about.to < setting.length:
        raise LotteryError(f"--to {about.to}it is outside training, which ends at {setting.length}it")
    if about.mask == "invert" and setting.config.sparse is not None:
        raise LotteryError(f"--mask invert: nothing was pruned in {parent.path}, sparse from the start; take shuffle")


def starts(parent: Run, setting: Setting, about: Rewind) -> list[Start]:
    """What each replicate's retraining starts from.

    Args:
        parent: run whose tickets are retrained; it is only read.
        setting: of its config.
        about: what to retrain.

    Raises:
        LotteryError: see `check_rewind`; or the parent is damaged.
    """
    check_rewind(parent, setting, about)
    kept = _kept(parent, setting, about)
    return [
        Start(_mask(parent, setting, about, replicate), _state(parent, setting, about, replicate) if kept else None)
        for replicate in range(setting.config.replicates)
    ]


def _kept(parent: Run, setting: Setting, about: Rewind) -> bool:
    """Whether nothing has to be trained to have the weights that retraining starts from."""
    replicates = range(setting.config.replicates)
    return (
        about.weights != "rewind"
        or about.to == 0
        or all(parent.has_early(replicate, about.to) for replicate in replicates)
    )


def _state(parent: Run, setting: Setting, about: Rewind, replicate: int) -> State:
    if about.weights == "reinit":
        return setting.initial(replicate, "rewind", about.level)
    if about.weights == "final":
        return parent.read_weights(replicate, about.level, "main", setting.like.state)
    if about.to == 0 and not parent.has_early(replicate, 0):
        return setting.initial(replicate)
    return parent.read_early(replicate, about.to, setting.like.state)


def _spelt(levels: list[int]) -> str:
    return f"levels {levels[0]} to {levels[-1]}" if len(levels) > 1 else f"level {levels[0]}" if levels else "none"


def _mask(parent: Run, setting: Setting, about: Rewind, replicate: int) -> Mask:
    ticket = parent.read_mask(replicate, about.level, "main", setting.like.mask)
    if about.mask == "keep":
        return ticket
    if about.mask == "invert":
        return _inverted(parent, setting, about.level, replicate, ticket)
    return masks.shuffle(ticket, _stream(setting, about.level, replicate, about.mask))


def _stream(setting: Setting, level: int, replicate: int, mask: MaskFrom) -> torch.Generator:
    return stream(setting.config.seed, "mask", replicate, level, "rewind", mask)


def _inverted(parent: Run, setting: Setting, level: int, replicate: int, ticket: Mask) -> Mask:
    """The same number of weights in each layer, of those that pruning removed first.

    Weights are ordered by the round that removed them, then by their score in it; the ticket is the top of that order,
    also where it was drawn from equal scores, and this is its bottom.
    """
    score, names = setting.config.pruning.score, included(setting)
    initial = parent.read_early(replicate, 0, setting.like.state)
    order = {name: torch.zeros(mask.shape, dtype=torch.float64) for name, mask in ticket.items()}
    for number in [level] * (level > 0) if setting.config.pruning.one_shot else range(1, level + 1):
        source = 0 if setting.config.pruning.one_shot else number - 1
        state = parent.read_weights(replicate, source, "main", setting.like.state)
        alive = parent.read_mask(replicate, source, "main", setting.like.mask)
        generator = stream(setting.config.seed, "prune", replicate, number)
        scores = rate(setting, score, replicate, Network(state, alive), names, generator, initial)
        for name, values in scores.items():
            # Ranks, not the scores themselves, which may be of any sign and size.
            ranks = values.unique(return_inverse=True)[1]
            order[name] = torch.where(alive[name], number * values.numel() + ranks, order[name])
    reverse = {name: -values - 0.5 * ticket[name] for name, values in order.items()}
    densities = {name: int(mask.sum()) / mask.numel() for name, mask in ticket.items()}
    everything = {name: torch.ones_like(mask) for name, mask in ticket.items()}
    return masks.keep_top(reverse, densities, everything, _stream(setting, level, replicate, "invert"))
