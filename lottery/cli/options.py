"""Several commands share these arguments and options."""

import signal
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from lottery import signals
from lottery.cli import completion
from lottery.streams import message


class Weights(StrEnum):
    """A mask is retrained from one of these kinds of weights."""

    rewind = "rewind"
    reinit = "reinit"
    final = "final"
    pruned = "pruned"


class MaskFrom(StrEnum):
    """One of these masks is retrained."""

    keep = "keep"
    shuffle = "shuffle"
    random = "random"
    invert = "invert"


ConfigFile = Annotated[Path, typer.Argument(metavar="CONFIG", help="A YAML file.", autocompletion=completion.configs)]
RunName = Annotated[
    str,
    typer.Argument(
        metavar="RUN",
        help="A run directory, its name or how that begins, or `latest`.",
        autocompletion=completion.runs,
    ),
]
Set = Annotated[
    list[str],
    typer.Option(
        "--set",
        metavar="KEY.PATH=VALUE",
        help="Override a setting (repeatable); {KEY: VALUE} changes these keys, and leaves others as they are.",
        autocompletion=completion.settings,
    ),
]
Moved = Annotated[
    list[str],
    typer.Option(
        "--set",
        metavar="data.root=FOLDER",
        help="Where the run's data are now; nothing else.",
        autocompletion=lambda: ["data.root="],
    ),
]
MovedOrWatched = Annotated[
    list[str],
    typer.Option(
        "--set",
        metavar="KEY=VALUE",
        help="data.root: where the run's data are now; probes, analyses: what looks on; nothing else.",
        autocompletion=lambda: ["data.root=", "probes=", "analyses="],
    ),
]
Device = Annotated[str | None, typer.Option(help="auto, cpu, cuda, cuda:1, mps.", autocompletion=completion.devices)]
Seed = Annotated[int | None, typer.Option(min=0, help="Override the seed.")]
Replicates = Annotated[int | None, typer.Option(min=1, help="Override the number of replicates.")]
RunsDir = Annotated[Path, typer.Option(help="Where run directories are.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Print what would be trained, and train nothing.")]
Timed = Annotated[
    bool, typer.Option("--time", help="With --dry-run: time a few steps, and say how long all of it will take.")
]
StopOn = Annotated[
    list[signal.Signals],
    typer.Option(
        "--stop-on",
        parser=signals.parse,
        metavar="SIGNAL",
        autocompletion=completion.signals,
        envvar="LOTTERY_STOP_ON",
        help="A further signal that means: save and stop, such as USR1 (repeatable).",
    ),
]


def _load(ctx: typer.Context, files: list[Path]) -> list[Path]:
    """Load plugins before the command begins, which may name what they bring; not at the tab key."""
    if not ctx.resilient_parsing:
        from lottery.plugins import load

        if files:
            message(f"loading {', '.join(map(str, files))}")
        load(files)
    return files


Plugins = Annotated[
    list[Path],
    typer.Option(
        "--plugin",
        metavar="FILE",
        callback=_load,
        help="Load your own methods, models, data (or $LOTTERY_PLUGINS); `lottery check FILE` tests them.",
    ),
]
AcceptChanges = Annotated[
    bool, typer.Option("--accept-changes", help="Go on though a plugin has changed since; the run keeps that it did.")
]
Orders = Annotated[int | None, typer.Option(min=1, help="Trainings of each, in batch orders of their own.")]
FirstReplicates = Annotated[int | None, typer.Option(min=1, help="The first so many of the run's alone.")]
Iterations = Annotated[int | None, typer.Option(min=1, help="Rounds of pruning; of a RUN, further rounds.")]
