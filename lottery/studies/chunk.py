"""Train one chunk: the members that go through the training loop together, in this process or in a worker.

A chunk is told everything and writes nothing: what comes of it are events, which whoever runs it puts into the run
directory. So it makes no difference where it runs.
"""

import math
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from types import MappingProxyType

import torch
from torch import Tensor

from lottery import brought, devices, plugins
from lottery.config.schema import Config
from lottery.crews import jobs
from lottery.crews.jobs import Event, Job, Stop, Trains
from lottery.data import Dataset
from lottery.errors import LotteryError, RunFailed
from lottery.models._own import Given
from lottery.networks.cohort import Arithmetic, Cohort
from lottery.networks.network import Network
from lottery.penalties import Past
from lottery.store.records import Evaluation, Measure, Split
from lottery.studies.prepare import prepare
from lottery.studies.probing import Prober
from lottery.studies.setting import Setting
from lottery.training.batches import Batches
from lottery.training.counts import Moves
from lottery.training.evaluation import batch_size, evaluate
from lottery.training.evolution import Evolution
from lottery.training.latents import Latents, Projection
from lottery.training.loop import Trainer
from lottery.training.objective import Objective
from lottery.training.recipe import Member
from lottery.training.trainable import Trainable

_SECONDS_BETWEEN_SIGNS = 0.2


def elsewhere(
    train: Callable[[Setting, Job, Stop], Iterator[Event]],
    config: Config,
    dataset: Dataset | None,
    model: Given | None,
    brought: Sequence[Path],
    place: torch.device,
) -> Trains:
    """Return how chunks are trained by a process that has yet to load a study's data, on a device of its own.

    `brought` are the files of the plugins that its config may name.
    """
    plugins.load(brought)
    return partial(train, prepare(config.model_copy(update={"device": str(place)}), dataset, model))


def train_chunk(setting: Setting, job: Job, stop: Stop) -> Iterator[Event]:
    """Train a chunk to its end, or until `stop`, which is asked between two steps; the last event says which."""
    try:
        yield from _train(setting, job, stop)
        return
    except (Exception, SystemExit) as error:
        if not devices.lacks_memory(error):
            if isinstance(error, LotteryError | RunFailed) or (said := brought.blamed(error)) is None:
                raise
            # Here, as tracebacks don't travel between processes.
            raise RunFailed(f"{said}\n{brought.REMEDY}") from error
        reason = str(error)
    devices.release(setting.device)
    yield jobs.OutOfMemory(reason.partition("\n")[0])


def _train(setting: Setting, job: Job, stop: Stop) -> Iterator[Event]:
    end, every, seconds = job.members[0].recipe.stop, setting.every, 0.0
    trainer = make_trainer(setting, job.networks, job.members, job.execution, job.optima)
    prober = Prober(setting, job)
    prober.follow(trainer)
    if job.checkpoint is None:
        yield jobs.Evaluated(evaluations(setting, job.members, trainer, seconds))
        prober.at(trainer)
        yield from _probed(prober)
    else:
        trainer.load(job.checkpoint.tensors)
        seconds = job.checkpoint.seconds
    pace, saved = 1, time.monotonic()
    keep = setting.config.checkpoint
    keep_steps = keep.steps.steps(setting.epoch) if keep.steps else None
    while trainer.step < end:
        pause = _next_pause(trainer.step, end, [every, keep_steps, *prober.intervals], job.kept_steps)
        while trainer.step < pause:
            before, probing, began = trainer.step, prober.seconds, time.perf_counter()
            arrived = trainer.advance(min(pause, before + pace), stop)
            devices.wait(setting.device)
            passed = time.perf_counter() - began - (prober.seconds - probing)
            seconds += passed
            pace = max(1, round((trainer.step - before) * _SECONDS_BETWEEN_SIGNS / max(passed, 1e-6)))
            yield jobs.Advanced(trainer.step - before)
            yield from _probed(prober)
            if not arrived:
                yield jobs.Stopped(jobs.Checkpoint(trainer.state(), seconds))
                return
            if trainer.step < pause and time.monotonic() - saved > 60 * keep.minutes:
                yield jobs.Saved(jobs.Checkpoint(trainer.state(), seconds))
                saved = time.monotonic()
        if pause in job.kept_steps:
            yield jobs.Passed(pause, [network.state for network in _networks(trainer)])
        over = pause == end
        if over or pause % every == 0:
            yield jobs.Evaluated(evaluations(setting, job.members, trainer, seconds))
            over = over or None not in trainer.diverged()
        prober.at(trainer, last=over)
        yield from _probed(prober)
        if over:
            break
        if keep_steps and pause % keep_steps == 0:
            yield jobs.Saved(jobs.Checkpoint(trainer.state(), seconds))
            saved = time.monotonic()
    networks, diverged, costs = _networks(trainer), trainer.diverged(), trainer.trained.costs(trainer.step)
    del trainer  # its memory is wanted for what comes next
    yield jobs.Trained(networks, seconds, diverged, costs)


def _probed(prober: Prober) -> Iterator[Event]:
    """Yield what probes found, if they did."""
    if lines := prober.pop():
        yield jobs.Probed(lines)


def make_trainer(
    setting: Setting,
    networks: list[Network],
    members: Sequence[Member],
    execution: str,
    optima: Mapping[int, Mapping[str, Tensor]] = MappingProxyType({}),
) -> Trainer:
    """Return a trainer of these networks, one for each of `members`, which have one recipe and level; see `Job`."""
    recipe, ways = members[0].recipe, [(member.key.replicate, member.key.order) for member in members]
    return Trainer(
        _trainable(setting, networks, members, execution),
        Batches(setting.data, ways, recipe.batch_size, setting.config.seed),
        _objective(setting, networks, members, optima),
        noisy=setting.behaviour.noisy,
        cuda_graph=setting.config.train.cuda_graph,
    )


def _objective(
    setting: Setting, networks: Sequence[Network], members: Sequence[Member], optima: Mapping[int, Mapping[str, Tensor]]
) -> Objective:
    """Return what training minimises; penalties that ask for optima are left out where there are none."""
    recipe, device = members[0].recipe, setting.device
    penalties = [one for one in recipe.penalties if optima or "optima" not in one.traits]
    if not penalties:
        return Objective(setting.task, recipe.label_smoothing)
    known = {of: {name: tensor.to(device) for name, tensor in each.items()} for of, each in optima.items()}
    past = [
        Past(
            {name: (network.state[name] * mask).to(device) for name, mask in network.mask.items()},
            known.get(member.key.replicate, {}),
        )
        for member, network in zip(members, networks, strict=True)
    ]
    return Objective(setting.task, recipe.label_smoothing, penalties, past)


def _trainable(setting: Setting, networks: list[Network], members: Sequence[Member], execution: str) -> Trainable:
    """Return the networks as they are trained at their level: themselves, with moving masks, or through latents."""
    level, train, sparse, flops = members[0].key.level, setting.config.train, setting.config.sparse, setting.flops
    course = setting.course(level)
    latent = sparse.latent if sparse is not None and level else None
    cohort = Cohort(
        setting.template,
        networks,
        execution=execution,
        device=setting.device,
        evolving=course is not None or latent is not None,
        arithmetic=Arithmetic(train.precision, train.compile is True, setting.behaviour.channels_last),
    )
    if latent is not None:
        projection = Projection(latent, setting.sparse_densities(level), setting.pruned, setting.config.seed)
        return Latents(cohort, members, flops, projection)
    return Trainable(cohort, members, flops) if course is None else Evolution(cohort, members, flops, course)


def _networks(trainer: Trainer) -> list[Network]:
    return [trainer.cohort.member(index) for index in range(trainer.cohort.size)]


def _next_pause(step: int, end: int, intervals: Sequence[int | None], kept: Sequence[int]) -> int:
    """Return the next step at which something is to be done: an evaluation, a checkpoint, a state kept, the end."""
    regular = [(step // every + 1) * every for every in intervals if every]
    return min([*regular, end, *(one for one in kept if one > step)])


def evaluations(setting: Setting, members: Sequence[Member], trainer: Trainer, seconds: float) -> list[Evaluation]:
    """Return a line for each member and split; the training split's loss is that of the batches since the last one."""
    data, found = setting.data, list[Evaluation]()

    def line(member: Member, split: Split, loss: float, measures: dict[str, Measure], moves: Moves) -> Evaluation:
        key = member.key
        return {
            "replicate": key.replicate,
            "level": key.level,
            "arm": key.arm,
            "order": key.order,
            "step": trainer.step,
            "epoch": round(trainer.step / setting.epoch, 4),
            "split": split,
            "loss": loss if math.isfinite(loss) else None,
            "metrics": measures,
            "lr": trainer.learning_rate,
            "seconds": round(seconds, 3),
            **moves,
        }

    moved, mean_losses = trainer.trained.pop(), trainer.pop_loss()
    if trainer.step > members[0].recipe.start:
        for member, loss, moves in zip(members, mean_losses, moved, strict=True):
            found.append(line(member, "train", loss, {}, moves))
    size, name = batch_size(data.shape), setting.task.metrics[0].name
    splits: dict[Split, Callable[[], tuple[list[float], list[int], int]]] = {}
    if data.validation_index.numel():
        replicates = [member.key.replicate for member in members]
        own = data.validation(replicates, size)
        splits["validation"] = partial(evaluate, trainer.cohort, setting.task, own, shared=False)
    splits["test"] = partial(evaluate, trainer.cohort, setting.task, data.test(size), shared=True)
    for split, measured in splits.items():
        losses, rights, answers = measured()
        for member, loss, right in zip(members, losses, rights, strict=True):
            share: Measure = {"value": right / answers, "right": right, "of": answers}
            found.append(line(member, split, loss, {name: share}, {}))
    return found
