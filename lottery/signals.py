"""Being asked to stop."""

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType


@contextmanager
def asked_to_stop(tell: Callable[[str], object]) -> Iterator[Callable[[], bool]]:
    """Within the context, Ctrl-C and SIGTERM are remembered: the function it gives says whether there was one.

    A second one raises KeyboardInterrupt at once.

    Args:
        tell: shows the user a message.
    """
    asked = False

    def remember(number: int, frame: FrameType | None) -> None:  # noqa: ARG001
        nonlocal asked
        if asked:
            raise KeyboardInterrupt
        asked = True
        tell("stopping after this step (once more to stop at once)")

    previous = {number: signal.signal(number, remember) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield lambda: asked
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)
