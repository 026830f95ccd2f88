"""What the shell offers at the tab key: runs, configs, keys and their values, devices, methods.

Nothing here imports torch, or raises: an answer comes in a fraction of a second, or there is none.
"""

import os
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, redirect_stdout, suppress
from io import StringIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

if TYPE_CHECKING:
    from lottery.outlines import Outline

INSTRUCTION = "_LOTTERY_COMPLETE"
"""Of the environment: which shell asks."""
_BREAKS = "=:"
"""Of what bash takes for words these are ends, as `COMP_WORDBREAKS` has them unless somebody changed it."""
_MOST_CONFIGS = 500
_PLAIN = frozenset("._-/=,:[]+@%")
"""Beside letters and digits, what no shell takes for more than it is within a word."""


@contextmanager
def in_silence() -> Iterator[None]:
    """Have the shell, while it asks, be told nothing rather than what went wrong within the context."""
    try:
        yield
    except Exception:
        if INSTRUCTION not in os.environ:
            raise


@contextmanager
def as_bash_splits() -> Iterator[None]:
    """Have words that bash cuts at `=` and `:` whole within the context, and its answer cut as it wants it.

    It takes `--set train.optimizer=ad` for four words, of which it asks to have the last one completed. For any other
    shell, or no completion at all, nothing happens.
    """
    if os.environ.get(INSTRUCTION) != "complete_bash":
        yield
        return
    words, at = os.environ.get("COMP_WORDS", "").split("\n"), int(os.environ.get("COMP_CWORD", "0"))
    whole: list[str] = []
    for word in [*words, ""][: at + 1]:
        if len(whole) > 1 and (_is_break(word) or whole[-1].endswith(tuple(_BREAKS))):
            whole[-1] += word
        else:
            whole.append(word)
    asked = words[at] if at < len(words) and not _is_break(words[at]) else ""
    before = whole[-1][: len(whole[-1]) - len(asked)]
    if before.startswith("--"):  # an option, from which its value is told apart
        before = before.partition("=")[2]
    os.environ |= {"COMP_WORDS": "\n".join(whole), "COMP_CWORD": str(len(whole) - 1)}
    answer = StringIO()
    try:
        with redirect_stdout(answer):
            yield
    finally:
        sys.stdout.write("".join(f"{line.removeprefix(before)}\n" for line in answer.getvalue().splitlines()))


def _is_break(word: str) -> bool:
    return bool(word) and not word.strip(_BREAKS)


def runs(ctx: typer.Context, incomplete: str) -> list[str]:
    """Offer runs, by the names of their studies and of their directories, and `latest`."""
    from lottery.store.finding import study_name
    from lottery.store.places import runs as there

    with suppress(OSError):
        found = there(_runs_dir(ctx))
        named = list(dict.fromkeys([*map(study_name, reversed(found)), *(["latest"] if found else [])]))
        # With their stamps all runs there are begin alike, and hide the names that one looks for.
        stamped = [run.name for run in found] if incomplete else []
        return _beginning(incomplete, [*named, *stamped])
    return []


def configs(incomplete: str) -> list[str]:
    """Offer YAML files, of this folder and those in it; not those that runs keep."""
    folder = incomplete[: incomplete.rfind("/") + 1]
    with suppress(OSError):
        found: list[str] = []
        for pattern in ("*.yaml", "*.yml", "[!.]*/*.yaml", "[!.]*/*.yml", "[!.]*/*/*.yaml"):
            paths = (path for path in Path(folder or ".").glob(pattern) if not (path.parent / "run.json").exists())
            found += [f"{folder}{path.relative_to(folder or '.')}" for path in paths]
            if len(found) > _MOST_CONFIGS:
                break
        return _beginning(incomplete, sorted(found))
    return []


def shipped_configs(incomplete: str) -> list[str]:
    """Offer the configs that come with the package."""
    from lottery.config import shipped

    return _beginning(incomplete, shipped.configs())


def configs_or_runs(ctx: typer.Context, incomplete: str) -> list[str]:
    """Offer both."""
    return [*configs(incomplete), *runs(ctx, incomplete)]


def levels(ctx: typer.Context, incomplete: str) -> list[str]:
    """Offer the levels that the run named before has."""
    from lottery.errors import LotteryError
    from lottery.store.finding import find_path

    with suppress(OSError, LotteryError):
        path = find_path(_named(ctx, "run"), _runs_dir(ctx))
        named = {one.name.removeprefix("level-") for one in path.glob("replicate-*/level-[0-9]*")}
        return _beginning(incomplete, map(str, sorted({int(one) for one in named if one.isdecimal()})))
    return []


def devices(incomplete: str) -> list[str]:
    """Offer the kinds of devices, and the GPUs that the system has files for."""
    named = [path.name.removeprefix("nvidia") for path in Path("/dev").glob("nvidia[0-9]*")]
    cards = sorted(int(one) for one in named if one.isdecimal())
    apple = ["mps"] if sys.platform == "darwin" else []
    return _beginning(incomplete, ["auto", "cpu", "cuda", *(f"cuda:{number}" for number in cards), *apple])


def signals(incomplete: str) -> list[str]:
    """Offer the signals that batch systems send."""
    return _beginning(incomplete, ["USR1", "USR2", "HUP", "ALRM"])


def kinds(incomplete: str) -> list[str]:
    """Offer the kinds of methods."""
    from lottery.registry import KINDS

    return _beginning(incomplete, KINDS)


def runs_and_analysis(ctx: typer.Context, incomplete: str) -> list[str]:
    """Offer runs, and behind the first one the names of analyses, too."""
    named = bool(ctx.params.get("names") or ctx.args)
    return [*(_beginning(incomplete, _names(ctx, "analyses")) if named else []), *runs(ctx, incomplete)]


def of_analysis(ctx: typer.Context, incomplete: str) -> list[str]:
    """Offer the options of the analysis that is named, and where data are now."""
    named = [*(ctx.params.get("names") or []), *ctx.args]
    known = _outlines(ctx, "analyses")
    options = next((known[name].options for name in reversed(named) if name in known), {})
    offered = [f"{option}={value}" for option, values in options.items() for value in (values or [""])]
    return _beginning(incomplete, [*offered, "data.root="])


def methods(ctx: typer.Context, incomplete: str) -> list[str]:
    """Offer the names of the kind named before."""
    from lottery.outlines import kinds_like

    return _beginning(incomplete, [name for kind in kinds_like(_named(ctx, "kind")) for name in _names(ctx, kind)])


def settings(ctx: typer.Context, incomplete: str) -> list[str]:
    """Offer the keys of a config, or behind a `=` the values that one of them is known to take."""
    from lottery.config.keys import config_keys

    offered: dict[str, list[str]] = {}
    chosen = _chosen(ctx)
    for key in config_keys():
        values, several = list(key.values), key.several
        if key.path == "device":
            values = devices("")
        if key.kind:
            values += _names(ctx, key.kind)
        offered[key.path] = _listed(values, incomplete) if several else values
        if key.choice and not several and incomplete.startswith(f"{key.path}."):
            offered[f"{key.path}.name"] = values
        outline = _outlines(ctx, key.kind).get(chosen(key.path) or "") if key.choice and key.kind else None
        if outline and not several:
            offered |= {f"{key.path}.{option}": list(own) for option, own in outline.options.items()}
    path, equals, _ = incomplete.partition("=")
    if equals:
        return _beginning(incomplete, [f"{path}={value}" for value in offered.get(path, [])])
    # A single answer would be followed by a blank: with another behind it the shell stops at the `=`.
    fitting = _beginning(incomplete, [f"{name}=" for name in offered])
    return fitting if len(fitting) != 1 else [*fitting, *(f"{fitting[0]}{value}" for value in offered[fitting[0][:-1]])]


def _listed(names: Iterable[str], incomplete: str) -> list[str]:
    """Return what completes a list, such as `[reinit,ran`, by one of the names that it doesn't have yet."""
    value = incomplete.partition("=")[2]
    before = value[: max(value.rfind("["), value.rfind(","), value.rfind(" ")) + 1]
    there = [word.strip(" [") for word in before.split(",")]
    return [f"{before}{name}" if before else f"[{name}]" for name in names if name not in there]


def _chosen(ctx: typer.Context) -> Callable[[str], str | None]:
    """Return what gives the name that the config and the options before choose at a dotted key."""
    import yaml

    from lottery.config import bounded_yaml

    values: Any = {}
    with suppress(OSError, UnicodeDecodeError, yaml.YAMLError):
        path = Path(_named(ctx, "config"))
        if path.is_file() and path.stat().st_size <= bounded_yaml.LARGEST:  # a pipe would be waited for
            values = bounded_yaml.parse(path.read_text())
    overrides = dict(one.partition("=")[::2] for one in ctx.params.get("set_") or [])

    def name(path: str) -> str | None:
        for key in (path, f"{path}.name"):
            if key in overrides:
                return str(overrides[key])
        at: Any = values
        for part in path.split("."):
            at = at.get(part) if isinstance(at, Mapping) else None
        found = at.get("name") if isinstance(at, Mapping) else at
        return found if isinstance(found, str) else None

    return name


def _named(ctx: typer.Context, argument: str) -> str:
    """Return a command's first argument; while an option is without its value, it hasn't been told apart yet."""
    return str(ctx.params.get(argument) or next(iter(ctx.args), ""))


def _names(ctx: typer.Context, kind: str) -> list[str]:
    return list(_outlines(ctx, kind))


def _outlines(ctx: typer.Context, kind: str) -> "Mapping[str, Outline]":
    """Return a kind's outlines, with those of the plugins that are named."""
    from lottery.outlines import outlines

    named = [*os.environ.get("LOTTERY_PLUGINS", "").split(os.pathsep), *map(str, ctx.params.get("plugin") or [])]
    return outlines(kind, [Path(name).expanduser() for name in named if name])


def _runs_dir(ctx: typer.Context) -> Path:
    return Path(ctx.params.get("runs_dir") or "runs")


def _beginning(incomplete: str, offered: Iterable[str]) -> list[str]:
    """Return what begins so, and is one plain word to every shell.

    Shells put it into the line as it is, and obey that: of what a stranger called `$(...)`, or like an option, nothing
    is offered.
    """
    return [one for one in dict.fromkeys(offered) if one.startswith(incomplete) and _is_plain(one)]


def _is_plain(word: str) -> bool:
    return not word.startswith("-") and all(one.isalnum() or one in _PLAIN for one in word)
