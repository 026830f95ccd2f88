"""Prune, rewind, retrain, round after round, beside controls."""

from functools import lru_cache

from pydantic import ValidationError

from lottery.config import complaints
from lottery.config.schema import Config, Pruning
from lottery.errors import LotteryError
from lottery.networks import masks
from lottery.networks.cohort import Network, State
from lottery.networks.masks import Mask
from lottery.seeds import stream
from lottery.store.run import Run
from lottery.studies.members import Context, train_members
from lottery.studies.plan import Key, Member, included, layer_densities, plan
from lottery.studies.selection import rate
from lottery.studies.train import dense, rewind_steps


def prune(context: Context) -> None:
    """Iterative pruning with rewinding (Frankle & Carbin 2019; Frankle et al. 2020; Renda et al. 2020).

    Train a dense network. Then, in each round: prune what the round before (one-shot: the dense network) was trained
    to; put the weights back to where `pruning.rewind` says; train again. Controls are trained beside each ticket.
    """
    setting, pruning = context.setting, context.setting.config.pruning

    def source(level: int) -> int | None:
        return None if level == 0 else 0 if pruning.one_shot else level - 1

    @lru_cache(maxsize=8)  # asked for once by the ticket, and once by each of its controls
    def ticket(level: int, replicate: int) -> Network:
        before = source(level)
        assert before is not None
        return Network(_rewound(context, before, replicate), pruned(context, before, level, replicate))

    def network(level: int, member: Member) -> Network:
        if level == 0:
            return dense(context, member.replicate)
        return arm(context, member.arm, ticket(level, member.replicate), level, member.replicate)

    def ticket_before(key: Key) -> Key | None:
        before = source(key[0])
        return None if before is None else (before, key[1], "main")

    train_members(context, plan(setting, "prune"), network, ticket_before, rewind_steps(context))


def extended(run: Run, iterations: int) -> Config:
    """The config of a finished run with further rounds of pruning; of a trained run, with that many.

    Raises:
        LotteryError: the run isn't finished, or isn't one that prunes.
    """
    if run.record["study"] == "rewind":
        raise LotteryError(f"{run.path} retrains one level of another run; extend that one instead")
    config = run.config
    if config.sparse is not None:
        raise LotteryError(f"{run.path} is of networks that are sparse from the start; prune a run of dense ones")
    before = config.pruning.iterations if run.record["study"] == "prune" else 0
    if run.record["status"] != "finished" or {line["level"] for line in run.levels()} != set(range(before + 1)):
        raise LotteryError(f"{run.path} isn't finished; finish it first: lottery resume {run.path}")
    try:
        pruning = Pruning.model_validate(config.pruning.model_dump() | {"iterations": before + iterations})
    except ValidationError as error:
        raise LotteryError(f"--iterations {iterations}: {complaints.first(error)[1]}, in all") from None
    return config.model_copy(update={"pruning": pruning})


def pruned(context: Context, source: int, level: int, replicate: int) -> Mask:
    """The ticket's mask at `level`: the best of the weights that level `source` still has, by the pruning score."""
    setting, pruning = context.setting, context.setting.config.pruning
    state = context.run.read_weights(replicate, source, "main", setting.like.state)
    mask = context.run.read_mask(replicate, source, "main", setting.like.mask)
    names = included(setting)
    generator = stream(setting.config.seed, "prune", replicate, level)
    initial = context.run.read_early(replicate, 0, setting.like.state)
    scores = rate(setting, pruning.score, replicate, Network(state, mask), names, generator, initial)
    kept = masks.keep_top(scores, layer_densities(setting, level), {name: mask[name] for name in names}, generator)
    return mask | kept


def arm(context: Context, name: str, ticket: Network, level: int, replicate: int) -> Network:
    """The network of an arm: the ticket, or a control that lacks its weights, its mask, or both.

                    the ticket's weights    a fresh initialization
    its mask        main                    reinit
    shuffled mask   shuffle                 random
    """
    setting = context.setting
    shuffled = name in ("shuffle", "random")
    fresh = name in ("reinit", "random")
    generator = stream(setting.config.seed, "mask", replicate, level, name)
    return Network(
        setting.initial(replicate, name, level) if fresh else ticket.state,
        masks.shuffle(ticket.mask, generator) if shuffled else ticket.mask,
    )


def _rewound(context: Context, source: int, replicate: int) -> State:
    """The weights that retraining starts from."""
    step, like = context.setting.rewind_step, context.setting.like.state
    if step is None:
        return context.run.read_weights(replicate, source, "main", like)
    return context.run.read_early(replicate, step, like)
