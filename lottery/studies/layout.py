"""How members are spread over chunks, processes and threads: chosen once, said, and kept with the run.

The bytes of a result depend on how many threads compute a product, and on how many members are in a batched one. So a
run that is resumed or extended keeps the layout that it began with. They don't depend on how many of its processes run
at a time: a machine starts as many as it has cores for, whatever a run from elsewhere says.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import torch
from torch import nn

from lottery import devices
from lottery.config.schema import Config
from lottery.cost.memory import member_bytes
from lottery.networks.behaviour import unstackable
from lottery.store.about import About
from lottery.store.records import Execution
from lottery.studies.setting import Setting
from lottery.training.recipe import Member

_SHARE_OF_MEMORY = 0.8
"""Of the memory that is free, what networks may take: the rest is for workspaces and fragments."""


@dataclass(frozen=True)
class Layout:
    """How the members of a study are computed.

    Attributes:
        execution: stacked or looped.
        chunk: most members of a chunk, which go through the training loop together.
        workers: processes that train chunks side by side.
        threads: of each process, on a CPU.
        device: type of the device that it was chosen for.
        splits: how often memory ran out and chunks were halved.
    """

    execution: Execution
    chunk: int
    workers: int
    threads: int
    device: str
    splits: int = 0

    def chunks(self, members: Sequence[Member], at_least: int | None = None) -> list[list[Member]]:
        """Return members in chunks of sizes that differ by at most one: enough chunks for all workers, none too large.

        Members of one replicate stand together: what they start from is ready at the same time. There are `at_least` so
        many chunks; where nothing is said, as many as workers.
        """
        ordered = sorted(members, key=lambda member: member.key.replicate)  # stable
        count = max(-(-len(ordered) // self.chunk), min(at_least or self.workers, len(ordered)))
        bounds = [len(ordered) * part // count for part in range(count + 1)]
        return [ordered[low:high] for low, high in pairwise(bounds)]

    def halved(self, members: int) -> "Layout":
        """Return the layout to go on with where memory ran out for so many members."""
        return replace(self, chunk=max(1, min(self.chunk, members // 2)), splits=self.splits + 1)

    def hands(self, asked: str, device: torch.device) -> tuple[int, int]:
        """Return how many processes, of how many threads each, carry this layout out on this machine.

        `asked` is the device that the config names, `device` the one that was found.
        """
        cores = devices.cores()
        threads = min(self.threads, cores)
        most = len(devices.places(asked, device)) if device.type == "cuda" else cores // threads
        return min(self.workers, most), threads

    def __str__(self) -> str:
        members = "one member" if self.chunk == 1 else f"up to {self.chunk} members"
        where = "one process" if self.workers == 1 else f"{self.workers} processes"
        threads = f" of {self.threads} thread{'s' * (self.threads > 1)}" if self.device == "cpu" else ""
        return f"{self.execution}, {members} at a time in {where}{threads}"


def kept_layout(record: About, setting: Setting) -> Layout | None:
    """Return the layout that a run's record says it began with; None if there is none, or none that can be had.

    That is one for another kind of device, or for members that can't be stacked.
    """
    layout = record.get("layout")
    if not layout or layout["device"] != setting.device.type:
        return None
    return None if layout["execution"] == "stacked" and cant_stack(setting) else Layout(**layout)


def choose(setting: Setting, members: int) -> tuple[Layout, str]:
    """Return the layout for a study whose largest group is of so many members, and why it was chosen.

    What was measured stands in docs/performance.md. On a CPU, processes of one thread each use the cores better than
    threads do; one batched product saves the overhead of several small ones, which counts where a step is small, but
    vmap turns convolutions into grouped ones, which are slower. On a GPU small networks are bound by launches: stack.
    """
    config = setting.config
    on_cpu = setting.device.type == "cpu"
    places = devices.places(config.device, setting.device)
    workers = min(len(places) if config.workers == "auto" else config.workers, members)
    threads = max(1, torch.get_num_threads() // workers)
    share = -(-members // workers)
    flops = 3 * sum(setting.flops.values()) * config.train.batch_size
    execution, why = _execution(setting.template, share, on_cpu, flops)
    if config.execution != "auto":
        execution, why = config.execution, "as the config says"
    elif execution == "stacked" and (reason := cant_stack(setting)):
        execution, why = "looped", f"the network can't be stacked: {reason}"
    room = int(_SHARE_OF_MEMORY * devices.free_memory(setting.device) / _member_bytes(setting))
    if execution == "stacked":
        chunk = min(share, max(1, room // workers if on_cpu else room))
        if chunk < share:
            why += f"; memory holds {chunk} at a time"
    else:
        # A looped member gains nothing from company: alone, it keeps more of its weights in the processor's caches.
        chunk = 1
        if on_cpu and room < workers and config.workers == "auto":
            workers, why = max(1, room), f"{why}; memory holds {max(1, room)} at a time"
    return Layout(execution, chunk, workers, threads, setting.device.type), why


def _member_bytes(setting: Setting) -> int:
    """Return the bytes that one member takes while it trains."""
    config, sparse = setting.config, setting.config.sparse
    return member_bytes(
        setting.template,
        setting.task.example(setting.data.shape),
        config.train.batch_size,
        latent=sparse is not None and sparse.latent is not None,
        moving=sparse is not None and "static" not in sparse.topology.entry.traits,
        past=_past(config),
    )


def _past(config: Config) -> int:
    """Return how many copies of a member's weights penalties take: start, gradient, optima of the rounds before."""
    penalties = config.train.penalties
    return (2 + any("optima" in one.traits for one in penalties) * config.pruning.iterations) if penalties else 0


def cant_stack(setting: Setting) -> str | None:
    """Return why members can't be stacked; None where they can."""
    if setting.behaviour.noisy:
        return "it draws random numbers while it trains, which are each member's own"
    return unstackable(setting.template, setting.data.shape, setting.like.mask)


def _execution(template: nn.Module, members: int, on_cpu: bool, flops: float) -> tuple[Execution, str]:
    """Return stacked or looped, and why, for so many members of so many FLOPs a training step."""
    if members == 1:
        return "looped", "one member for each process"
    if not on_cpu:
        return "stacked", "one launch for all members"
    if any(isinstance(module, nn.modules.conv._ConvNd) for module in template.modules()):
        return "looped", "stacked convolutions are slow on a CPU"
    if flops >= 25e6:
        return "looped", f"steps of {flops / 1e6:,.0f} MFLOP leave little overhead to save on a CPU"
    if members < 4:
        return "looped", "stacking pays from four members a process on"
    return "stacked", f"steps of {flops / 1e6:,.1f} MFLOP are mostly overhead"
