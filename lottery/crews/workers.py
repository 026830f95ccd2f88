"""Chunks trained in worker processes, side by side.

Small networks don't use many cores well: two processes of one thread each train two chunks faster than one process of
two threads trains both.
"""

import io
import multiprocessing
import os
import pickle
import signal
import threading
import traceback
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from multiprocessing.connection import Connection, wait
from typing import Any

import numpy as np
import torch

from lottery.crews.jobs import LAST, Event, Job, NextJob, Stop, Trains
from lottery.devices import can_fork
from lottery.errors import LotteryError, RunFailed
from lottery.streams import message

_SECONDS_BETWEEN_LOOKS = 0.2

Load = Callable[[torch.device], Trains]
"""How a chunk is trained on a device, once all that it takes is loaded there."""


class Workers:
    """Workers train chunks in other processes, side by side."""

    def __init__(self, places: Sequence[torch.device], threads: int, here: Trains, load: Load) -> None:
        """Start one process for each place.

        Args:
            here: how a chunk is trained. On a CPU the processes are forked and share what it knows.
            load: the same for a place, loaded anew: on GPUs, because CUDA doesn't live through a fork.
        """
        context: Any = multiprocessing.get_context("fork" if can_fork(places[0]) else "spawn")
        self._flag = context.RawValue("b", 0)
        self._connections: list[Connection] = []
        self._processes = []
        for place in places:
            ours, theirs = context.Pipe()
            forked = context.get_start_method() == "fork"
            strangers = [*self._connections, ours] if forked else []
            own = (lambda: here) if forked else partial(load, place)
            process = context.Process(
                target=_work, args=(own, theirs, strangers, self._flag, threads, os.getpid()), daemon=True
            )
            process.start()
            theirs.close()
            self._connections.append(ours)
            self._processes.append(process)

    def train(self, next_job: NextJob, stop: Stop) -> Iterator[tuple[Job, Event]]:
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
            if not isinstance(error, LotteryError | RunFailed):  # these say all that there is to say
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


def _work(
    load: Callable[[], Trains],
    connection: Connection,
    strangers: list[Connection],
    flag: Any,
    threads: int,
    parent: int,
) -> None:
    """Live as a worker: jobs come in, events go out, until the connection is closed or the parent is gone."""
    for stranger in strangers:  # the parent's ends, inherited: while one is open, nobody sees that the parent is gone
        stranger.close()
    # Ctrl-C and batch systems signal all processes; the parent decides, and what it handles is inherited.
    handled = {number for number in signal.valid_signals() if callable(signal.getsignal(number))}
    for number in handled | {signal.SIGINT, signal.SIGTERM}:
        signal.signal(number, signal.SIG_IGN)
    # A forked process lacks the threads that its parent computed with, and would wait for ever. A thread of its
    # own never had any, and starts new ones.
    server = threading.Thread(target=_serve, args=(load, connection, flag, threads, parent))
    server.start()
    server.join()


def _serve(load: Callable[[], Trains], connection: Connection, flag: Any, threads: int, parent: int) -> None:
    """Train the jobs that come in; return when the connection is closed or the parent is gone."""
    torch.set_num_threads(threads)
    train = load()

    def stop() -> bool:
        return bool(flag.value)

    while True:
        try:
            job: Job = pickle.loads(connection.recv_bytes())
        except (EOFError, OSError):
            return
        try:
            for event in train(job, stop):
                if os.getppid() != parent:
                    return
                connection.send_bytes(_pickled(("event", event)))
        except BrokenPipeError:
            return
        except BaseException as error:
            connection.send_bytes(_pickled(("error", (_transportable(error), traceback.format_exc()))))


def _transportable(error: BaseException) -> BaseException:
    """Return an error that the parent can raise: itself, or what it says where it can't be pickled."""
    try:
        pickle.loads(pickle.dumps(error))
    except Exception:
        return RunFailed(f"{type(error).__name__}: {str(error).partition(chr(10))[0]}")
    return error


class _Pickler(pickle.Pickler):
    """A pickler of jobs and events, between a process and its own children, takes tensors for arrays.

    torch's own way to pickle a tensor makes classes on both sides, which hold one another and the tensor's memory until
    garbage is collected.
    """

    def reducer_override(self, value: Any) -> Any:
        """Return how a tensor on the CPU is put together again; anything else is pickled as usual."""
        if not isinstance(value, torch.Tensor):
            return NotImplemented
        return _tensor, (value.detach().flatten().view(torch.uint8).numpy(), value.dtype, value.shape)


def _tensor(content: np.ndarray[Any, Any], dtype: torch.dtype, shape: torch.Size) -> torch.Tensor:
    """Return the tensor of these bytes."""
    tensor = torch.empty(shape, dtype=dtype)
    tensor.flatten().view(torch.uint8).copy_(torch.from_numpy(content))
    return tensor


def _pickled(value: object) -> bytes:
    """Return a value as bytes, which `pickle.loads` reads; they never go through a file."""
    buffer = io.BytesIO()
    _Pickler(buffer, pickle.HIGHEST_PROTOCOL).dump(value)
    return buffer.getvalue()
