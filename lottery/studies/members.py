"""Train the networks of a study, each as soon as what it starts from is there, and write down what comes of it."""

from collections import defaultdict
from collections.abc import Callable, Collection, Sequence
from dataclasses import asdict, dataclass
from typing import Protocol

from lottery import devices
from lottery.crews.jobs import Advanced, Checkpoint, Evaluated, Event, Job, OutOfMemory, Passed, Saved, Stopped, Trained
from lottery.crews.workers import Crew
from lottery.errors import Interrupted, RunFailed
from lottery.networks.cohort import Network
from lottery.networks.collapse import collapsed
from lottery.store.files import Record
from lottery.store.run import Run
from lottery.studies.layout import Layout
from lottery.studies.plan import EARLY, Key, Level, Member, is_done, undone
from lottery.studies.setting import Setting
from lottery.studies.summary import summary


class Watcher(Protocol):
    """Whoever looks on while a study runs."""

    def planned(self, levels: Sequence[Level], done: int, how: str) -> None:
        """The study will train these levels, in this way; so many of their steps (summed over members) are done."""

    def training(self, level: int, members: Sequence[Member], done: int) -> None:
        """These members are trained now; so many of their steps (summed) a checkpoint had already."""

    def advanced(self, level: int, steps: int) -> None:
        """So many more of the level's steps (summed over members) are done."""

    def evaluated(self, records: Sequence[Record]) -> None:
        """The latest evaluation of some members."""

    def trained(self, level: int, members: Sequence[Member]) -> None:
        """They are done."""

    def noted(self, text: str) -> None:
        """Something that whoever looks on should know."""


@dataclass(frozen=True)
class Context:
    """Where a study writes, what it works with, who trains, who looks on, and whether it has been asked to stop."""

    run: Run
    setting: Setting
    crew: Crew
    layout: Layout
    watcher: Watcher
    stop: Callable[[], bool]


def train_members(
    context: Context,
    levels: Sequence[Level],
    network: Callable[[int, Member], Network],
    source: Callable[[Key], Key | None] = lambda _: None,
    snapshots: Collection[int] = (),
) -> None:
    """Train the members of some levels that are not trained yet.

    There is no waiting for a level to be complete: a replicate goes on to the next one while others are still at work.

    Args:
        context: of the study.
        levels: whom to train.
        network: what a member of a level starts from.
        source: the network that has to be trained before another one, if any.
        snapshots: steps at which the dense networks' states are kept, to rewind to.

    Raises:
        Interrupted: asked to stop; checkpoints hold how far it got.
        RunFailed: all networks diverged, a worker died, memory or disk ran out.
    """
    members = _Members(context, levels, network, source, list(snapshots))
    for job, event in context.crew.train(members.next_job, context.stop):
        members.take(job, event)
    if members.waiting or members.stopped:
        raise Interrupted
    if all(lost for (_, _, arm), lost in members.diverged.items() if arm != EARLY):
        raise RunFailed(
            "all networks diverged: their loss is not a finite number.\nLower train.optimizer.lr, or add a warm-up to "
            "train.schedule" + ("." if context.setting.config.train.precision == "float32" else ", or use float32.")
        )


class _Members:
    """The members of a study: who waits to be trained, who is under way, and how the trained ones fared."""

    def __init__(
        self,
        context: Context,
        levels: Sequence[Level],
        network: Callable[[int, Member], Network],
        source: Callable[[Key], Key | None],
        snapshots: list[int],
    ) -> None:
        run = context.run
        self._context, self._layout, self._network, self._source = context, context.layout, network, source
        self._snapshots = snapshots
        self.stopped = False
        self.waiting = undone(run, context.layout, levels)
        self.diverged: dict[Key, bool] = {
            (level.number, member.replicate, member.arm): member.arm != EARLY
            and run.read_summary(member.replicate, level.number, member.arm).get("diverged") is not None
            for level in levels
            for member in level.members
            if is_done(run, level.number, member)
        }
        self._collapsed: dict[Key, list[str]] = {}
        self._checkpoints = list(run.read_checkpoints())
        self._records = defaultdict[Key, list[Record]](list)
        for record in run.metrics() if self._checkpoints else []:
            self._records[record["level"], record["replicate"], record["arm"]].append(record)

    def next_job(self) -> Job | None:
        """The first chunk that waits for nobody; those that wait in vain, for a network that diverged, are left out."""
        for level, members in [*self.waiting]:
            sources = [self._lost((level, member.replicate, member.arm)) for member in members]
            if True in sources:
                self.waiting.remove((level, members))
                there = [member for member, lost in zip(members, sources, strict=True) if not lost]
                if there:
                    self.waiting.insert(0, (level, there))
                    return self.next_job()
            elif None not in sources:
                self.waiting.remove((level, members))
                try:
                    return self._job(level, members)
                except (MemoryError, RuntimeError) as error:
                    if not devices.lacks_memory(error):
                        raise
                    reason = str(error)
                self._make_smaller(level, members, reason)
                return self.next_job()
        return None

    def _lost(self, key: Key) -> bool | None:
        """Whether what a network starts from is lost, for it diverged; None: not known yet."""
        before = self._source(key)
        if before is None:
            return False
        return True if self._lost(before) else self.diverged.get(before)

    def _job(self, level: int, members: list[Member]) -> Job:
        setting, watcher = self._context.setting, self._context.watcher
        about = _about(level, members, self._layout)
        found = [Checkpoint(tensors, at["seconds"]) for tensors, at in self._checkpoints if at | about == at]
        networks = [self._network(level, member) for member in members]
        for member, start in zip(members, networks, strict=True):
            layers = collapsed(setting.template, setting.data.shape, start.mask)
            if layers:
                self._collapsed[level, member.replicate, member.arm] = layers
                watcher.noted(
                    f"level {level}, replicate {member.replicate}, {member.arm}: no path is left through "
                    f"{', '.join(layers)}; what it is trained to means little"
                )
        watcher.training(level, members, len(members) * (found[0].step - members[0].start) if found else 0)
        return Job(
            level=level,
            members=members,
            networks=networks,
            execution=self._layout.execution,
            snapshots=self._snapshots if level == 0 else [],
            evaluated=members[0].arm != EARLY,
            checkpoint=found[0] if found else None,
        )

    def take(self, job: Job, event: Event) -> None:
        """Write down what came of a chunk."""
        run, watcher = self._context.run, self._context.watcher
        match event:
            case Advanced(steps):
                watcher.advanced(job.level, steps * len(job.members))
            case Evaluated(new):
                for record in new:
                    self._records[record["level"], record["replicate"], record["arm"]].append(record)
                run.append_metrics(new)
                watcher.evaluated(new)
            case Passed(step, states):
                for member, state in zip(job.members, states, strict=True):
                    run.write_early(member.replicate, step, state)
            case Saved(checkpoint):
                self._keep(job, checkpoint)
            case Stopped(checkpoint):
                self._keep(job, checkpoint)
                self.stopped = True
            case Trained():
                self._finish(job, event)
            case OutOfMemory(reason):
                self._make_smaller(job.level, job.members, reason)

    def _keep(self, job: Job, checkpoint: Checkpoint) -> None:
        about = _about(job.level, job.members, self._layout)
        about |= {"step": checkpoint.step, "seconds": checkpoint.seconds}
        self._context.run.write_checkpoint(_name(job), checkpoint.tensors, about)

    def _finish(self, job: Job, event: Trained) -> None:
        run, setting = self._context.run, self._context.setting
        for member, network, diverged, details in zip(
            job.members, event.networks, event.diverged, event.details, strict=True
        ):
            key = (job.level, member.replicate, member.arm)
            self.diverged[key] = diverged is not None
            if member.arm != EARLY:
                line = summary(setting, job.level, member, network, self._records.pop(key))
                line["train_seconds"] = round(event.seconds / len(job.members), 3)
                line |= {"diverged": diverged, "collapsed": self._collapsed.pop(key, []), **details}
                run.write_member(member.replicate, job.level, member.arm, network, line)
                run.append_levels([line])
            elif diverged is None:
                run.write_early(member.replicate, member.stop, network.state)
            if diverged is not None:
                self._context.watcher.noted(
                    f"level {job.level}, replicate {member.replicate}, {member.arm}: diverged at step {diverged:,}"
                )
        run.drop_checkpoint(_name(job))
        self._context.watcher.trained(job.level, job.members)

    def _make_smaller(self, level: int, members: list[Member], reason: str) -> None:
        """Go on with chunks of half the size where memory ran out."""
        if len(members) == 1:
            others = " or workers" if self._layout.workers > 1 else ""
            raise RunFailed(
                f"out of memory ({reason.partition(chr(10))[0]}).\nLower train.batch_size{others}, then start anew."
            )
        self._layout = self._layout.halved(len(members))
        self._context.run.update(layout=asdict(self._layout))
        self._context.watcher.noted(f"out of memory with {len(members)} members; going on: {self._layout}")
        for member in members:  # their evaluations will be made again
            self._records.pop((level, member.replicate, member.arm), None)
        self._context.run.forget_lines({(level, member.replicate, member.arm) for member in members})
        self.waiting = [
            (number, part)
            for number, whole in [(level, members), *self.waiting]
            for part in self._layout.chunks(whole, at_least=1)
        ]


def _name(job: Job) -> str:
    """Of a chunk's checkpoint."""
    return f"level-{job.level:02d}-{job.members[0].arm}-{job.members[0].replicate}"


def _about(level: int, members: Sequence[Member], layout: Layout) -> Record:
    """What tells a chunk from others, for its checkpoint."""
    return {
        "level": level,
        "members": [[member.replicate, member.arm] for member in members],
        "execution": layout.execution,
    }


def before_checkpoint(record: Record, about: Record) -> bool:
    """Whether an evaluation is of a network that a checkpoint holds, and was made before it."""
    return (
        record["level"] == about["level"]
        and [record["replicate"], record["arm"]] in about["members"]
        and record["step"] <= about["step"]
    )
