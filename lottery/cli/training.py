"""The commands `train`, `prune`, `rewind` and `resume` train networks."""

import signal
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from lottery.cli import options
from lottery.cli.opening import find_run, load_config, make_setting, names_root
from lottery.cli.reports import show
from lottery.errors import Interrupted, LotteryError
from lottery.streams import message

if TYPE_CHECKING:
    from lottery.store.run import Run
    from lottery.studies.layout import Layout
    from lottery.studies.plan import Level
    from lottery.studies.study import Study


def train(
    config: options.ConfigFile,
    set_: options.Set = [],  # noqa: B006
    device: options.Device = None,
    seed: options.Seed = None,
    replicates: options.Replicates = None,
    runs_dir: options.RunsDir = Path("runs"),
    dry_run: options.DryRun = False,
    stop_on: options.StopOn = [],  # noqa: B006
) -> None:
    """Train the dense network, or networks that are sparse from the start."""
    loaded = load_config(config, set_, device, seed, replicates)
    from lottery.studies.train import Train

    _new_run(Train(make_setting(loaded, download_anywhere=names_root(set_))), runs_dir, dry_run, stop_on)


def prune(
    config: Annotated[str, typer.Argument(metavar="CONFIG|RUN", help="A YAML file; or a run, to be extended.")],
    iterations: options.Iterations = None,
    set_: options.Set = [],  # noqa: B006
    device: options.Device = None,
    seed: options.Seed = None,
    replicates: options.Replicates = None,
    runs_dir: options.RunsDir = Path("runs"),
    dry_run: options.DryRun = False,
    stop_on: options.StopOn = [],  # noqa: B006
) -> None:
    """Train, then prune, rewind and retrain, round after round. A RUN is extended from where it ended."""
    if Path(config).is_file():
        rounds = [] if iterations is None else [f"pruning.iterations={iterations}"]
        loaded = load_config(Path(config), [*set_, *rounds], device, seed, replicates)
        from lottery.studies.prune import Prune

        _new_run(Prune(make_setting(loaded, download_anywhere=names_root(set_))), runs_dir, dry_run, stop_on)
        return
    if set_ or seed is not None or replicates is not None:
        raise LotteryError("a run keeps its config: only --iterations and --device may be given with a RUN")
    run = find_run(config, runs_dir)
    if iterations is None:
        raise LotteryError("say how many further rounds: --iterations N (`lottery resume` finishes what was begun)")
    from lottery.store.run import Run
    from lottery.studies.prune import Prune, extended

    study = Prune(make_setting(extended(run, iterations), device))
    if dry_run:
        trained = {line["level"] for line in run.levels()}
        _forecast(study, [level for level in study.levels if level.number not in trained])
        return
    own = Run(run.path)
    with own.working():
        # Not finished from now on: whatever comes between, `lottery resume` goes on.
        anew = {} if run.record["study"] == study.name else {"study": study.name, "layout": None}  # of larger groups
        own.update(status="interrupted", **anew)
        own.write_config(study.setting.config)
        _carry_out(own, study, stop_on)


def rewind(
    run: options.RunName,
    level: Annotated[int, typer.Option(min=0, help="Level whose tickets are retrained.")],
    to: Annotated[str, typer.Option(metavar="STEP", help="Where retraining starts: 0it, 2000it, 3ep.")] = "0it",
    weights: Annotated[
        options.Weights,
        typer.Option(help="The dense network's at that step, a fresh initialization, or the ticket's final ones."),
    ] = options.Weights.rewind,
    mask: Annotated[
        options.MaskFrom, typer.Option(help="The ticket's; shuffled within layers; drawn anew; what was pruned first.")
    ] = options.MaskFrom.keep,
    device: options.Device = None,
    runs_dir: options.RunsDir = Path("runs"),
    dry_run: options.DryRun = False,
    stop_on: options.StopOn = [],  # noqa: B006
) -> None:
    """Retrain a level's mask from other weights, as a new run: the controls that tell what makes a ticket."""
    from dataclasses import asdict

    from lottery.config.values import Duration
    from lottery.studies.rewind import Asked, Rewind, retraining

    parent = find_run(run, runs_dir)
    if parent.record["study"] == "rewind":
        raise LotteryError(f"{parent.path} was itself made by rewind; rewind its parent, {parent.record.get('parent')}")
    try:
        duration = Duration.parse(to)
    except ValueError as error:
        raise LotteryError(f"--to: {error}") from None
    setting = make_setting(retraining(parent.config), device)
    asked = Asked(level=level, to=duration.steps(setting.epoch), weights=weights.value, mask=mask.value)
    study = Rewind.of_parent(parent, setting, asked)
    layout = study.parent_layout(parent)
    if dry_run:
        _forecast(study, study.levels, layout)
        return
    study.read(parent)  # all is read before a run is made
    record: dict[str, object] = {
        "parent": str(parent.path.resolve()),
        "parent_id": parent.record["id"],
        "rewind": asdict(asked),
    }
    if layout is not None:
        record |= {"layout": asdict(layout[0]), "layout_because": layout[1]}
    _carry_out(_create(study, runs_dir, record), study, stop_on)


def resume(
    run: options.RunName,
    device: options.Device = None,
    runs_dir: options.RunsDir = Path("runs"),
    stop_on: options.StopOn = [],  # noqa: B006
) -> None:
    """Go on where a run stopped, whatever stopped it."""
    from lottery.store.run import Run

    found = Run(find_run(run, runs_dir).path)
    if found.record["status"] == "finished" and not found.lacks_networks():
        with found.working():
            found.settle(lambda line: False)  # noqa: ARG005
        message(f"{found.path} is finished already")
        show([found])
        return
    from lottery.studies.kinds import study_of

    _carry_out(found, study_of(found, make_setting(found.config, device)), stop_on)


def _new_run(study: "Study", runs_dir: Path, dry_run: bool, stop_on: Sequence[signal.Signals]) -> None:
    if dry_run:
        _forecast(study, study.levels)
        return
    _carry_out(_create(study, runs_dir, {}), study, stop_on)


def _create(study: "Study", runs_dir: Path, record: Mapping[str, object]) -> "Run":
    from lottery.store.run import Run
    from lottery.studies.forecast import check_disk

    folder = next(folder for folder in (runs_dir, *runs_dir.absolute().parents) if folder.exists())
    check_disk(folder, study.setting, study.levels)
    about = {"study": study.name, "command": ["lottery", *sys.argv[1:]], **record}
    run = Run.create(runs_dir, study.setting.config, about)
    message(f"run: {run.path}")
    return run


def _carry_out(run: "Run", study: "Study", stop_on: Sequence[signal.Signals]) -> None:
    from lottery.cli.console import progress_console
    from lottery.cli.progress import Display
    from lottery.cli.signals import asked_to_stop
    from lottery.studies.execute import execute
    from lottery.studies.mirror import tracked

    console, metric = progress_console(), study.setting.task.metrics[0]
    try:
        with (
            asked_to_stop(console.print, stop_on) as stop,
            Display(console, metric) as shown,
            tracked(run, shown) as watcher,
        ):
            execute(run, study, watcher, stop)
    except (Interrupted, KeyboardInterrupt):
        raise Interrupted(f"interrupted; go on with: lottery resume {run.path}") from None
    show([run])


def _forecast(study: "Study", levels: "Sequence[Level]", kept: "tuple[Layout, str] | None" = None) -> None:
    from lottery.cli.console import results_console
    from lottery.report.tables import forecast_table
    from lottery.studies.forecast import forecast

    results_console().print(forecast_table(forecast(study.setting, levels, kept)))
