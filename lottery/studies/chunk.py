"""Train one chunk: the members that go through the training loop together, in this process or in a worker.

A chunk is told everything and writes nothing: what comes of it are events, which whoever runs it puts into the run
directory. So it makes no difference where it runs.
"""

import math
import time
from collections.abc import Callable, Iterator, Sequence

from lottery import devices
from lottery.cost.flops import masked_flops
from lottery.cost.training import step_flops
from lottery.crews.jobs import Advanced, Checkpoint, Evaluated, Event, Job, OutOfMemory, Passed, Saved, Stopped, Trained
from lottery.networks.cohort import Cohort, Network
from lottery.store.files import Record
from lottery.studies.setting import Setting
from lottery.training.evaluation import batch_size, evaluate
from lottery.training.evolution import Evolution
from lottery.training.latents import Latents
from lottery.training.learning_rate import factor
from lottery.training.loop import Trainer

_SECONDS_BETWEEN_SIGNS = 0.2


def train_chunk(setting: Setting, job: Job, stop: Callable[[], bool]) -> Iterator[Event]:
    """Train a chunk to its end, or until `stop`, which is asked between two steps; the last event says which."""
    try:
        yield from _train(setting, job, stop)
        return
    except (MemoryError, RuntimeError) as error:
        if not devices.lacks_memory(error):
            raise
        reason = str(error)
    devices.release(setting.device)
    yield OutOfMemory(reason.partition("\n")[0])


def _train(setting: Setting, job: Job, stop: Callable[[], bool]) -> Iterator[Event]:
    start, end = job.members[0].start, job.members[0].stop
    replicates = [member.replicate for member in job.members]
    trainer = make_trainer(setting, job.networks, replicates, start, job.execution, job.level)
    seconds = 0.0
    every = setting.every if job.evaluated else None
    if job.checkpoint is None:
        if every:
            yield Evaluated(_evaluate(setting, job, trainer, seconds))
    else:
        trainer.load(job.checkpoint.tensors)
        seconds = job.checkpoint.seconds
    pace, saved = 1, time.monotonic()
    keep = setting.config.checkpoint
    keep_steps = keep.steps.steps(setting.epoch) if keep.steps else None
    while trainer.step < end:
        pause = _next_pause(trainer.step, end, [every, keep_steps], job.snapshots)
        while trainer.step < pause:
            before, began = trainer.step, time.perf_counter()
            arrived = trainer.advance(min(pause, before + pace), stop)
            devices.wait(setting.device)
            passed = time.perf_counter() - began
            seconds += passed
            pace = max(1, round((trainer.step - before) * _SECONDS_BETWEEN_SIGNS / max(passed, 1e-6)))
            yield Advanced(trainer.step - before)
            if not arrived:
                yield Stopped(Checkpoint(trainer.state(), seconds))
                return
            if trainer.step < pause and time.monotonic() - saved > 60 * keep.minutes:
                yield Saved(Checkpoint(trainer.state(), seconds))
                saved = time.monotonic()
        if pause in job.snapshots:
            yield Passed(pause, [network.state for network in _networks(trainer)])
        if every and (pause == end or pause % every == 0):
            yield Evaluated(_evaluate(setting, job, trainer, seconds))
            if None not in trainer.diverged():
                break
        if keep_steps and pause % keep_steps == 0 and pause < end:
            yield Saved(Checkpoint(trainer.state(), seconds))
            saved = time.monotonic()
    networks, diverged, details = _networks(trainer), trainer.diverged(), _details(setting, job, trainer)
    del trainer  # its memory is wanted for what comes next
    yield Trained(networks, seconds, diverged, details)


def make_trainer(
    setting: Setting, networks: list[Network], replicates: list[int], start: int, execution: str, level: int = 0
) -> Trainer:
    """A trainer of these networks, one of each of `replicates`, at step `start` of the config's schedule."""
    train, course, sparse = setting.config.train, setting.course(level), setting.config.sparse
    latent = sparse.latent if sparse is not None and level else None
    cohort = Cohort(
        setting.template,
        networks,
        execution=execution,
        device=setting.device,
        precision=train.precision,
        compiled=train.compile is True,
        evolving=course is not None or latent is not None,
        channels_last=setting.behaviour.channels_last,
    )
    members = [(replicate, level) for replicate in replicates]
    evolution, latents = None, None
    if course is not None:
        momentum = train.optimizer.options.get("momentum", 0.0)
        evolution = Evolution(cohort, course, members, setting.flops, start, momentum)
    if latent is not None and sparse is not None:
        density, names = setting.sparse_densities(level), setting.included(sparse.exclude)
        latents = Latents(cohort, latent, density, names, members, setting.flops, setting.config.seed)
    return Trainer(
        cohort,
        setting.batches(replicates),
        train.optimizer,
        factor(train.schedule, setting.length, setting.epoch, train.stretch),
        start=start,
        label_smoothing=train.label_smoothing,
        cuda_graph=train.cuda_graph,
        evolution=evolution,
        latents=latents,
        noise=(setting.config.seed, replicates) if setting.behaviour.noisy else None,
    )


def _details(setting: Setting, job: Job, trainer: Trainer) -> list[Record]:
    """The FLOPs that each member's training took, masked weights costing nothing, and how its mask moved."""
    images, evolution = setting.config.train.batch_size, trainer.evolution
    if trainer.latents is not None:
        return [{"train_flops": round(images * spent)} for spent in trainer.latents.spent()]
    if evolution is None:
        steps = trainer.step - job.members[0].start
        flops = [masked_flops(setting.flops, network.mask) for network in job.networks]
        return [{"train_flops": round(images * steps * step_flops(each, 0, dense_gradient=False))} for each in flops]
    return [
        {"train_flops": round(images * spent), "ever_active": evolution.ever_active(member)}
        for member, spent in enumerate(evolution.spent(trainer.step))
    ]


def _networks(trainer: Trainer) -> list[Network]:
    return [trainer.cohort.member(index) for index in range(trainer.cohort.size)]


def _next_pause(step: int, end: int, intervals: Sequence[int | None], snapshots: list[int]) -> int:
    """The next step at which something is to be done: an evaluation, a checkpoint, a snapshot, the end."""
    regular = [(step // every + 1) * every for every in intervals if every]
    return min([*regular, end, *(snapshot for snapshot in snapshots if snapshot > step)])


def _evaluate(setting: Setting, job: Job, trainer: Trainer, seconds: float) -> list[Record]:
    """A record for each member and split; the training split's loss is that of the batches since the last one."""
    size = batch_size(setting.data.shape)
    replicates = [member.replicate for member in job.members]
    moved = trainer.evolution.pop() if trainer.evolution else [{}] * len(job.members)
    splits: dict[str, tuple[list[float], Sequence[int | None], int | None]] = {
        "train": (trainer.pop_loss(), [None] * len(job.members), None)
    }
    if setting.data.validation_index.numel():
        splits["validation"] = evaluate(trainer.cohort, setting.data.validation(replicates, size))
    splits["test"] = evaluate(trainer.cohort, setting.data.test(size))
    return [
        {
            "replicate": member.replicate,
            "arm": member.arm,
            "level": job.level,
            "step": trainer.step,
            "epoch": round(trainer.step / setting.epoch, 4),
            "split": split,
            "loss": loss if math.isfinite(loss) else None,
            "accuracy": None if correct is None or images is None else correct / images,
            "correct": correct,
            "images": images,
            "lr": trainer.learning_rate,
            "seconds": round(seconds, 3),
        }
        | (moves if split == "train" else {})
        for split, (losses, counts, images) in splits.items()
        for member, moves, loss, correct in zip(job.members, moved, losses, counts, strict=True)
        if split != "train" or trainer.step > member.start
    ]
