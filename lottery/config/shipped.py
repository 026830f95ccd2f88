"""Configs come with the package: the quickstart, one for each study of a paper, one for each method."""

import re
from pathlib import Path

from lottery import registry
from lottery.errors import LotteryError

BEGIN = "begin with: lottery init && lottery prune quickstart.yaml"


def folder() -> Path:
    """Return where they are: in the installed package, or, in a checkout, at its top."""
    package = Path(__file__).parents[1]
    installed = package / "configs"
    return installed if installed.is_dir() else package.parent / "configs"


def configs() -> dict[str, Path]:
    """Return name -> file, sorted, those in folders last; the quickstart, with which a user begins, is first."""
    root = folder()
    paths = {path.relative_to(root).with_suffix("").as_posix(): path for path in root.rglob("*.yaml")}
    return dict(sorted(paths.items(), key=lambda one: (one[0] != "quickstart", "/" in one[0], one[0])))


def find(name: str) -> Path:
    """Return the file of a config by its name, whose folder may be left out: `methods/rigl`, `rigl`.

    Raises:
        LotteryError: none is called so; it names the nearest.
    """
    known, asked = names(), name.removeprefix("configs/").removesuffix(".yaml")
    if asked not in known:
        near = registry.suggestion(asked, known)
        raise LotteryError(f"no config is called {name!r}{near}; `lottery configs` lists them")
    return known[asked]


def remedy(name: str) -> str:
    """Return what to do where a user has no config of that name."""
    return f"`lottery init {name}` writes it" if name in names() else "`lottery configs` lists some to begin with"


def title(path: Path) -> str:
    """Return the sentence that a config begins with, in a comment."""
    return path.read_text(encoding="utf-8").partition("\n")[0].removeprefix("# ").removesuffix(".")


def command(path: Path) -> str:
    """Return which command a config is written for: `prune` where it says how, else `train`."""
    return "prune" if re.search(r"(?m)^pruning:", path.read_text(encoding="utf-8")) else "train"


def names() -> dict[str, Path]:
    """Return every name, long or short, and its file."""
    return {name.rpartition("/")[2]: path for name, path in configs().items()} | configs()
