"""Train the networks of a study, each as soon as what it starts from is there, and write down what comes of it."""

from collections import defaultdict
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import asdict

from lottery import devices
from lottery.arms import EARLY
from lottery.crews import jobs
from lottery.crews.jobs import Crew, Event, Job
from lottery.errors import Interrupted, RunFailed
from lottery.networks.collapse import collapsed
from lottery.networks.key import Key
from lottery.store.checkpoints import Checkpoints
from lottery.store.records import ChunkRecord, Evaluation
from lottery.store.run import Run
from lottery.studies.askings import askings
from lottery.studies.layout import Layout
from lottery.studies.study import Study
from lottery.studies.summary import summary
from lottery.studies.watcher import Watcher
from lottery.training.recipe import Member


def train_members(members: "Members", crew: Crew, stop: Callable[[], bool]) -> None:
    """Train the chunks of a study that are left.

    There is no waiting for a level to be complete: a replicate goes on to the next one while others are still at work.

    Raises:
        Interrupted: asked to stop; checkpoints hold how far it got.
        RunFailed: all networks diverged, a worker died, memory or disk ran out.
    """
    for job, event in crew.train(members.next_job, stop):
        members.take(job, event)
    if members.waiting or members.stopped:
        raise Interrupted
    if all(lost for key, lost in members.diverged.items() if key.arm != EARLY):
        train = members.study.setting.config.train
        raise RunFailed(
            "all networks diverged: their loss is not a finite number.\nLower train.optimizer.lr, or add a warm-up to "
            "train.schedule" + ("." if train.precision == "float32" else ", or use float32.")
        )


class Members:
    """The members of a study: who waits to be trained, who is under way, and how the trained ones fared."""

    def __init__(
        self, run: Run, study: Study, layout: Layout, watcher: Watcher, chunks: Sequence[list[Member]]
    ) -> None:
        self._run, self.study, self._layout, self._watcher = run, study, layout, watcher
        self.stopped = False
        self.waiting = list(chunks)
        left = {member.key for chunk in chunks for member in chunk}
        self.diverged: dict[Key, bool] = {
            member.key: run.read_summary(member.key)["diverged"] is not None
            for level in study.levels
            for member in level.members
            if member.key not in left
        }
        self._collapsed: dict[Key, list[str]] = {}
        self._store = Checkpoints(run)
        self._checkpoints = list(self._store.read())
        self._lines = defaultdict[Key, list[Evaluation]](list)
        for line in run.metrics() if self._checkpoints else []:
            self._lines[Key.of(line)].append(line)
        self._probed = {
            (Key.of(line), line["probe"], line["step"], line["when"])
            for line in (run.probes() if self._checkpoints else [])
        }

    def next_job(self) -> Job | None:
        """Return the first chunk that waits for nobody; those that wait for one that diverged are left out."""
        for members in [*self.waiting]:
            sources = [self._lost(member.key) for member in members]
            if True in sources:
                self.waiting.remove(members)
                there = [member for member, lost in zip(members, sources, strict=True) if not lost]
                if there:
                    self.waiting.insert(0, there)
                    return self.next_job()
            elif None not in sources:
                self.waiting.remove(members)
                try:
                    return self._job(members)
                except (MemoryError, RuntimeError) as error:
                    if not devices.lacks_memory(error):
                        raise
                    reason = str(error)
                self._make_smaller(members, reason)
                return self.next_job()
        return None

    def _lost(self, key: Key) -> bool | None:
        """Return whether what a network starts from is lost, for it diverged; None: not known yet."""
        before = self.study.source(key)
        if before is None:
            return False
        return True if self._lost(before) else self.diverged.get(before)

    def _job(self, members: list[Member]) -> Job:
        study, setting = self.study, self.study.setting
        own = [member.key for member in members]
        found = [
            jobs.Checkpoint(tensors, about["seconds"])
            for tensors, about in self._checkpoints
            if (about["members"], about["execution"]) == (own, self._layout.execution)
        ]
        lost = [lacking for one in members for lacking in (self._lacking(one, found[0].step) if found else [])]
        if lost:
            self._watcher.noted(f"{own[0]}: {lost[0]} before its checkpoint are missing; it is trained from its start")
            found = []
        if not found and any(self._lines.get(key) for key in own):  # of a checkpoint that doesn't fit any more
            self._forget_lines(own)
        for member in members:
            if study.keeps_initial(member.key):
                replicate = member.key.replicate
                self._run.write_state(Key(replicate, 0, "dense"), 0, setting.initial(replicate))
        networks = [study.network(self._run, member) for member in members]
        for member, start in zip(members, networks, strict=True):
            layers = collapsed(setting.template, setting.data.shape, start.mask)
            if layers:
                self._collapsed[member.key] = layers
                self._watcher.noted(
                    f"{member.key}: no path is left through {', '.join(layers)}; what it is trained to means little"
                )
        self._watcher.training(members, found[0].step - members[0].recipe.start if found else 0)
        return Job(
            members=members,
            networks=networks,
            execution=self._layout.execution,
            kept_steps=sorted({step for key in own for step in study.kept_steps(key)}),
            checkpoint=found[0] if found else None,
            optima=study.optima(self._run, members),
        )

    def _lacking(self, member: Member, step: int) -> Iterator[str]:
        """Yield what isn't there of a member up to a step: early stopping is read off its evaluations."""
        start, every = member.recipe.start, self.study.setting.every
        steps = {line["step"] for line in self._lines[member.key] if line["split"] == "test"}
        if not steps >= {start, *range((start // every + 1) * every, step + 1, every)}:
            yield "evaluations"
        if not all((member.key, *asking) in self._probed for asking in askings(self.study.setting, member, step)):
            yield "findings of probes"

    def _forget_lines(self, keys: Collection[Key]) -> None:
        """Drop evaluations, and what probes found, that will be made again."""
        for key in keys:
            self._lines.pop(key, None)
        self._run.forget_lines(keys)

    def take(self, job: Job, event: Event) -> None:
        """Write down what came of a chunk."""
        match event:
            case jobs.Advanced(steps):
                self._watcher.advanced(job.members, steps)
            case jobs.Evaluated(new):
                for line in new:
                    self._lines[Key.of(line)].append(line)
                self._run.append_metrics(new)
                self._watcher.evaluated(new)
            case jobs.Probed(found):
                self._run.append_probes(found)
            case jobs.Passed(step, states):
                for member, state in zip(job.members, states, strict=True):
                    if step in self.study.kept_steps(member.key):
                        self._run.write_state(member.key, step, state)
            case jobs.Saved(checkpoint):
                self._keep(job, checkpoint)
            case jobs.Stopped(checkpoint):
                self._keep(job, checkpoint)
                self.stopped = True
            case jobs.Trained():
                self._finish(job, event)
            case jobs.OutOfMemory(reason):
                self._make_smaller(job.members, reason)

    def _keep(self, job: Job, checkpoint: jobs.Checkpoint) -> None:
        about: ChunkRecord = {
            "members": [member.key for member in job.members],
            "execution": self._layout.execution,
            "step": checkpoint.step,
            "seconds": checkpoint.seconds,
        }
        self._store.write(job.name, checkpoint.tensors, about)

    def _finish(self, job: Job, event: jobs.Trained) -> None:
        for member, network, diverged, cost in zip(
            job.members, event.networks, event.diverged, event.costs, strict=True
        ):
            key = member.key
            self.diverged[key] = diverged is not None
            line = summary(self.study.setting, member, network, self._lines.pop(key))
            line["train_seconds"] = round(event.seconds / len(job.members), 3)
            line["diverged"], line["collapsed"] = diverged, self._collapsed.pop(key, [])
            line["train_flops"] = cost["train_flops"]
            if "ever_active" in cost:
                line["ever_active"] = cost["ever_active"]
            self._run.write_network(network, line)
            self._run.append_levels([line])
            if diverged is not None:
                self._watcher.noted(f"{key}: diverged at step {diverged:,}")
        self._store.drop(job.name)
        self._watcher.trained(job.members)

    def _make_smaller(self, members: list[Member], reason: str) -> None:
        """Go on with chunks of half the size where memory ran out."""
        if len(members) == 1:
            others = " or workers" if self._layout.workers > 1 else ""
            raise RunFailed(
                f"out of memory ({reason.partition(chr(10))[0]}).\nLower train.batch_size{others}, then start anew."
            )
        self._layout = self._layout.halved(len(members))
        self._run.update(layout=asdict(self._layout))
        self._watcher.noted(f"out of memory with {len(members)} members; going on: {self._layout}")
        self._forget_lines([member.key for member in members])
        self.waiting = [part for whole in [members, *self.waiting] for part in self._layout.chunks(whole, at_least=1)]
