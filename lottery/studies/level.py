"""Train the networks of one level, and write down what comes of it."""

from collections.abc import Callable, Collection
from dataclasses import dataclass
from itertools import pairwise
from typing import Protocol

from lottery import masks
from lottery.analysis.flops import masked_flops
from lottery.cohort import Network
from lottery.errors import Interrupted, RunFailed
from lottery.files import Record
from lottery.store import Run
from lottery.studies.chunk import Advanced, Checkpoint, Evaluated, Job, Passed, Stopped, Trained
from lottery.studies.plan import Level, Member
from lottery.studies.setting import Setting
from lottery.studies.workers import Crew


class Watcher(Protocol):
    """Whoever looks on while a study runs."""

    def planned(self, levels: list[Level], done: int) -> None:
        """The study will train these levels; so many of their steps (summed over members) are done already."""

    def training(self, level: Level, members: list[Member], done: int, how: str) -> None:
        """These members are trained now; so many of their steps (summed) a checkpoint had already."""

    def advanced(self, steps: int) -> None:
        """So many more of their steps (summed) are done."""

    def evaluated(self, records: list[Record]) -> None:
        """The latest evaluation of some of them."""

    def trained(self, members: list[Member]) -> None:
        """They are all done."""


@dataclass(frozen=True)
class Context:
    """Where a study writes, what it works with, who trains, who looks on, and whether it has been asked to stop."""

    run: Run
    setting: Setting
    crew: Crew
    workers: int
    watcher: Watcher
    stop: Callable[[], bool]


def train_level(
    context: Context, level: Level, network: Callable[[Member], Network], snapshots: Collection[int] = ()
) -> None:
    """Train the members of a level that are not trained yet.

    Args:
        context: of the study.
        level: whom to train.
        network: what a member starts from.
        snapshots: steps at which the members' states are kept, to rewind to.

    Raises:
        Interrupted: asked to stop; checkpoints hold how far it got.
        RunFailed: a network diverged, or a worker died.
    """
    run = context.run
    for group in level.groups():
        jobs = []
        for members in split(group, context.workers):
            if all(run.has_member(member.replicate, level.number, member.arm) for member in members):
                continue
            execution = context.setting.execution(len(members))
            checkpoint = _resumable(run, _about(level.number, members, execution))
            networks = [network(member) for member in members]
            jobs.append(Job(level.number, members, networks, execution, list(snapshots), checkpoint))
        if jobs:
            _train_group(context, level, jobs)


def _train_group(context: Context, level: Level, jobs: list[Job]) -> None:
    run, watcher = context.run, context.watcher
    members = [member for job in jobs for member in job.members]
    done = sum((job.checkpoint.step - job.members[0].start) * len(job.members) for job in jobs if job.checkpoint)
    how = jobs[0].execution + (f" in {context.workers} processes" if context.workers > 1 else "")
    watcher.training(level, members, done, how)
    records = run.metrics() if any(job.checkpoint for job in jobs) else []
    stopped = False
    for job, event in context.crew.train(jobs, context.stop):
        match event:
            case Advanced(steps):
                watcher.advanced(steps * len(job.members))
            case Evaluated(new):
                records.extend(new)
                run.append_metrics(new)
                watcher.evaluated(new)
            case Passed(step, states):
                for member, state in zip(job.members, states, strict=True):
                    run.write_early(member.replicate, step, state)
            case Trained(networks, seconds):
                for member, network in zip(job.members, networks, strict=True):
                    share = seconds / len(job.members)
                    summary = _summary(context.setting, level, member, network, records, share)
                    run.write_member(member.replicate, level.number, member.arm, network, summary)
                    run.append_levels([summary])
            case Stopped(checkpoint):
                about = _about(level.number, job.members, job.execution)
                run.write_checkpoint(
                    f"{job.members[0].arm}-{job.members[0].replicate}",
                    checkpoint.tensors,
                    about | {"step": checkpoint.step, "seconds": checkpoint.seconds},
                )
                stopped = True
    if stopped or not all(run.has_member(member.replicate, level.number, member.arm) for member in members):
        raise Interrupted
    run.drop_checkpoints()
    watcher.trained(members)


def split(members: list[Member], workers: int) -> list[list[Member]]:
    """Members in as many chunks as there are workers, of sizes that differ by at most one; none is empty."""
    count = min(workers, len(members))
    bounds = [len(members) * part // count for part in range(count + 1)]
    return [members[low:high] for low, high in pairwise(bounds)]


def _about(level: int, members: list[Member], execution: str) -> Record:
    """What tells a chunk from others, for its checkpoint."""
    return {
        "level": level,
        "members": [[member.replicate, member.arm] for member in members],
        "execution": execution,
    }


def _resumable(run: Run, about: Record) -> Checkpoint | None:
    """The checkpoint of this very chunk, if there is one."""
    for tensors, found in run.read_checkpoints():
        if found | about == found:
            return Checkpoint(tensors, found["seconds"])
    return None


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
    key = (level.number, member.replicate, member.arm)
    own = [record for record in records if (record["level"], record["replicate"], record["arm"]) == key]
    by_split = {
        split: {record["step"]: record for record in own if record["split"] == split}
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
