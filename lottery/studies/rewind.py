"""Retrain a mask of a finished run from other weights: the controls that tell what makes a ticket."""

import sys
from dataclasses import dataclass
from typing import Literal, get_args

import torch

from lottery import masks
from lottery.cohort import Network, State
from lottery.config import Config, Topology
from lottery.errors import LotteryError
from lottery.masks import Mask
from lottery.seeds import stream
from lottery.store import Run
from lottery.studies.events import Job, Trained
from lottery.studies.layout import Layout
from lottery.studies.members import Context, train_members
from lottery.studies.plan import Level, Member, rewound_level
from lottery.studies.scoring import rate
from lottery.studies.setting import Setting
from lottery.studies.workers import crew

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


def rewind(context: Context) -> None:
    """Retrain from the networks that `lay_down` kept in the run directory."""

    def network(level: int, member: Member) -> Network:
        return context.run.read_start(member.replicate, level, member.arm, context.setting.like)

    train_members(context, [plan_rewind(context.run, context.setting)], network)


def plan_rewind(run: Run, setting: Setting) -> Level:
    """The one level that is trained."""
    about = Rewind(**run.record["rewind"])
    return rewound_level(setting, about.level, about.to, run.read_mask(0, about.level, "main", setting.like.mask))


def starts(parent: Run, setting: Setting, about: Rewind) -> list[Network]:
    """What each replicate's retraining starts from.

    Args:
        parent: run whose tickets are retrained.
        setting: of the parent's config.
        about: what to retrain.

    Raises:
        LotteryError: the parent run lacks the level, or the step lies outside training.
    """
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
    if about.weights == "reinit":
        states = [setting.initial(replicate, "rewind", about.level) for replicate in replicates]
    elif about.weights == "final":
        states = [parent.read_weights(replicate, about.level, "main", setting.like.state) for replicate in replicates]
    else:
        states = _dense(parent, setting, about.to)
    return [Network(states[replicate], _mask(parent, setting, about, replicate)) for replicate in replicates]


def _spelt(levels: list[int]) -> str:
    return f"levels {levels[0]} to {levels[-1]}" if len(levels) > 1 else f"level {levels[0]}" if levels else "none"


def _dense(parent: Run, setting: Setting, step: int) -> list[State]:
    """The dense networks at `step`: as kept, or trained once more up to there, since training repeats exactly."""
    replicates = range(setting.config.replicates)
    if all(parent.has_early(replicate, step) for replicate in replicates):
        return [parent.read_early(replicate, step, setting.like.state) for replicate in replicates]
    print(f"the dense networks at {step}it were not kept: training them up to there once more", file=sys.stderr)
    names = list(setting.shapes)
    states: dict[int, State] = {}
    layout = Layout(**parent.record["layout"])  # the same chunks and threads as then, for the same bytes
    waiting = layout.chunks([Member(replicate, "main", 0, step) for replicate in replicates])

    def next_job() -> Job | None:
        if not waiting:
            return None
        members = waiting.pop(0)
        initial = [setting.initial(member.replicate) for member in members]
        return Job(0, members, [Network(state, masks.full(state, names)) for state in initial], layout.execution, [])

    with crew(setting, layout) as team:
        for job, event in team.train(next_job, lambda: False):
            if isinstance(event, Trained):
                for member, network in zip(job.members, event.networks, strict=True):
                    states[member.replicate] = network.state
    return [states[replicate] for replicate in replicates]


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

    Weights are ordered by the level whose training was the last they took part in, then by their score there; the
    ticket is the top of that order, also where it was drawn from equal scores, and this is its bottom.
    """
    score = setting.config.pruning.score
    order = {name: torch.zeros(mask.shape, dtype=torch.float64) for name, mask in ticket.items()}
    for earlier in range(level):
        state = parent.read_weights(replicate, earlier, "main", setting.like.state)
        alive = parent.read_mask(replicate, earlier, "main", setting.like.mask)
        generator = stream(setting.config.seed, "prune", replicate, earlier + 1)
        initial = parent.read_early(replicate, 0, setting.like.state)
        scores = rate(setting, score, replicate, Network(state, alive), list(ticket), generator, initial)
        for name, values in scores.items():
            ranks = values.double() / values.abs().max().clamp_min(torch.finfo(values.dtype).tiny)
            order[name] = torch.where(alive[name], 2 * earlier + ranks, order[name])
    reverse = {name: -values - 2.0 * ticket[name] for name, values in order.items()}
    densities = {name: int(mask.sum()) / mask.numel() for name, mask in ticket.items()}
    everything = {name: torch.ones_like(mask) for name, mask in ticket.items()}
    return masks.keep_top(reverse, densities, everything, _stream(setting, level, replicate, "invert"))
