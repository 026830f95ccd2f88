"""The command `check` says whether a user's own methods, models and data are what lottery relies on."""

import re
import textwrap
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from lottery.errors import LotteryError, RunFailed

if TYPE_CHECKING:
    from lottery.contracts.contract import Candidate, Outcome, Shape
    from lottery.registry import Entry


def check(
    files: Annotated[list[Path], typer.Argument(metavar="FILE...", help="Python files that register something.")],
    set_: Annotated[
        list[str],
        typer.Option("--set", metavar="KIND.NAME.OPTION=VALUE", help="Check with this option (repeatable)."),
    ] = [],  # noqa: B006
    shape: Annotated[
        list[str], typer.Option(metavar="CxHxW", help="Images to try models with, such as 3x48x48 (repeatable).")
    ] = [],  # noqa: B006
    everything: Annotated[bool, typer.Option("--all", help="List the checks that hold, too.")] = False,
) -> None:
    """Hold your own methods, models, data against what lottery expects."""
    from lottery.contracts.contract import examine

    entries, shapes = _registered(files), tuple(map(_shape, shape))
    options = _options(set_, entries)
    counts = Counter[str]()
    candidates = [_candidate(entry, options, shapes) for entry in entries]  # before anything is printed
    for entry, given in zip(entries, candidates, strict=True):
        if isinstance(given, str):
            _show(entry, [], given, everything=everything)
            counts["not checked"] += 1
            continue
        outcomes = _show(entry, examine(given), everything=everything)
        counts["failed"] += sum(outcome.failure is not None for outcome in outcomes)
        counts["passed"] += sum(outcome.failure is None for outcome in outcomes)
    counted = [f"{counts[word]} {word}" for word in ("passed", "failed") if counts[word]]
    left = [f"entries not checked: {counts['not checked']}"] if counts["not checked"] else []
    print("; ".join([*([f"checks: {', '.join(counted)}"] if counted else []), *left]))
    if counts["failed"]:
        raise RunFailed(f"{counts['failed']} of {counts['failed'] + counts['passed']} checks")


def _registered(files: Iterable[Path]) -> list["Entry"]:
    """Return what files register, or modules that they import; raise LotteryError where that is nothing."""
    from lottery import plugins, registry

    found: dict[str, Entry] = {}
    for file in files:
        before = {entry.function for entry in registry.brought()}
        module = plugins.load_file(file)
        own = [one for one in registry.brought() if one.origin == module.__name__ or one.function not in before]
        if not own:
            raise LotteryError(f'{file} registers nothing; write @lottery.register("scores") above a function, say')
        found |= {f"{entry.kind}.{entry.name}": entry for entry in own}
    return [*found.values()]


def _options(overrides: Sequence[str], entries: Iterable["Entry"]) -> dict[str, dict[str, Any]]:
    """Return `kind.name` of each entry -> its options that are set."""
    import yaml

    from lottery.config import bounded_yaml
    from lottery.registry import suggestion

    found: dict[str, dict[str, Any]] = {f"{entry.kind}.{entry.name}": {} for entry in entries}
    for override in overrides:
        key, equals, text = override.partition("=")
        full, _, option = key.rpartition(".")
        if not equals or full not in found:
            near = suggestion(full, found)
            raise LotteryError(f"--set {override}: write KIND.NAME.OPTION=VALUE, of {', '.join(found)}{near}")
        try:
            found[full][option] = bounded_yaml.parse(text)
        except yaml.YAMLError:
            raise LotteryError(f"--set {override}: the value is not valid YAML") from None
    return found


def _candidate(
    entry: "Entry", options: Mapping[str, Mapping[str, Any]], shapes: tuple["Shape", ...]
) -> "Candidate | str":
    """Return an entry as it is checked, or why it can't be."""
    from lottery.contracts.contract import Unanswered, candidate

    try:
        return candidate(entry, options[f"{entry.kind}.{entry.name}"], shapes)
    except Unanswered as lacking:
        return f"not checked: an option has no default; add {lacking}"


def _shape(text: str) -> "Shape":
    sizes = re.fullmatch(r"([1-9]\d{0,3})x([1-9]\d{0,4})x([1-9]\d{0,4})", text)
    if not sizes:
        raise LotteryError(f"--shape {text}: write channels, height and width, such as 3x32x32")
    channels, height, width = map(int, sizes.groups())
    return channels, height, width


def _show(entry: "Entry", outcomes: Iterable["Outcome"], note: str = "", *, everything: bool) -> list["Outcome"]:
    """Print an entry, and of each check as it is done what it found, and if asked for, what holds; return them all."""
    from rich.text import Text

    from lottery.contracts.contract import checks
    from lottery.display.console import results_console

    console = results_console()

    def line(mark: str, text: str, style: str = "") -> None:
        lines = textwrap.wrap(text, max(40, console.width - 10), break_on_hyphens=False)
        for index, part in enumerate(lines):
            console.print(Text.assemble(f"  {'' if index else mark:8}", (part, style)), soft_wrap=True)

    console.print(Text(f"{entry.kind}.{entry.name}: {entry.summary}", style="bold"), soft_wrap=True)
    if note:
        line("", note)
        return []
    done = []
    for outcome in outcomes:
        done.append(outcome)
        if outcome.failure:
            line("FAILED", outcome.demand)
            line("", outcome.failure, "bold red")
        elif everything:
            line("ok", outcome.demand)
        if outcome.remark:
            line("", outcome.remark, "dim")
    left = len(checks(entry.kind)) - len(done)
    if left:
        line("", f"the other {left} checks build on this one, and were left out")
    passed = sum(outcome.failure is None for outcome in done)
    if not everything and passed:
        line("ok", f"{passed} checks")
    return done
