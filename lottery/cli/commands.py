"""The command line: parse, call a study, print. torch is imported inside commands, so that `--help` is instant.

Progress and messages go to stderr, results to stdout. Exit codes: 2 for what the user can fix, 1 for a failed run,
130 for an interrupted one.
"""

import gc
import json
import signal
import sys
from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from lottery import escape, streams
from lottery.cli import signals
from lottery.errors import Interrupted, LotteryError, RunFailed
from lottery.streams import message

if TYPE_CHECKING:
    from lottery.config.schema import Config
    from lottery.store.files import Record
    from lottery.store.run import Run
    from lottery.studies.setting import Setting

_WHILE_TRAINING = (10_000, 10, 10)
"""Thresholds of the garbage collector: with each file, libraries leave some garbage, and a study writes thousands."""

app = typer.Typer(
    help="Lottery-ticket and sparse-training studies: train, prune, rewind, report.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)


class Weights(StrEnum):
    """Which weights a mask is retrained from."""

    rewind = "rewind"
    reinit = "reinit"
    final = "final"


class MaskFrom(StrEnum):
    """Which mask is retrained."""

    keep = "keep"
    shuffle = "shuffle"
    random = "random"
    invert = "invert"


ConfigFile = Annotated[Path, typer.Argument(metavar="CONFIG", help="A YAML file.")]
RunName = Annotated[str, typer.Argument(metavar="RUN", help="A run directory, its name, or `latest`.")]
Set = Annotated[list[str], typer.Option("--set", metavar="KEY.PATH=VALUE", help="Override a setting (repeatable).")]
Device = Annotated[str | None, typer.Option(help="auto, cpu, cuda, cuda:1, mps.")]
Seed = Annotated[int | None, typer.Option(min=0, help="Override the seed.")]
Replicates = Annotated[int | None, typer.Option(min=1, help="Override the number of replicates.")]
RunsDir = Annotated[Path, typer.Option(help="Where run directories are.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Print what would be trained, and train nothing.")]
StopOn = Annotated[
    list[signal.Signals],
    typer.Option(
        "--stop-on",
        parser=signals.parse,
        metavar="SIGNAL",
        envvar="LOTTERY_STOP_ON",
        help="A further signal that means: save and stop, such as USR1 (repeatable).",
    ),
]
Iterations = Annotated[int | None, typer.Option(min=1, help="Rounds of pruning; of a RUN, further rounds.")]


@app.command()
def train(
    config: ConfigFile,
    set_: Set = [],  # noqa: B006
    device: Device = None,
    seed: Seed = None,
    replicates: Replicates = None,
    runs_dir: RunsDir = Path("runs"),
    dry_run: DryRun = False,
    stop_on: StopOn = [],  # noqa: B006
) -> None:
    """Train the dense network, or networks that are sparse from the start."""
    loaded = _load(config, set_, device, seed, replicates)
    _new_run("train", loaded, runs_dir, dry_run, stop_on, download_anywhere=_names_root(set_))


@app.command()
def prune(
    config: Annotated[str, typer.Argument(metavar="CONFIG|RUN", help="A YAML file; or a run, to be extended.")],
    iterations: Iterations = None,
    set_: Set = [],  # noqa: B006
    device: Device = None,
    seed: Seed = None,
    replicates: Replicates = None,
    runs_dir: RunsDir = Path("runs"),
    dry_run: DryRun = False,
    stop_on: StopOn = [],  # noqa: B006
) -> None:
    """Train, then prune, rewind and retrain, round after round. A RUN is extended from where it ended."""
    if Path(config).is_file():
        rounds = [] if iterations is None else [f"pruning.iterations={iterations}"]
        loaded = _load(Path(config), [*set_, *rounds], device, seed, replicates)
        _new_run("prune", loaded, runs_dir, dry_run, stop_on, download_anywhere=_names_root(set_))
        return
    if set_ or seed is not None or replicates is not None:
        raise LotteryError("a run keeps its config: only --iterations and --device may be given with a RUN")
    run = _find(config, runs_dir)
    if iterations is None:
        raise LotteryError("say how many further rounds: --iterations N (`lottery resume` finishes what was begun)")
    from lottery.studies.plan import plan
    from lottery.studies.prune import extended

    setting = _prepare(extended(run, iterations), device)
    levels = plan(setting, "prune")
    if dry_run:
        trained = {line["level"] for line in run.levels()}
        _forecast(setting, [level for level in levels if level.number not in trained])
        return
    with run.working():
        run.write_config(setting.config)
        if run.record["study"] == "train":
            run.update(study="prune", layout=None)  # pruning has larger groups, for which it is chosen anew
        _carry_out(run, setting, stop_on)


@app.command()
def rewind(
    run: RunName,
    level: Annotated[int, typer.Option(min=0, help="Level whose tickets are retrained.")],
    to: Annotated[str, typer.Option(metavar="STEP", help="Where retraining starts: 0it, 2000it, 3ep.")] = "0it",
    weights: Annotated[
        Weights,
        typer.Option(help="The dense network's at that step, a fresh initialization, or the ticket's final ones."),
    ] = Weights.rewind,
    mask: Annotated[
        MaskFrom, typer.Option(help="The ticket's; shuffled within layers; drawn anew; what was pruned first.")
    ] = MaskFrom.keep,
    device: Device = None,
    runs_dir: RunsDir = Path("runs"),
    dry_run: DryRun = False,
    stop_on: StopOn = [],  # noqa: B006
) -> None:
    """Retrain a level's mask from other weights, as a new run: the controls that tell what makes a ticket."""
    from dataclasses import asdict

    from lottery.config.values import Duration
    from lottery.studies.rewind import Rewind, forecast_rewind, lay_down, parent_layout, retraining, starts

    parent = _find(run, runs_dir)
    if parent.record["study"] == "rewind":
        raise LotteryError(f"{parent.path} was itself made by rewind; rewind its parent, {parent.record.get('parent')}")
    try:
        duration = Duration.parse(to)
    except ValueError as error:
        raise LotteryError(f"--to: {error}") from None
    setting = _prepare(retraining(parent.config), device)
    about = Rewind(level=level, to=duration.steps(setting.epoch), weights=weights.value, mask=mask.value)
    levels = forecast_rewind(parent, setting, about)
    layout = parent_layout(parent, setting, levels)
    if dry_run:
        _forecast(setting, levels, layout)
        return
    found = starts(parent, setting, about)  # all is read before a run is made
    record = {"parent": str(parent.path.resolve()), "rewind": asdict(about), **layout}
    new = _create("rewind", setting, levels, runs_dir, **record)
    lay_down(new, setting, found)
    _carry_out(new, setting, stop_on)


@app.command()
def resume(
    run: RunName,
    device: Device = None,
    runs_dir: RunsDir = Path("runs"),
    stop_on: StopOn = [],  # noqa: B006
) -> None:
    """Go on where a run stopped, whatever stopped it."""
    found = _find(run, runs_dir)
    if found.record["status"] == "finished":
        with found.working():
            found.settle(lambda record: False)  # noqa: ARG005
        message(f"{found.path} is finished already")
        _report([found])
        return
    _carry_out(found, _prepare(found.config, device), stop_on)


@app.command()
def report(
    runs: Annotated[list[str], typer.Argument(metavar="RUN...", help="Run directories, their names, or `latest`.")],
    runs_dir: RunsDir = Path("runs"),
    csv: Annotated[bool, typer.Option("--csv", help="Print one table of all runs as CSV.")] = False,
    json: Annotated[bool, typer.Option("--json", help="The same as JSON.")] = False,
    markdown: Annotated[bool, typer.Option("--markdown", help="The same as Markdown.")] = False,
    latex: Annotated[bool, typer.Option("--latex", help="The same as LaTeX (booktabs).")] = False,
    watch: Annotated[
        bool, typer.Option("--watch", help="Show the tables while the runs train, anew every 5 s.")
    ] = False,
    html: Annotated[bool, typer.Option("--html", help="Write report/report.html too, which works offline.")] = False,
    verdicts: Annotated[bool, typer.Option("--verdicts", help="Print definitions, numbers and verdicts.")] = False,
) -> None:
    """Print what runs have found, and draw it into their report/ folders; asked for a format, print that alone."""
    asked = [name for name, given in (("csv", csv), ("json", json), ("markdown", markdown), ("latex", latex)) if given]
    if len(asked) + verdicts > 1:
        raise LotteryError(f"one at a time: {', '.join(f'--{name}' for name in [*asked, *['verdicts'] * verdicts])}")
    if watch:
        _watch([_find(run, runs_dir) for run in runs])
    found = _readable(runs, runs_dir)
    if asked:
        from lottery.report.rows import FORMATS, rows

        print(FORMATS[asked[0]]([row for run in found for row in rows(run)]), end="")
    elif verdicts:
        from lottery.report.jackpot import jackpot_lines
        from lottery.report.tables import verdict_lines

        for run in found:
            print(escape.visible(run.record["id"]) + ":", *map(escape.visible, verdict_lines(run)), sep="\n")
        print(*map(escape.visible, jackpot_lines(found)), sep="\n")
    else:
        _report(found, everything=True)
    if html:
        from lottery.report.html import page
        from lottery.store import files

        path = found[0].report_dir / "report.html"
        files.write_text(path, page(found))
        tell = message if asked or verdicts else print
        tell(f"page: {escape.visible(str(path))}")


@app.command("runs")
def list_runs(runs_dir: RunsDir = Path("runs")) -> None:
    """List the runs that are there."""
    from lottery.report.listing import listing
    from lottery.store.directory import run_paths

    if not runs_dir.is_dir():
        raise LotteryError(f"{runs_dir} is not there; name another folder with --runs-dir")
    paths = run_paths(runs_dir)
    if paths:
        print(*listing(paths), sep="\n")
    else:
        message(f"no runs in {runs_dir} yet; start one: lottery prune configs/quickstart.yaml")


@app.command()
def methods() -> None:
    """List the names that can be written in a config, with their options."""
    from rich.text import Text

    from lottery import registry
    from lottery.cli.console import results_console

    console = results_console()
    for kind, meaning in registry.KINDS.items():
        console.print(Text(f"{kind}: {meaning}", style="bold"))
        for name in registry.names(kind):
            entry = registry.find(kind, name)
            options = ", ".join(
                key if field.is_required() else f"{key}={_plain(field.default)}"
                for key, field in entry.options.model_fields.items()
            )
            console.print(Text(f"  {name}{f' ({options})' if options else ''}: {entry.summary}"), soft_wrap=True)


@app.command("config")
def show_config(
    config: Annotated[Path | None, typer.Argument(metavar="CONFIG", help="A YAML file.")] = None,
    set_: Set = [],  # noqa: B006
    schema: Annotated[bool, typer.Option("--schema", help="Print the JSON Schema of configs, for editors.")] = False,
) -> None:
    """Print a config with every default written out, or the schema of all configs."""
    from lottery.config.file import load
    from lottery.config.schema import Config

    if schema:
        print(json.dumps(Config.model_json_schema(), indent=2))
    elif config is None:
        raise LotteryError("name a config file, or ask for --schema")
    else:
        print(load(config, set_).to_yaml(), end="")


def main() -> None:
    """Entry point of the `lottery` command."""
    # torch and matplotlib make some hundred thousand objects that stay: looking through them for garbage while they are
    # imported, and once more at exit, takes half a second.
    gc.set_threshold(100_000, 50, 100)
    streams.protect()
    try:
        _check_arguments(sys.argv[1:])
        try:
            app()
        finally:
            sys.stdout.flush()  # what it can't take is told here, and not when Python ends
    except LotteryError as error:
        message(f"error: {error}")
        sys.exit(2)
    except RunFailed as error:
        message(f"failed: {error}")
        sys.exit(1)
    except (Interrupted, KeyboardInterrupt) as error:
        message(str(error) or "interrupted")
        sys.exit(130)
    except BrokenPipeError:  # the reader of a pipe has gone, as `head` does
        sys.exit(1)
    except MemoryError:
        message("failed: out of memory; nothing finished is lost")
        sys.exit(1)
    except OSError as error:
        if error.filename is None:
            raise
        message(f"error: {_shortened(str(error.filename))}: {(error.strerror or str(error)).lower()}")
        sys.exit(2)


def _check_arguments(arguments: Sequence[str]) -> None:
    """Raise LotteryError for one that couldn't be kept in a run's record: with control characters, or not in UTF-8."""
    for argument in arguments:
        if escape.has_controls(argument):
            shown = escape.visible(argument)
            raise LotteryError(f"{_shortened(shown)}: write it in one line, without control characters, in UTF-8")


def _shortened(text: str) -> str:
    return text if len(text) <= 100 else f"{text[:60]}...{text[-30:]}"


def _plain(value: object) -> str:
    return str(list(value)) if isinstance(value, tuple) else str(value)


def _load(
    path: Path, overrides: Sequence[str], device: str | None, seed: int | None, replicates: int | None
) -> "Config":
    from lottery.config import file as config_file

    flags = {"device": device, "seed": seed, "replicates": replicates}
    given = [f"{key}={value}" for key, value in flags.items() if value is not None]
    return config_file.load(path, [*overrides, *given])


def _names_root(overrides: Sequence[str]) -> bool:
    """Whether the command line says where the data are, rather than a file, which may be a stranger's."""
    return any(override.partition("=")[0] in ("data", "data.root") for override in overrides)


def _prepare(config: "Config", device: str | None = None, *, download_anywhere: bool = False) -> "Setting":
    from lottery.studies.setting import prepare

    gc.freeze()  # torch is there now; later, triton's libraries, which torchvision imports, would call it a leak
    gc.set_threshold(*_WHILE_TRAINING)  # what is frozen isn't looked through, so this costs next to nothing
    config = config if device is None else config.model_copy(update={"device": device})
    return prepare(config, download_anywhere=download_anywhere)


def _find(name: str, runs_dir: Path) -> "Run":
    from lottery.store.run import find_run

    return find_run(name, runs_dir)


def _readable(names: Sequence[str], runs_dir: Path) -> "list[Run]":
    """The runs that can be read; the others are named on stderr. Raises LotteryError where there is none."""
    from lottery.report.snapshot import Snapshot

    found: list[Run] = []
    for name in names:
        try:
            run = Snapshot(_find(name, runs_dir).path)
            _ = run.config, run.whole_metrics()
            found.append(run)
        except LotteryError as error:
            if len(names) == 1:
                raise
            message(f"left out: {str(error).splitlines()[0]}")
    if not found:
        raise LotteryError("none of these runs can be read")
    return found


def _new_run(
    study: str,
    config: "Config",
    runs_dir: Path,
    dry_run: bool,
    stop_on: Sequence[signal.Signals],
    *,
    download_anywhere: bool,
) -> None:
    from lottery.studies.plan import plan

    setting = _prepare(config, download_anywhere=download_anywhere)
    levels = plan(setting, study)
    if dry_run:
        _forecast(setting, levels)
        return
    _carry_out(_create(study, setting, levels, runs_dir), setting, stop_on)


def _create(study: str, setting: "Setting", levels: Sequence[Any], runs_dir: Path, **record: Any) -> "Run":
    from lottery.store.run import Run
    from lottery.studies.forecast import check_disk

    check_disk(next(folder for folder in (runs_dir, *runs_dir.absolute().parents) if folder.exists()), setting, levels)
    run = Run.create(runs_dir, setting.config, {"study": study, "command": ["lottery", *sys.argv[1:]], **record})
    message(f"run: {run.path}")
    return run


def _carry_out(run: "Run", setting: "Setting", stop_on: Sequence[signal.Signals]) -> None:
    from lottery.cli.console import progress_console
    from lottery.cli.progress import Display
    from lottery.cli.signals import asked_to_stop
    from lottery.studies.execute import execute
    from lottery.studies.mirror import tracked

    console = progress_console()
    try:
        with asked_to_stop(console.print, stop_on) as stop, Display(console) as shown, tracked(run, shown) as watcher:
            execute(run, setting, watcher, stop)
    except (Interrupted, KeyboardInterrupt):
        raise Interrupted(f"interrupted; go on with: lottery resume {run.path}") from None
    _report([run])


def _watch(runs: Sequence["Run"], seconds: float = 5.0) -> None:
    """Show tables of runs until none of them is being worked on."""
    import time

    from rich.console import Group
    from rich.live import Live

    from lottery.cli.console import progress_console
    from lottery.report.tables import run_tables
    from lottery.store.locks import is_locked

    with Live(console=progress_console(), transient=True, auto_refresh=False) as live:
        while any(is_locked(run.path) for run in runs):
            live.update(Group(*(run_tables(run) for run in runs)), refresh=True)
            time.sleep(seconds)


def _report(runs: Sequence["Run"], everything: bool = False) -> None:
    """Print tables and draw figures; with `everything`, of the tickets too, and as SVG."""
    from lottery.cli.console import results_console
    from lottery.report.draw import draw
    from lottery.report.tables import comparison_tables, run_tables

    console = results_console()
    for run in runs:
        console.print(run_tables(run))
    if len(runs) > 1:
        console.print(comparison_tables(runs))
    try:
        for path in draw(runs, everything):
            console.print(f"figure: {path}", soft_wrap=True)
    except OSError as error:
        message(f"no figures: {error.filename or runs[0].path} can't be written ({error.strerror})")


def _forecast(setting: "Setting", levels: Sequence[Any], record: "Record | None" = None) -> None:
    from lottery.cli.console import results_console
    from lottery.studies.forecast import forecast

    results_console().print(forecast(setting, levels, record))
