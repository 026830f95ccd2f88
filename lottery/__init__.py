"""This package is an experiment runner for lottery-ticket and sparse-training studies."""

from collections.abc import Callable
from importlib import import_module
from typing import TYPE_CHECKING, Any, TypeVar

from lottery.errors import Interrupted, LotteryError, RunFailed

if TYPE_CHECKING:
    from lottery.api import fork, prune, resume, rewind, train
    from lottery.data import Dataset
    from lottery.reading import analyze, open_run, report
    from lottery.results import Results

__all__ = [
    "Dataset",
    "Interrupted",
    "LotteryError",
    "Results",
    "RunFailed",
    "analyze",
    "fork",
    "open_run",
    "prune",
    "register",
    "report",
    "resume",
    "rewind",
    "train",
]

_MODULES = {"Dataset": "lottery.data", "Results": "lottery.results"} | dict.fromkeys(
    ("analyze", "open_run", "report"), "lottery.reading"
)
"""Where names come from that `lottery.api` doesn't have."""

F = TypeVar("F", bound=Callable[..., Any])

__version__ = "0.1.0"


def register(kind: str, **constants: Any) -> Callable[[F], F]:
    """Return a decorator that makes a function one of the `kind` that configs may name; see `lottery.registering`.

    `@lottery.register("scores")` above a function lets a config say `score: NAME`, once its file is loaded by
    `--plugin FILE`. Raises LotteryError where the function can't be one.
    """
    from lottery.registering import register

    return register(kind, **constants)


def __getattr__(name: str) -> Any:
    """Return what imports torch, which `lottery --help` does without."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    module = _MODULES.get(name, "lottery.api")
    return getattr(import_module(module), name)
