"""Where chunks are trained: in this process one after the other, or in worker processes side by side.

Small networks don't use many cores well: two processes of one thread each train two chunks faster than one process of
two threads trains both. Only the parent writes.
"""

import io
import multiprocessing
import os
import pickle
import signal
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from multiprocessing.connection import Connection, wait
from typing import Any, Protocol

import numpy as np
import torch

from lottery import devices
from lottery.crews.jobs import LAST, Event, Job
from lottery.devices import can_fork
from lottery.errors import RunFailed
from lottery.streams import message
from lottery.studies.chunk import train_chunk
from lottery.studies.layout import Layout
from lottery.studies.setting import Setting

_SECONDS_BETWEEN_LOOKS = 0.2


NextJob = Callable[[], Job | None]
"""A chunk that can be trained now; None where there is none. Asked again whenever another chunk is done."""


class Crew(Protocol):
    """Whoever trains chunks."""

    def train(self, next_job: NextJob, stop: Callable[[], bool]) -> Iterator[tuple[Job, Event]]:
        """Train chunks until there are no more, or as far as `stop` allows; their events, each chunk's in order."""


class Alone:
    """Trains chunks in this process, one after the other."""

    def __init__(self, setting: Setting) -> None:
        self._setting = setting

    def train(self, next_job: NextJob, stop: Callable[[], bool]) -> Iterator[tuple[Job, Event]]:
        """See `Crew`."""
        while not stop() and (job := next_job()):
            for event in train_chunk(self._setting, job, stop):
                yield job, event


class Workers:
    """Trains chunks in other processes, side by side.

    Jobs and events are pickled: they pass between a process and its own children, and never through a file.
    """

    def __init__(self, setting: Setting, places: Sequence[torch.device], threads: int) -> None:
        """Start one process for each place.

        Args:
            setting: of the study. On a CPU the processes are forked and share it, on GPUs each loads it anew, because
                CUDA doesn't live through a fork.
            places: the devices that they work on.
            threads: of each process.
        """
        context: Any = multiprocessing.get_context("fork" if can_fork(setting.device) else "spawn")
        self._flag = context.RawValue("b", 0)
        self._connections: list[Connection] = []
        self._processes = []
        for place in places:
            ours, theirs = context.Pipe()
            forked = context.get_start_method() == "fork"
            strangers = [*self._connections, ours] if forked else []
            load = partial(_same, setting) if forked else partial(setting.on, place)
            process = context.Process(
                target=_work, args=(load, theirs, strangers, self._flag, threads, os.getpid()), daemon=True
            )
            process.start()
            theirs.close()
            self._connections.append(ours)
            self._processes.append(process)

    def train(self, next_job: NextJob, stop: Callable[[], bool]) -> Iterator[tuple[Job, Event]]:
        """See `Crew`; raises RunFailed where a worker dies."""
        under_way = dict[Connection, Job]()
        idle = list(self._connections)
        while True:
            while idle and not stop() and (job := next_job()):
                under_way[idle[0]] = job
                self._send(idle.pop(0), job)
            if not under_way:
                return
            for ready in wait(list(under_way), _SECONDS_BETWEEN_LOOKS):
                assert isinstance(ready, Connection)
                job, event = under_way[ready], self._receive(ready)
                if isinstance(event, LAST):
                    del under_way[ready]
                    idle.append(ready)
                yield job, event
            if stop():
                self._flag.value = 1

    def _send(self, connection: Connection, job: Job) -> None:
        try:
            connection.send_bytes(_pickled(job))
        except OSError:
            raise self._death(connection) from None

    def _receive(self, connection: Connection) -> Event:
        try:
            kind, content = pickle.loads(connection.recv_bytes())
        except (EOFError, OSError):
            raise self._death(connection) from None
        if kind == "error":
            error, text = content
            message(text)
            raise error
        event: Event = content
        return event

    def _death(self, connection: Connection) -> RunFailed:
        process = self._processes[self._connections.index(connection)]
        process.join(1)
        return RunFailed(
            f"a worker process died (exit code {process.exitcode}; -9 may mean that memory ran out).\n"
            "Resume the run; if memory runs out again, start it anew with `workers: 1`."
        )

    def dismiss(self) -> None:
        """End the processes."""
        for connection in self._connections:
            connection.close()
        for process in self._processes:
            process.kill()  # they write nothing, so nothing is lost
            process.join()


@contextmanager
def crew(setting: Setting, layout: Layout) -> Iterator[Crew]:
    """Whoever trains chunks, within the context: this process alone, or worker processes."""
    processes, threads = layout.hands(setting.config.device, setting.device)
    if processes == 1:
        before = torch.get_num_threads()
        torch.set_num_threads(threads)
        try:
            yield Alone(setting)
        finally:
            torch.set_num_threads(before)
        return
    places = devices.places(setting.config.device, setting.device)
    team = Workers(setting, [places[index % len(places)] for index in range(processes)], threads)
    try:
        yield team
    finally:
        team.dismiss()


class _Pickler(pickle.Pickler):
    """A pickler that takes tensors for arrays.

    torch's own way to pickle a tensor makes classes on both sides, which hold one another and the tensor's memory until
    garbage is collected.
    """

    def reducer_override(self, value: Any) -> Any:
        """How a tensor on the CPU is put together again; anything else is pickled as usual."""
        if not isinstance(value, torch.Tensor):
            return NotImplemented
        return _tensor, (value.detach().flatten().view(torch.uint8).numpy(), value.dtype, value.shape)


def _tensor(content: np.ndarray[Any, Any], dtype: torch.dtype, shape: torch.Size) -> torch.Tensor:
    """The tensor of these bytes."""
    tensor = torch.empty(shape, dtype=dtype)
    tensor.flatten().view(torch.uint8).copy_(torch.from_numpy(content))
    return tensor


def _pickled(value: object) -> bytes:
    buffer = io.BytesIO()
    _Pickler(buffer, pickle.HIGHEST_PROTOCOL).dump(value)
    return buffer.getvalue()


def _same(setting: Setting) -> Setting:
    return setting


def _work(
    load: Callable[[], Setting],
    connection: Connection,
    strangers: list[Connection],
    flag: Any,
    threads: int,
    parent: int,
) -> None:
    """Life of a worker: jobs come in, events go out, until the connection is closed or the parent is gone."""
    for stranger in strangers:  # the parent's ends, inherited: while one is open, nobody sees that the parent is gone
        stranger.close()
    # Ctrl-C and batch systems signal all processes; the parent decides, and what it handles is inherited.
    handled = {number for number in signal.valid_signals() if callable(signal.getsignal(number))}
    for number in handled | {signal.SIGINT, signal.SIGTERM}:
        signal.signal(number, signal.SIG_IGN)
    torch.set_num_threads(threads)
    setting = load()

    def stop() -> bool:
        return bool(flag.value)

    while True:
        try:
            job: Job = pickle.loads(connection.recv_bytes())
        except (EOFError, OSError):
            return
        try:
            for event in train_chunk(setting, job, stop):
                if os.getppid() != parent:
                    return
                connection.send_bytes(_pickled(("event", event)))
        except BrokenPipeError:
            return
        except BaseException as error:
            connection.send_bytes(_pickled(("error", (error, traceback.format_exc()))))
