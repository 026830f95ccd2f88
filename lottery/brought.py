"""Code that users bring: what it says, and where in it something went wrong."""

import inspect
import sysconfig
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import CodeType, FrameType, FunctionType

from lottery.errors import Interrupted, LotteryError, RunFailed

REMEDY = """Mend it, and go on by `lottery resume RUN --accept-changes` (from Python: accept_changes=True).
Nothing finished is lost."""
"""What is said to whose own code ended a study."""

_OURS = Path(__file__).parent
_LIBRARIES = [Path(sysconfig.get_path(name)) for name in ("stdlib", "purelib", "platlib")]


def text(of: object) -> str:
    """Return the source of a function or class; where there is none, what its functions are compiled to."""
    if isinstance(of, type):
        own = [value for _, value in sorted(vars(of).items()) if isinstance(value, FunctionType)]
        return _source(of) or "\n".join(map(text, own))
    return _source(of) or (repr(_compiled(of.__code__)) if isinstance(of, FunctionType) else "")


def is_library(of: object) -> bool:
    """Return whether a function or class is part of this package, of Python or of an installed library."""
    try:
        return _is_library(inspect.getfile(of))  # type: ignore[arg-type]  # what has no file raises TypeError
    except (TypeError, OSError):  # a session's
        return False


def blamed(error: BaseException) -> str | None:
    """Return what was raised in code that this package had called, in one line, with file and line; None in its own."""
    frames = [*_frames(error)]
    called = next((index for index, (file, _) in enumerate(frames) if Path(file).is_relative_to(_OURS)), len(frames))
    own = [(file, line) for file, line in frames[called:] if not _is_library(file)]
    if not own:
        return None
    file, line = own[-1]
    said = str(error).strip().partition("\n")[0]
    return f"{file}:{line}: {type(error).__name__}{f': {said}' if said else ''}"


@contextmanager
def told(what: str) -> Iterator[None]:
    """Raise LotteryError for what is raised in a user's own code within the context: `what` it is, file and line."""
    try:
        yield
    except (LotteryError, RunFailed, Interrupted):
        raise
    except (Exception, SystemExit) as error:
        said = blamed(error)
        if said is None:
            raise
        raise LotteryError(f"{what}: {said}") from error


def _frames(error: BaseException) -> Iterator[tuple[str, int]]:
    """Return file and line of each call on the way to an error, the outermost first."""
    for frame, line in traceback.walk_tb(error.__traceback__):
        yield _file(frame), line


def _file(frame: FrameType) -> str:
    return frame.f_code.co_filename


def _is_library(file: str) -> bool:
    path = Path(file)
    packages = {"site-packages", "dist-packages"}
    inside = path.is_relative_to(_OURS) or any(path.is_relative_to(library) for library in _LIBRARIES)
    return file.startswith("<frozen ") or inside or not packages.isdisjoint(path.parts)


def _source(of: object) -> str:
    try:
        return inspect.getsource(of)  # type: ignore[arg-type]  # what has no source raises TypeError
    except (TypeError, OSError):
        return ""


def _compiled(code: CodeType) -> list[object]:
    constants = [_compiled(one) if isinstance(one, CodeType) else one for one in code.co_consts]
    return [code.co_code, code.co_names, code.co_varnames, constants]
