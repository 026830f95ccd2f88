"""Train a dense network: level 0 of every study."""

from lottery import masks
from lottery.cohort import Network
from lottery.studies.level import Context, train_level
from lottery.studies.plan import Member, plan


def train(context: Context) -> None:
    """Train the dense networks, one a replicate, from initialization to the end of the schedule.

    Their states at initialization and at the step that pruning will rewind to are kept.
    """
    run, setting = context.run, context.setting

    def network(member: Member) -> Network:
        state = setting.initial(member.replicate)
        run.write_early(member.replicate, 0, state)
        return Network(state, masks.full(state, list(setting.shapes)))

    snapshots = [setting.rewind_step] if setting.rewind_step else []
    train_level(context, plan(setting, 0)[0], network, snapshots)
