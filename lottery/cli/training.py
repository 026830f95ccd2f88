"""The commands `train`, `prune`, `rewind`, `fork` and `resume` train networks."""

import signal
import sys
from collections.abc import Sequence
from contextlib import redirect_stdout
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from lottery import escape
from lottery.cli import completion, options
from lottery.cli.opening import announce, find_run, load_config, make_setting, names_root, remake
from lottery.errors import Interrupted, LotteryError
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
    timed: options.Timed = False,
    stop_on: options.StopOn = [],  # noqa: B006
    plugin: options.Plugins = [],  # noqa: ARG001, B006
) -> None:
    """Train dense networks, or networks that are sparse from the start."""
    _begin(config, dry_run, timed)
    loaded = load_config(config, set_, device, seed, replicates)
    from lottery.studies import undertaking
    from lottery.studies.train import Train

    study = Train(make_setting(loaded, download_anywhere=names_root(set_), dry=dry_run))
    _carry_out(undertaking.new(study), runs_dir, stop_on, dry_run, timed)


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
    timed: options.Timed = False,
    stop_on: options.StopOn = [],  # noqa: B006
    plugin: options.Plugins = [],  # noqa: ARG001, B006
    accept_changes: options.AcceptChanges = False,
) -> None:
    """Train, then prune, rewind and retrain, round after round. A RUN is extended from where it ended."""
    _begin(config, dry_run, timed)
    from lottery.config.file import names_config

    if names_config(config):
        rounds = [] if iterations is None else [f"pruning.iterations={iterations}"]
        loaded = load_config(Path(config), [*set_, *rounds], device, seed, replicates)
        from lottery.studies import undertaking
        from lottery.studies.prune import Prune

        study = Prune(make_setting(loaded, download_anywhere=names_root(set_), dry=dry_run))
        _carry_out(undertaking.new(study), runs_dir, stop_on, dry_run, timed)
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

    _carry_out(
        undertaking.extension(run, iterations, make, accept_changes=accept_changes), runs_dir, stop_on, dry_run, timed
    )


def rewind(
    run: options.RunName,
    level: Annotated[
        int, typer.Option(min=0, help="Level whose tickets are retrained.", autocompletion=completion.levels)
    ],
    to: Annotated[str, typer.Option(metavar="STEP", help="Where retraining starts: 0it, 2000it, 3ep.")] = "0it",
    weights: Annotated[
        options.Weights,
        typer.Option(
            help="The dense network's at that step, a fresh initialization, what the ticket was trained to, or what it "
            "was pruned from."
        ),
    ] = options.Weights.rewind,
    mask: Annotated[
        options.MaskFrom, typer.Option(help="The ticket's; shuffled within layers; drawn anew; what was pruned first.")
    ] = options.MaskFrom.keep,
    orders: options.Orders = None,
    draws: Annotated[
        int, typer.Option(min=1, help="With --weights reinit: initializations, order j starting from number j.")
    ] = 1,
    replicates: options.FirstReplicates = None,
    set_: options.MovedOrWatched = [],  # noqa: B006
    device: options.Device = None,
    runs_dir: options.RunsDir = Path("runs"),
    dry_run: options.DryRun = False,
    timed: options.Timed = False,
    stop_on: options.StopOn = [],  # noqa: B006
    plugin: options.Plugins = [],  # noqa: ARG001, B006
    accept_changes: options.AcceptChanges = False,
) -> None:
    """Retrain a level's mask from other weights, as a new run. Such controls tell what makes a ticket."""
    _begin(run, dry_run, timed)
    parent, make = find_run(run, runs_dir), remake(set_, device, dry_run, anew=True)
    from lottery.studies import undertaking
    from lottery.studies.asked import Asked
    from lottery.studies.copies import Copies

    asked, copies = Asked(level, 0, weights.value, mask.value, draws), Copies(orders, replicates)
    work = undertaking.retrained(parent, asked, to, copies, make, accept_changes=accept_changes)
    _carry_out(work, runs_dir, stop_on, dry_run, timed)


def fork(
    run: options.RunName,
    level: Annotated[
        str,
        typer.Option(metavar="L[,L...]", help="Levels whose networks are forked.", autocompletion=completion.levels),
    ],
    at: Annotated[str, typer.Option(metavar="STEP[,STEP...]", help="Where copies leave them: 0it,500it,3ep.")],
    arm: Annotated[
        str | None,
        typer.Option(metavar="ARM[,ARM...]", help="Those of them that a level has; its main one by default."),
    ] = None,
    orders: Annotated[int, typer.Option(min=1, help="Copies at each step, in batch orders of their own.")] = 2,
    replicates: options.FirstReplicates = None,
    set_: options.MovedOrWatched = [],  # noqa: B006
    device: options.Device = None,
    runs_dir: options.RunsDir = Path("runs"),
    dry_run: options.DryRun = False,
    timed: options.Timed = False,
    stop_on: options.StopOn = [],  # noqa: B006
    plugin: options.Plugins = [],  # noqa: ARG001, B006
    accept_changes: options.AcceptChanges = False,
) -> None:
    """Train networks of a run again, and copies that part from them. It is what instability analysis asks about."""
    _begin(run, dry_run, timed)
    parent, make = find_run(run, runs_dir), remake(set_, device, dry_run, anew=True)
    if not all(number.strip().isdecimal() for number in level.split(",")):
        raise LotteryError(f"level: {level!r} is no list of levels; write --level 0,5")
    from lottery.studies import undertaking
    from lottery.studies.copies import Copies
    from lottery.studies.fork import Wanted

    wanted = Wanted(tuple(map(int, level.split(","))), arm and _listed(arm), _listed(at))
    work = undertaking.forked(parent, wanted, Copies(orders, replicates), make, accept_changes=accept_changes)
    _carry_out(work, runs_dir, stop_on, dry_run, timed)


def _listed(text: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in text.split(","))


def resume(
    run: options.RunName,
    set_: options.Moved = [],  # noqa: B006
    device: options.Device = None,
    runs_dir: options.RunsDir = Path("runs"),
    stop_on: options.StopOn = [],  # noqa: B006
    plugin: options.Plugins = [],  # noqa: ARG001, B006
    accept_changes: options.AcceptChanges = False,
) -> None:
    """Go on where a run stopped, whatever stopped it."""
    announce(run)
    found, make = find_run(run, runs_dir, unfinished=True), remake(set_, device)
    from lottery.studies import undertaking

    if undertaking.is_done(found):
        message(f"{found.path} is finished already")
        _show(found)
        return
    _carry_out(undertaking.resumption(found, make, accept_changes=accept_changes), runs_dir, stop_on)


def _begin(name: object, dry_run: bool, timed: bool) -> None:
    """Say what is read, if it is asked for what can be had."""
    if timed and not dry_run:
        raise LotteryError("--time goes with --dry-run: it tells how long a study will take, and trains nothing of it")
    announce(name)


def _carry_out(
    work: "Undertaking",
    runs_dir: Path,
    stop_on: Sequence[signal.Signals],
    dry_run: bool = False,
    timed: bool = False,
) -> None:
    """Carry out what a command asks for, and show what was found; or, dry, what it would take."""
    if dry_run:
        _forecast(work, timed)
        return
    from lottery.display.attended import carry_out
    from lottery.display.onlooker import Onlooker

    with redirect_stdout(sys.stderr):  # what a plugin prints is no result
        run = carry_out(work, runs_dir, {"command": ["lottery", *sys.argv[1:]]}, Onlooker(stop_on=stop_on))
    _show(run)


def _show(run: "Reader") -> None:
    try:
        from lottery.display.found import show  # with matplotlib, which nothing waits for that is to be trained

        show([run])
    except KeyboardInterrupt:
        raise Interrupted(f"interrupted; all is trained: lottery report {escape.shell(run.path)}") from None


def _forecast(work: "Undertaking", timed: bool) -> None:
    from lottery.display.console import results_console
    from lottery.reporting.tables import forecast_table
    from lottery.studies import timing
    from lottery.studies.forecast import forecast

    layout, times = work.laid_out(), None
    if timed:
        message("training a few steps, to time them; nothing is written")
        times = timing.timed(work.study, work.levels, layout[0])
    results_console().print(forecast_table(forecast(work.study.setting, work.levels, layout, times)))
