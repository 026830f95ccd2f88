"""Train the networks of one level, and write down what comes of it."""

import math
import time
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from typing import Any, Protocol

from lottery import masks
from lottery.analysis.flops import masked_flops
from lottery.cohort import Cohort, Network
from lottery.errors import Interrupted, RunFailed
from lottery.files import Record
from lottery.store import Run
from lottery.studies.plan import Level, Member
from lottery.studies.setting import Setting
from lottery.training.evaluation import batch_size, evaluate
from lottery.training.loop import Trainer
from lottery.training.schedule import factor


class Watcher(Protocol):
    """Whoever looks on while a study runs."""

    def planned(self, levels: list[Level], done: int) -> None:
        """The study will train these levels; so many of their steps (summed over members) are done already."""

    def training(self, level: Level, members: list[Member], trainer: Trainer) -> None:
        """These members are trained now; `trainer.step` tells how far they are."""

    def evaluated(self, records: list[Record]) -> None:
        """Their latest evaluation."""

    def trained(self, members: list[Member]) -> None:
        """These members are done."""


@dataclass(frozen=True)
class Context:
    """Where a study writes, what it works with, who looks on, and whether it has been asked to stop."""

    run: Run
    setting: Setting
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
        Interrupted: asked to stop; the checkpoint holds how far it got.
        RunFailed: a network diverged.
    """
    for chunk in level.chunks():
        if not all(context.run.has_member(member.replicate, level.number, member.arm) for member in chunk):
            _train_chunk(context, level, chunk, network, snapshots)


def _train_chunk(
    context: Context,
    level: Level,
    members: list[Member],
    network: Callable[[Member], Network],
    snapshots: Collection[int],
) -> None:
    run, setting = context.run, context.setting
    start, stop = members[0].start, members[0].stop
    replicates = [member.replicate for member in members]
    trainer = make_trainer(setting, [network(member) for member in members], replicates, start)
    cohort = trainer.cohort
    about: Record = {
        "level": level.number,
        "members": [[member.replicate, member.arm] for member in members],
        "execution": cohort.execution,
        "seconds": 0.0,
    }
    records = _load_checkpoint(run, trainer, about)

    def look() -> None:
        new = _evaluate(setting, level, members, trainer, about["seconds"])
        records.extend(new)
        run.append_metrics(new)
        context.watcher.evaluated(new)

    context.watcher.training(level, members, trainer)
    if trainer.step == start and not records:
        look()
    for step in _pauses(trainer.step, stop, setting.every, snapshots):
        began = time.perf_counter()
        arrived = trainer.advance(step, context.stop)
        about["seconds"] += time.perf_counter() - began
        if not arrived:
            run.write_checkpoint(trainer.state(), about)
            raise Interrupted
        if step in snapshots:
            for index, member in enumerate(members):
                run.write_early(member.replicate, step, cohort.member(index).state)
        if step == stop or step % setting.every == 0:
            look()
    for index, member in enumerate(members):
        trained = cohort.member(index)
        summary = _summary(setting, level, member, trained, records, about["seconds"] / len(members))
        run.write_member(member.replicate, level.number, member.arm, trained, summary)
        run.append_levels([summary])
    run.drop_checkpoint()
    context.watcher.trained(members)


def make_trainer(setting: Setting, networks: list[Network], replicates: list[int], start: int) -> Trainer:
    """A trainer of these networks, one of each of `replicates`, at step `start` of the config's schedule."""
    train = setting.config.train
    cohort = Cohort(setting.template, networks, execution=setting.execution(len(networks)), device=setting.device)
    return Trainer(
        cohort,
        setting.batches(replicates),
        train.optimizer,
        factor(train.schedule, setting.length, setting.epoch),
        start=start,
        label_smoothing=train.label_smoothing,
    )


def _load_checkpoint(run: Run, trainer: Trainer, about: Record) -> list[Record]:
    """Take up the checkpoint if it is of these very members; return their evaluations so far."""
    found = run.read_checkpoint()
    if found is None or any(found[1][key] != about[key] for key in ("level", "members", "execution")):
        return []
    trainer.load(found[0])
    about["seconds"] = found[1]["seconds"]
    return [record for record in run.metrics() if before_checkpoint(record, found[1], trainer.step)]


def before_checkpoint(record: Record, about: Record, step: int) -> bool:
    """Whether an evaluation is of a network that a checkpoint holds, and was made before it."""
    return (
        record["level"] == about["level"]
        and [record["replicate"], record["arm"]] in about["members"]
        and record["step"] <= step
    )


def _pauses(step: int, stop: int, every: int, snapshots: Collection[int]) -> Iterator[int]:
    """Steps after `step` at which something is to be done: evaluations, snapshots, the end."""
    while step < stop:
        step = min([(step // every + 1) * every, stop, *(snapshot for snapshot in snapshots if snapshot > step)])
        yield step


def _evaluate(setting: Setting, level: Level, members: list[Member], trainer: Trainer, seconds: float) -> list[Record]:
    """A record for each member and split; the training split's loss is that of the batches since the last one."""
    size = batch_size(setting.data.shape)
    replicates = [member.replicate for member in members]
    splits: dict[str, tuple[list[float], Any]] = {"train": (trainer.pop_loss(), [None] * len(members))}
    if setting.data.validation_index.numel():
        splits["validation"] = evaluate(trainer.cohort, setting.data.validation(replicates, size))
    splits["test"] = evaluate(trainer.cohort, setting.data.test(size))
    return [
        {
            "replicate": member.replicate,
            "arm": member.arm,
            "level": level.number,
            "step": trainer.step,
            "epoch": round(trainer.step / setting.epoch, 4),
            "split": split,
            "loss": loss if math.isfinite(loss) else None,
            "accuracy": accuracy,
            "lr": trainer.learning_rate,
            "seconds": round(seconds, 3),
        }
        for split, values in splits.items()
        for member, loss, accuracy in zip(members, *values, strict=True)
        if split != "train" or trainer.step > member.start
    ]


def _summary(
    setting: Setting, level: Level, member: Member, network: Network, records: list[Record], seconds: float
) -> Record:
    own = [record for record in records if (record["replicate"], record["arm"]) == (member.replicate, member.arm)]
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
