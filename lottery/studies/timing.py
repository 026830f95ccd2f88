"""How long a study will take is measured: a few steps of networks like its own are trained, in memory alone."""

import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from itertools import cycle, islice
from statistics import mean

import torch

from lottery import devices, plugins
from lottery.crews import jobs
from lottery.crews.crew import crew
from lottery.crews.jobs import Crew, Event, Job, Stop
from lottery.errors import LotteryError
from lottery.networks import masks
from lottery.networks.collapse import collapsed
from lottery.networks.network import Network, State
from lottery.seeds import stream
from lottery.studies.askings import how_often
from lottery.studies.chunk import elsewhere, evaluations, make_trainer
from lottery.studies.forecast import Times
from lottery.studies.layout import Layout
from lottery.studies.plan import Level
from lottery.studies.probing import Prober
from lottery.studies.prune import Prune
from lottery.studies.setting import Setting
from lottery.studies.study import Study, asks_for_optima
from lottery.studies.turns import Piece, completions
from lottery.training.loop import Trainer
from lottery.training.recipe import Member

_SECONDS = 2.0
"""Of steps that are timed, of each kind of chunk."""
_STEPS = 3
"""That are made before, and timed at least: the first ones take longer than all others."""


def timed(study: Study, levels: Sequence[Level], layout: Layout) -> Times:
    """Return how long training these levels will take, by timing some steps; nothing is written.

    Of each kind of chunk, as many as the study would train side by side are begun, on its devices, by as many processes
    and threads; their masks are random ones.

    Raises:
        LotteryError: memory doesn't suffice.
    """
    setting, began = study.setting, time.perf_counter()
    chunks = [members for level in levels for group in level.groups() for members in layout.chunks(group)]
    chunks.sort(key=lambda members: members[0].key.level)
    processes, threads = layout.hands(setting.config.device, setting.device)
    found = devices.places(setting.config.device, setting.device)
    places = list(islice(cycle(found), processes))
    load = partial(elsewhere, time_chunk, setting.config, setting.dataset, setting.model, plugins.loaded())
    with crew(places, threads, partial(time_chunk, setting), load) as team:
        costs = _costs(setting, levels, chunks, layout, team, processes)
    pieces = [
        Piece(_seconds(costs[_kind(setting, members)], setting, members), frozenset(member.key for member in members))
        for members in chunks
    ]
    sources = {member.key: first for members in chunks for member in members if (first := study.source(member.key))}
    ends = dict.fromkeys((level.number for level in levels), 0.0)
    for end, keys in completions([], pieces, processes, sources):
        ends[next(iter(keys)).level] = end  # the last one stays
    taken, before = dict[int, float](), 0.0
    for level, end in sorted(ends.items()):
        taken[level], before = max(0.0, end - before), max(before, end)
    what = "a few steps, an evaluation and each probe" if setting.config.probes else "a few steps and an evaluation"
    how = f"{what} of {len(costs)} kinds of chunks, timed in {time.perf_counter() - began:,.0f} s"
    return Times(taken, how)


def _kind(setting: Setting, members: Sequence[Member]) -> tuple[int, int]:
    """Return what chunks of equal cost have in common; masks of any density cost the same, unless they move."""
    level = members[0].key.level
    return level if setting.config.sparse is not None else min(level, 1), len(members)


def _costs(
    setting: Setting, levels: Sequence[Level], chunks: Sequence[list[Member]], layout: Layout, team: Crew, hands: int
) -> dict[tuple[int, int], jobs.Timed]:
    """Return what chunks of each kind cost, in the mean over as many as are trained side by side."""
    density = {level.number: level.density for level in levels}
    beside = Counter(members[0].key.level for members in chunks)
    costs = {}
    for kind in dict.fromkeys(_kind(setting, members) for members in chunks):
        alike = [members for members in chunks if _kind(setting, members) == kind]
        level = alike[0][0].key.level
        began = time.perf_counter()
        networks = [_network(setting, member, density[level]) for member in alike[0]]
        prepared = time.perf_counter() - began
        optima = _optima(setting, alike[len(alike) // 2], networks[0])  # as many as in the mean over levels
        waiting = [
            Job(members, networks, layout.execution, [], None, optima)
            for members in islice(cycle(alike), max(1, min(hands, beside[level])))
        ]
        events = [event for _, event in team.train(partial(_next, waiting), lambda: False)]
        short = next((event for event in events if isinstance(event, jobs.OutOfMemory)), None)
        if short is not None:
            raise LotteryError(f"memory doesn't suffice for {len(alike[0])} members ({short.reason}); lower workers")
        timed_ones = [event for event in events if isinstance(event, jobs.Timed)]
        costs[kind] = jobs.Timed(
            prepared + mean(one.start for one in timed_ones),
            mean(one.step for one in timed_ones),
            mean(one.evaluation for one in timed_ones),
            mean(one.move for one in timed_ones),
            {probe: mean(one.probes[probe] for one in timed_ones) for probe in timed_ones[0].probes},
        )
    return costs


def _next(waiting: list[Job]) -> Job | None:
    return waiting.pop() if waiting else None


def _network(setting: Setting, member: Member, density: float) -> Network:
    """Return a network such as the member's, with a random mask."""
    key, sparse = member.key, setting.config.sparse
    network = setting.dense(setting.initial(key.replicate))
    starts_dense = sparse is not None and (sparse.latent is not None or "dense_start" in sparse.topology.entry.traits)
    if not key.level or starts_dense:
        return network
    generator = stream(0, "timing", key.replicate)
    scores = {name: torch.rand(setting.shapes[name], generator=generator) for name in setting.pruned}
    wanted = density if sparse is None else setting.sparse_densities(key.level)
    ranked = {name: network.mask[name] for name in setting.pruned}
    mask = network.mask | masks.keep_top(scores, wanted, ranked, generator)
    collapsed(setting.template, setting.data.shape, mask)  # as is asked of every network before it is trained
    return Network(network.state, mask)


def _optima(setting: Setting, members: Sequence[Member], network: Network) -> dict[int, State]:
    """Return as many optima as penalties will compare with, of any numbers."""
    rounds = Prune.rounds_before(setting.config, members[0].key.level)
    if not rounds or setting.config.sparse is not None or not asks_for_optima(members):
        return {}
    one = {name: torch.stack([network.state[name]] * len(rounds)) for name in setting.shapes}
    return dict.fromkeys(range(setting.config.replicates), one)


def _seconds(cost: jobs.Timed, setting: Setting, members: Sequence[Member]) -> float:
    """Return the seconds that a chunk of this cost takes."""
    recipe, course = members[0].recipe, setting.course(members[0].key.level)
    evaluated = {*range(recipe.start // setting.every * setting.every, recipe.stop, setting.every), recipe.stop}
    later = sum(step > recipe.start for step in evaluated)
    moves = sum(course.due(step) for step in range(recipe.start, recipe.stop)) if course else 0
    total: float = cost.start + (1 + later) * cost.evaluation + recipe.steps * cost.step + moves * cost.move
    asked = how_often(setting, members[0]) if cost.probes else {}
    return total + sum(asked[probe] * seconds for probe, seconds in cost.probes.items())


def time_chunk(setting: Setting, job: Job, stop: Stop) -> Iterator[Event]:  # noqa: ARG001
    """Time a chunk: how long it takes to begin with it, a step, a step at which masks move, an evaluation, a probe."""
    try:
        yield _timed(setting, job)
        return
    except (MemoryError, RuntimeError) as error:
        if not devices.lacks_memory(error):
            raise
        reason = str(error)
    devices.release(setting.device)
    yield jobs.OutOfMemory(reason.partition("\n")[0])


def _timed(setting: Setting, job: Job) -> jobs.Timed:
    recipe, course = job.members[0].recipe, setting.course(job.level)
    own: list[Trainer] = []

    def clocked(act: Callable[[], object]) -> float:
        began = time.perf_counter()
        act()
        devices.wait(setting.device)
        return time.perf_counter() - began

    start = clocked(lambda: own.append(make_trainer(setting, job.networks, job.members, job.execution)))
    (trainer,) = own
    evaluations(setting, job.members, trainer, 0.0)
    warm = min(recipe.start + _STEPS, recipe.stop)
    step = clocked(lambda: trainer.advance(warm)) / max(1, warm - recipe.start)
    due = next((one for one in range(warm, recipe.stop) if course.due(one)), None) if course else None
    passed, steps, many = 0.0, 0, _STEPS
    while trainer.step < (due or recipe.stop) and (passed < _SECONDS or steps < _STEPS):
        before, to = trainer.step, min(trainer.step + many, due or recipe.stop)
        passed += clocked(partial(trainer.advance, to))
        steps += to - before
        many *= 2
        step = passed / steps
    evaluation = clocked(lambda: evaluations(setting, job.members, trainer, 0.0))
    probes = _probes(Prober(setting, job), trainer)
    if due is None:
        return jobs.Timed(start, step, evaluation, probes=probes)
    trainer.step = due
    return jobs.Timed(start, step, evaluation, max(0.0, clocked(lambda: trainer.advance(due + 1)) - step), probes)


def _probes(prober: Prober, trainer: Trainer) -> dict[str, float]:
    """Return how long each probe takes; the first time takes longest, so that short ones are asked once more."""
    found = dict[str, float]()
    for _ in range(2):
        prober.at(trainer, last=True)
        lines = prober.pop()
        found = {line["probe"]: 0.0 for line in lines}
        for line in lines:
            found[line["probe"]] += line["seconds"]
        if sum(found.values()) > _SECONDS:
            break
    return found
