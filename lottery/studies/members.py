"""Train the networks of a study, each as soon as what it starts from is there, and write down what comes of it."""

from collections import defaultdict
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Protocol

from lottery import masks
from lottery.analysis.flops import masked_flops
from lottery.cohort import Network
from lottery.errors import Interrupted, RunFailed
from lottery.files import Record
from lottery.store import Run
from lottery.studies.chunk import Advanced, Checkpoint, Evaluated, Job, Passed, Stopped, Trained
from lottery.studies.layout import Layout
from lottery.studies.plan import Level, Member
from lottery.studies.setting import Setting
from lottery.studies.workers import Crew


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
    source: Callable[[int], int | None] = lambda _: None,
    snapshots: Collection[int] = (),
) -> None:
    """Train the members of some levels that are not trained yet.

    There is no waiting for a level to be complete: a replicate goes on to the next one while others are still at work.

    Args:
        context: of the study.
        levels: whom to train.
        network: what a member of a level starts from.
        source: the level whose ticket of the same replicate has to be trained before, if any.
        snapshots: steps at which the dense networks' states are kept, to rewind to.

    Raises:
        Interrupted: asked to stop; checkpoints hold how far it got.
        RunFailed: a network diverged, or a worker died.
    """
    run, setting, watcher = context.run, context.setting, context.watcher
    by_number = {level.number: level for level in levels}
    waiting = undone(run, context.layout, levels)
    checkpoints = list(run.read_checkpoints())
    records = defaultdict[tuple[int, int, str], list[Record]](list)
    for record in run.metrics() if checkpoints else []:
        records[record["level"], record["replicate"], record["arm"]].append(record)

    def next_job() -> Job | None:
        for position, (level, members) in enumerate(waiting):
            before = source(level)
            if before is None or all(run.has_member(member.replicate, before, "main") for member in members):
                del waiting[position]
                about = _about(level, members, context.layout)
                found = [Checkpoint(tensors, at["seconds"]) for tensors, at in checkpoints if at | about == at]
                job = Job(
                    level=level,
                    members=members,
                    networks=[network(level, member) for member in members],
                    execution=context.layout.execution,
                    snapshots=list(snapshots) if level == 0 else [],
                    checkpoint=found[0] if found else None,
                )
                watcher.training(level, members, len(members) * (found[0].step - members[0].start) if found else 0)
                return job
        return None

    stopped = False
    for job, event in context.crew.train(next_job, context.stop):
        name = f"level-{job.level:02d}-{job.members[0].arm}-{job.members[0].replicate}"
        match event:
            case Advanced(steps):
                watcher.advanced(job.level, steps * len(job.members))
            case Evaluated(new):
                for record in new:
                    records[record["level"], record["replicate"], record["arm"]].append(record)
                run.append_metrics(new)
                watcher.evaluated(new)
            case Passed(step, states):
                for member, state in zip(job.members, states, strict=True):
                    run.write_early(member.replicate, step, state)
            case Trained(networks, seconds):
                for member, trained in zip(job.members, networks, strict=True):
                    own = records.pop((job.level, member.replicate, member.arm))
                    share = seconds / len(job.members)
                    summary = _summary(setting, by_number[job.level], member, trained, own, share)
                    run.write_member(member.replicate, job.level, member.arm, trained, summary)
                    run.append_levels([summary])
                run.drop_checkpoint(name)
                watcher.trained(job.level, job.members)
            case Stopped(checkpoint):
                about = _about(job.level, job.members, context.layout)
                about |= {"step": checkpoint.step, "seconds": checkpoint.seconds}
                run.write_checkpoint(name, checkpoint.tensors, about)
                stopped = True
    if stopped or waiting:
        raise Interrupted


def undone(run: Run, layout: Layout, levels: Sequence[Level]) -> list[tuple[int, list[Member]]]:
    """Level and members of the chunks to be trained; tickets before their controls: the next level waits for them.

    A chunk is trained as a whole: where a crash left it half written, the half is forgotten.
    """
    chunks = []
    for level in levels:
        for group in level.groups():
            for members in layout.chunks(group):
                done = [run.has_member(member.replicate, level.number, member.arm) for member in members]
                if not all(done):
                    chunks.append((level.number, members))
                    for member in members:
                        run.forget_member(member.replicate, level.number, member.arm)
    return sorted(chunks, key=lambda chunk: (chunk[0], all(member.arm != "main" for member in chunk[1])))


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


def _summary(
    setting: Setting, level: Level, member: Member, network: Network, records: list[Record], seconds: float
) -> Record:
    by_split = {
        split: {record["step"]: record for record in records if record["split"] == split}
        for split in ("validation", "test")
    }
    validation, test = by_split["validation"], by_split["test"]
    last = test[member.stop]
    if last["loss"] is None:
        raise RunFailed(
            f"replicate {member.replicate}, {member.arm}, level {level.number} diverged: its loss is not a finite "
            "number.\nLower train.optimizer.lr, or add a warm-up to train.schedule."
        )
    # Read retroactively, never halting training: the first minimum of the validation loss (Frankle & Carbin 2019).
    early = min(
        (step for step in validation if validation[step]["loss"] is not None),
        key=lambda step: (validation[step]["loss"], step),
        default=None,
    )
    return {
        "replicate": member.replicate,
        "arm": member.arm,
        "level": level.number,
        "density": masks.count(network.mask) / masks.total(network.mask),
        "nonzero": masks.count(network.mask),
        "total": masks.total(network.mask),
        "flops": masked_flops(setting.flops, network.mask),
        "start_step": member.start,
        "stop_step": member.stop,
        "test_accuracy": last["accuracy"],
        "test_loss": last["loss"],
        "validation_accuracy": validation[member.stop]["accuracy"] if validation else None,
        "validation_loss": validation[member.stop]["loss"] if validation else None,
        "early_stop_step": early,
        "early_stop_test_accuracy": test[early]["accuracy"] if early is not None else None,
        "train_seconds": round(seconds, 3),
    }
