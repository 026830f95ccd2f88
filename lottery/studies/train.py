"""Train a dense network, level 0 of every study, or networks that are sparse from the start."""

from lottery.networks import parameters
from lottery.networks.cohort import Network
from lottery.seeds import stream
from lottery.studies.members import Context, train_members
from lottery.studies.plan import Member, plan
from lottery.studies.selection import prune_to
from lottery.studies.setting import Setting


def train(context: Context) -> None:
    """Train one network a replicate from initialization to the end of the schedule: dense, or at each sparse density.

    The dense states at initialization and at the step that pruning will rewind to are kept.
    """

    def network(level: int, member: Member) -> Network:
        start = dense(context, member.replicate)
        return start if level == 0 else sparse(context.setting, start, level, member.replicate)

    train_members(context, plan(context.setting, "train"), network, snapshots=rewind_steps(context))


def dense(context: Context, replicate: int) -> Network:
    """A replicate's dense network at initialization, which is kept."""
    state = context.setting.initial(replicate)
    context.run.write_early(replicate, 0, state)
    return context.setting.dense(state)


def sparse(setting: Setting, start: Network, level: int, replicate: int) -> Network:
    """What training at a sparse density starts from: a mask chosen by score, weights drawn for that mask.

    The dense network itself, where training starts dense or what is trained are latents.

    Args:
        setting: of the study.
        start: the replicate's dense network at initialization, by which scores choose.
        level: whose density it has; the replicate's levels share the dense draw.
        replicate: whose network it is.
    """
    config = setting.config.sparse
    assert config is not None
    if config.latent is not None or "dense_start" in config.topology.entry.traits:
        return start
    names = setting.included(config.exclude)
    mask = prune_to(
        setting,
        config.score,
        replicate,
        start,
        setting.sparse_densities(level),
        names,
        config.rounds or config.score.entry.rounds,
        ("sparse", replicate, level),
    )
    generator = stream(setting.config.seed, "sparse_init", replicate, level)
    # An initializer knows the inputs of linear and convolution layers; all else stays as its module drew it.
    by_initializer = set(parameters.drawn(setting.template))
    drawn = {
        name: config.initializer.entry(start.state[name], mask[name], generator, **config.initializer.options)
        for name in names
        if name in by_initializer
    }
    return Network(start.state | drawn, mask)


def rewind_steps(context: Context) -> list[int]:
    """The step of the dense training that tickets are rewound to, where that isn't initialization."""
    step = context.setting.rewind_step
    return [step] if step else []
