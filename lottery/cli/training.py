"""The commands `train`, `prune`, `rewind` and `resume` train networks."""

import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from lottery.cli import completion, options
from lottery.cli.opening import announce, find_run, load_config, make_setting, names_root, remake
from lottery.errors import LotteryError
from lottery.streams import message

if TYPE_CHECKING:
    from lottery.store.reader import Reader
    from lottery.studies.undertaking import Undertaking


def train(
    config: options.ConfigFile,
    set_: options.Set = [],  # noqa: B006
    device: options.Device = None,
    seed: options.Seed = None,
    replicates: options.Replicates = None,
    runs_dir: options.RunsDir = Path("runs"),
    dry_run: options.DryRun = False,
    stop_on: options.StopOn = [],  # noqa: B006
    plugin: options.Plugins = [],  # noqa: ARG001, B006
) -> None:
    """Train dense networks, or networks that are sparse from the start."""
    announce(config)
    loaded = load_config(config, set_, device, seed, replicates)
    from lottery.studies import undertaking
    from lottery.studies.train import Train

    study = Train(make_setting(loaded, download_anywhere=names_root(set_), dry=dry_run))
    _carry_out(undertaking.new(study), runs_dir, dry_run, stop_on)


def prune(
    config: Annotated[
        str,
        typer.Argument(
            metavar="CONFIG|RUN",
            help="A YAML file; or a run, to be extended.",
            autocompletion=completion.configs_or_runs,
        ),
    ],
    iterations: options.Iterations = None,
    set_: options.Set = [],  # noqa: B006
    device: options.Device = None,
    seed: options.Seed = None,
    replicates: options.Replicates = None,
    runs_dir: options.RunsDir = Path("runs"),
    dry_run: options.DryRun = False,
    stop_on: options.StopOn = [],  # noqa: B006
    plugin: options.Plugins = [],  # noqa: ARG001, B006
) -> None:
    """Train, then prune, rewind and retrain, round after round. A RUN is extended from where it ended."""
    announce(config)
    from lottery.config.file import names_config

    if names_config(config):
        rounds = [] if iterations is None else [f"pruning.iterations={iterations}"]
        loaded = load_config(Path(config), [*set_, *rounds], device, seed, replicates)
        from lottery.studies import undertaking
        from lottery.studies.prune import Prune

        study = Prune(make_setting(loaded, download_anywhere=names_root(set_), dry=dry_run))
        _carry_out(undertaking.new(study), runs_dir, dry_run, stop_on)
        return
    run = find_run(config, runs_dir)
    make = remake(set_, device, dry_run)
    if seed is not None or replicates is not None:
        raise LotteryError(
            "a run keeps its config: only --iterations, --device and --set data.root=FOLDER may be given with a RUN"
        )
    if iterations is None:
        raise LotteryError("say how many further rounds: --iterations N (`lottery resume` finishes what was begun)")
    from lottery.studies import undertaking

    _carry_out(undertaking.extension(run, iterations, make), runs_dir, dry_run, stop_on)


def rewind(
    run: options.RunName,
    level: Annotated[
        int, typer.Option(min=0, help="Level whose tickets are retrained.", autocompletion=completion.levels)
    ],
    to: Annotated[str, typer.Option(metavar="STEP", help="Where retraining starts: 0it, 2000it, 3ep.")] = "0it",
    weights: Annotated[
        options.Weights,
        typer.Option(help="The dense network's at that step, a fresh initialization, or the ticket's final ones."),
    ] = options.Weights.rewind,
    mask: Annotated[
        options.MaskFrom, typer.Option(help="The ticket's; shuffled within layers; drawn anew; what was pruned first.")
    ] = options.MaskFrom.keep,
    set_: options.Moved = [],  # noqa: B006
    device: options.Device = None,
    runs_dir: options.RunsDir = Path("runs"),
    dry_run: options.DryRun = False,
    stop_on: options.StopOn = [],  # noqa: B006
    plugin: options.Plugins = [],  # noqa: ARG001, B006
) -> None:
    """Retrain a level's mask from other weights, as a new run. Such controls tell what makes a ticket."""
    announce(run)
    parent, make = find_run(run, runs_dir), remake(set_, device, dry_run)
    from lottery.studies import undertaking

    work = undertaking.retrained(parent, level, to, weights.value, mask.value, make)
    _carry_out(work, runs_dir, dry_run, stop_on)


def resume(
    run: options.RunName,
    set_: options.Moved = [],  # noqa: B006
    device: options.Device = None,
    runs_dir: options.RunsDir = Path("runs"),
    stop_on: options.StopOn = [],  # noqa: B006
    plugin: options.Plugins = [],  # noqa: ARG001, B006
) -> None:
    """Go on where a run stopped, whatever stopped it."""
    announce(run)
    found, make = find_run(run, runs_dir), remake(set_, device)
    from lottery.studies import undertaking

    if undertaking.is_done(found):
        message(f"{found.path} is finished already")
        _show(found)
        return
    _carry_out(undertaking.resumption(found, make), runs_dir, dry_run=False, stop_on=stop_on)


def _carry_out(work: "Undertaking", runs_dir: Path, dry_run: bool, stop_on: Sequence[signal.Signals]) -> None:
    """Carry out what a command asks for, and show what was found; or, dry, what it would take."""
    if dry_run:
        from lottery.display.console import results_console
        from lottery.reporting.tables import forecast_table
        from lottery.studies.forecast import forecast

        results_console().print(forecast_table(forecast(work.study.setting, work.levels, work.layout)))
        return
    from lottery.display.attended import carry_out
    from lottery.display.onlooker import Onlooker

    _show(carry_out(work, runs_dir, {"command": ["lottery", *sys.argv[1:]]}, Onlooker(stop_on=stop_on)))


def _show(run: "Reader") -> None:
    from lottery.display.found import show  # with matplotlib, which nothing waits for that is to be trained

    show([run])
