"""A study or an analysis is asked to stop by a signal."""

import signal
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager
from types import FrameType

from lottery.errors import LotteryError


@contextmanager
def asked_to_stop(tell: Callable[[str], object], also: Iterable[signal.Signals] = ()) -> Iterator[Callable[[], bool]]:
    """Remember Ctrl-C, SIGTERM and SIGHUP within the context: the function it gives says whether there was one.

    A second one raises KeyboardInterrupt at once. SIGHUP, which says that the terminal has gone, stays ignored where it
    was: `nohup` wants that. Signals of `also` mean the same, such as that by which a batch system announces preemption.
    Only the main thread hears any: in another one there never was one.
    """
    asked = False

    def remember(number: int, frame: FrameType | None) -> None:  # noqa: ARG001
        nonlocal asked
        if asked:
            raise KeyboardInterrupt
        asked = True
        tell("stopping after this step (once more to stop at once)")

    with _heard(remember, also):
        yield lambda: asked


def interrupting(also: Iterable[signal.Signals] = ()) -> AbstractContextManager[None]:
    """Return a context in which SIGTERM and SIGHUP raise KeyboardInterrupt as Ctrl-C does; see `asked_to_stop`."""
    return _heard(signal.default_int_handler, also)


@contextmanager
def _heard(handle: Callable[[int, FrameType | None], None], also: Iterable[signal.Signals]) -> Iterator[None]:
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    numbers = {signal.SIGINT, signal.SIGTERM, *also}
    if hasattr(signal, "SIGHUP") and signal.getsignal(signal.SIGHUP) != signal.SIG_IGN:
        numbers.add(signal.SIGHUP)
    previous = {number: signal.signal(number, handle) for number in numbers}
    try:
        yield
    finally:
        for number, handler in previous.items():
            if handler is not None:  # by other code than Python's, which can't be put back
                signal.signal(number, handler)


def parse(name: str) -> signal.Signals:
    """Return the signal called `name`: USR1, SIGUSR1. Raises LotteryError where none that can be caught is."""
    wanted = name.upper() if name.upper().startswith("SIG") else f"SIG{name.upper()}"
    if wanted in ("SIGKILL", "SIGSTOP") or wanted not in signal.Signals.__members__:
        raise LotteryError(f"--stop-on {name}: no signal of that name can be caught; write USR1, USR2, HUP, ...")
    return signal.Signals[wanted]
