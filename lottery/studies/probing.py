"""Probes are asked of a chunk's networks while they train; what they find are lines for `probes.jsonl`."""

import copy
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Literal

import torch
from torch import Tensor, nn

from lottery import answers, brought, devices
from lottery.config.probes import Probe
from lottery.crews.jobs import Job
from lottery.errors import LotteryError, RunFailed
from lottery.networks.cohort import Cohort
from lottery.networks.network import Network, State
from lottery.networks.subject import Sample
from lottery.seeds import seeded, stream
from lottery.store.findings import Probing
from lottery.studies.askings import moving
from lottery.studies.setting import Setting
from lottery.studies.subjects import apart, sample_of, subject_of
from lottery.training.evolution import Evolution
from lottery.training.loop import Trainer
from lottery.training.recipe import Member

When = Literal["step", "before", "after"]


class Prober:
    """A prober asks a config's probes of the networks of one chunk, one after the other, and changes nothing of them.

    It holds no cohort, whose masks' moves it is told of: together they would keep their memory until garbage is
    collected.

    Attributes:
        intervals: steps at whose multiples probes are asked.
        seconds: that they took, all together.
    """

    def __init__(self, setting: Setting, job: Job) -> None:
        """Get ready for the networks of `job`, whose trainings start from what stands there."""
        self._setting, self._members, self._starts = setting, job.members, job.networks
        self._probes = setting.config.probes
        self.intervals = [probe.every.steps(setting.epoch) for probe in self._probes]
        self.seconds = 0.0
        self._found: list[Probing] = []
        self._before: dict[tuple[str, Member], Mapping[str, Any]] = {}
        self._initial: dict[Member, State] = {}
        self._samples: dict[tuple[int, int], tuple[Tensor, Tensor]] = {}
        self._template: nn.Module | None = None

    def follow(self, trainer: Trainer) -> None:
        """Ask right before and right after masks move, too, where a probe wants that."""
        if isinstance(trainer.trained, Evolution) and moving(self._setting):
            trainer.trained.on_move = self._moved

    def at(self, trainer: Trainer, *, last: bool = False) -> None:
        """Ask the probes whose step this is, which are all of them at a training's first and last one."""
        step = trainer.step
        every = last or step == self._members[0].recipe.start
        due = [one for one, each in zip(self._probes, self.intervals, strict=True) if every or step % each == 0]
        if due:
            self._ask(due, trainer.cohort, [lost is None for lost in trainer.diverged()], step, "step")

    def _moved(self, cohort: Cohort, alive: Sequence[bool], step: int, when: When) -> None:
        self._ask(moving(self._setting), cohort, alive, step, when)

    def pop(self) -> list[Probing]:
        """Return what was found since the last call."""
        found, self._found = self._found, []
        return found

    def _ask(self, probes: Sequence[Probe], cohort: Cohort, alive: Sequence[bool], step: int, when: When) -> None:
        for index, member in enumerate(self._members):
            network = _view(cohort, index)
            whole = alive[index] and all(bool(tensor.sum().isfinite()) for tensor in network.state.values())
            key = member.key
            for probe in probes:
                devices.wait(self._setting.device)
                began = time.perf_counter()
                values = self._find(probe, member, network) if whole else {}
                devices.wait(self._setting.device)
                passed = time.perf_counter() - began
                self.seconds += passed
                if when == "before":
                    self._before[probe.name, member] = values
                elif when == "after" and values:
                    values["change"] = _change(values, self._before.pop((probe.name, member)))
                self._found.append(
                    {
                        "replicate": key.replicate,
                        "level": key.level,
                        "arm": key.arm,
                        "order": key.order,
                        "step": step,
                        "probe": probe.name,
                        "when": when,
                        "images": probe.images,
                        "values": values,
                        "seconds": round(passed, 6),
                    }
                )

    def _find(self, probe: Probe, member: Member, network: Network) -> dict[str, Any]:
        setting, entry, replicate = self._setting, probe.entry, member.key.replicate
        if self._template is None:
            self._template = copy.deepcopy(setting.template).to(setting.device)
        subject = subject_of(
            setting, network, replicate, initial=self._start(member), template=self._template, purpose="probe"
        )
        subject = apart(entry, replace(subject, sample=self._sample(probe, replicate)))
        # What a forward pass draws (dropout) is the same at every step, and nothing that training draws is shifted.
        with seeded(stream(setting.config.seed, "noise", replicate, "probe"), setting.device), torch.enable_grad():
            try:
                answer = entry(subject, **probe.options)
            except LotteryError as error:
                raise LotteryError(f"probe {probe.name}: {error}") from None
        try:
            return answers.findings(entry, answer)
        except LotteryError as error:
            raise RunFailed(f"{error}\n{brought.REMEDY}") from None

    def _start(self, member: Member) -> State:
        """Return the prunable weights that a member's training started from, zero where its mask was."""
        if member not in self._initial:
            start = self._starts[self._members.index(member)]
            self._initial[member] = {name: start.state[name] * mask for name, mask in start.mask.items()}
        return self._initial[member]

    def _sample(self, probe: Probe, replicate: int) -> Sample:
        usual = sample_of(self._setting, replicate, "probe")

        def sample(count: int | None, per_class: int | None) -> tuple[Tensor, Tensor]:
            if count is not None or per_class is not None:
                return usual(count, per_class)
            name = replicate, probe.images
            if name not in self._samples:
                self._samples[name] = usual(probe.images, None)
            own = self._samples[name]
            return own if probe.entry.own else (own[0].clone(), own[1].clone())

        return sample


def _view(cohort: Cohort, index: int) -> Network:
    """Return member `index` of a cohort, on its device, in the cohort's own memory."""
    tensors = cohort.weights | cohort.buffers
    return Network(
        {name: tensor[index].detach() for name, tensor in tensors.items()},
        {name: mask[index] for name, mask in cohort.masks.items()},
    )


def _change(after: Mapping[str, Any], before: Mapping[str, Any]) -> dict[str, Any]:
    """Return by how much each number is larger than before, one by one and in mappings of numbers."""
    found: dict[str, Any] = {}
    for name, value in after.items():
        old = before.get(name)
        if isinstance(value, dict) and isinstance(old, dict):
            found[name] = {key: part - old[key] for key, part in value.items() if _numbers(part, old.get(key))}
        elif _numbers(value, old):
            found[name] = value - old
    return found


def _numbers(*values: object) -> bool:
    return all(isinstance(value, int | float) and not isinstance(value, bool) for value in values)
