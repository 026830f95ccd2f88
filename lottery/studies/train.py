"""Train a dense network: level 0 of every study."""

from lottery import masks
from lottery.cohort import Network
from lottery.studies.members import Context, train_members
from lottery.studies.plan import plan


def train(context: Context) -> None:
    """Train the dense networks, one a replicate, from initialization to the end of the schedule.

    Their states at initialization and at the step that pruning will rewind to are kept.
    """
    train_members(
        context,
        plan(context.setting, 0),
        lambda _, member: dense(context, member.replicate),
        snapshots=rewind_steps(context),
    )


def dense(context: Context, replicate: int) -> Network:
    """A replicate's dense network at initialization, which is kept."""
    state = context.setting.initial(replicate)
    context.run.write_early(replicate, 0, state)
    return Network(state, masks.full(state, list(context.setting.shapes)))


def rewind_steps(context: Context) -> list[int]:
    """The step of the dense training that tickets are rewound to, where that isn't initialization."""
    step = context.setting.rewind_step
    return [step] if step else []
