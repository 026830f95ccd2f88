"""Studies from Python, in a script, a notebook or any thread: what the commands of the same names do.

A config is the path of a YAML file, or a dict of the same keys. A run is a path, a name, `latest`, or `Results`.
"""

from collections.abc import Callable, Mapping, Sequence
from os import PathLike

from lottery import arguments
from lottery.calls import Call, ConfigLike, Data, Model, Plugins, one_at_a_time
from lottery.config.file import names_config
from lottery.errors import LotteryError
from lottery.escape import shown
from lottery.results import Results, RunLike, find
from lottery.studies import undertaking
from lottery.studies.asked import Asked, MaskFrom, Weights
from lottery.studies.copies import Copies
from lottery.studies.fork import Wanted
from lottery.studies.prune import Prune
from lottery.studies.train import Train


@one_at_a_time
def train(
    config: ConfigLike,
    *,
    model: Model | None = None,
    data: Data | None = None,
    settings: Mapping[str, object] | None = None,
    device: str | None = None,
    seed: int | None = None,
    replicates: int | None = None,
    runs_dir: str | PathLike[str] = "runs",
    plugins: Plugins = (),
    progress: bool = True,
    stop: Callable[[], bool] | None = None,
) -> Results:
    """Train the dense networks of a config, or networks that are sparse from the start, and return what was found.

    Args:
        config: path of a YAML file, or a dict of the same keys.
        model: a function, or class, of no arguments or of (shape, classes), which makes the network, in place of what
            the config names. It is called for each replicate anew; the config's `model.initializer` then draws the
            weights of its linear and convolution layers.
        data: a `lottery.Dataset`, or a pair of torch data sets of images and labels (training, test), in place of what
            the config names.
        settings: what else the config is to say, by dotted key: `{"train.batch_size": 60}`.
        device: auto, cpu, cuda, cuda:1, mps; as `seed` and `replicates`, in place of the config's.
        runs_dir: folder in which a directory is made for the run.
        plugins: a file, or several, with methods of your own, as of `--plugin`.
        progress: whether to show on standard error, or in the notebook, how far it is.
        stop: asked between two steps; True has it save and stop, as Ctrl-C has.

    Raises:
        LotteryError: there is something that you can fix; the message says what.
        RunFailed: the run began, and can't go on.
        Interrupted: Ctrl-C, a signal or `stop` stopped it, and `lottery.resume` goes on.
    """
    call = Call.of(model, data, device, plugins, progress, stop)
    flags = {"device": device, "seed": seed, "replicates": replicates}
    return call.new(Train, call.config(config, settings, flags), arguments.path(runs_dir, "runs_dir"))


@one_at_a_time
def prune(
    config_or_run: ConfigLike | RunLike,
    *,
    iterations: int | None = None,
    model: Model | None = None,
    data: Data | None = None,
    settings: Mapping[str, object] | None = None,
    device: str | None = None,
    seed: int | None = None,
    replicates: int | None = None,
    runs_dir: str | PathLike[str] = "runs",
    plugins: Plugins = (),
    accept_changes: bool = False,
    progress: bool = True,
    stop: Callable[[], bool] | None = None,
) -> Results:
    """Train, then prune, rewind and retrain, round after round, and return what was found; a run gets further rounds.

    Args:
        config_or_run: a config, as for `train`; or a finished run, which is extended.
        iterations: rounds of pruning; of a run, further ones.
        accept_changes: whether a run may be gone on with though plugins, or the code of a given network, have changed.

    The others are those of `train`, and so are the errors. A run keeps its seed, replicates and settings, but for
    `data.root`, where data have moved.
    """
    call = Call.of(model, data, device, plugins, progress, stop, accept_changes=accept_changes)
    where = arguments.path(runs_dir, "runs_dir")
    rounds = None if iterations is None else arguments.whole(iterations, "iterations", 1)
    if isinstance(config_or_run, Mapping) or (
        not isinstance(config_or_run, Results) and names_config(arguments.path(config_or_run, "config"))
    ):
        flags = {"device": device, "seed": seed, "replicates": replicates, "pruning.iterations": rounds}
        return call.new(Prune, call.config(config_or_run, settings, flags), where)
    make = call.remake(settings)
    if seed is not None or replicates is not None:
        raise LotteryError("a run keeps its config: its seed and replicates are what they are")
    if rounds is None:
        raise LotteryError("say how many further rounds: iterations=N (lottery.resume finishes what was begun)")
    return call.carry_out(
        undertaking.extension(find(config_or_run, runs_dir), rounds, make, accept_changes=accept_changes), where
    )


@one_at_a_time
def rewind(
    run: RunLike,
    *,
    level: int,
    to: str = "0it",
    weights: Weights = "rewind",
    mask: MaskFrom = "keep",
    orders: int | None = None,
    draws: int = 1,
    replicates: int | None = None,
    model: Model | None = None,
    data: Data | None = None,
    settings: Mapping[str, object] | None = None,
    device: str | None = None,
    runs_dir: str | PathLike[str] = "runs",
    plugins: Plugins = (),
    accept_changes: bool = False,
    progress: bool = True,
    stop: Callable[[], bool] | None = None,
) -> Results:
    """Retrain a level's mask from other weights, as a new run, and return what that found.

    Args:
        run: whose tickets are retrained.
        level: of these tickets.
        to: where retraining starts: `0it`, `2000it`, `3ep`.
        weights: the dense network's at that step (rewind), a fresh initialization (reinit), what the ticket was trained
            to (final), or what it was pruned from (pruned).
        mask: the ticket's (keep), shuffled within layers (shuffle), drawn anew (random), or what was pruned (invert).
        orders: trainings of each network, which differ in batch order and augmentation; those of the run, if not given.
        draws: initializations that reinit draws for each replicate; order j starts from number j, modulo that many.
        replicates: the first so many of the run's alone.
        settings: `data.root`, where data have moved; `probes` and `analyses`, that look on; and nothing else.

    The others are those of `train` and `prune`, and so are the errors.
    """
    call = Call.of(model, data, device, plugins, progress, stop, accept_changes=accept_changes)
    found, which = find(run, runs_dir), arguments.whole(level, "level", 0)
    if not isinstance(to, str):
        raise LotteryError(f"to is {shown(to)}; write to='2000it' or to='3ep', say")
    make = call.remake(settings, anew=True)
    asked = Asked(which, 0, weights, mask, arguments.whole(draws, "draws", 1))
    copies = Copies(
        *(
            None if n is None else arguments.whole(n, what, 1)
            for n, what in ((orders, "orders"), (replicates, "replicates"))
        )
    )
    work = undertaking.retrained(found, asked, to, copies, make, accept_changes=accept_changes)
    return call.carry_out(work, arguments.path(runs_dir, "runs_dir"))


@one_at_a_time
def fork(
    run: RunLike,
    *,
    level: int | Sequence[int],
    at: str | Sequence[str],
    arm: str | Sequence[str] | None = None,
    orders: int = 2,
    replicates: int | None = None,
    model: Model | None = None,
    data: Data | None = None,
    settings: Mapping[str, object] | None = None,
    device: str | None = None,
    runs_dir: str | PathLike[str] = "runs",
    plugins: Plugins = (),
    accept_changes: bool = False,
    progress: bool = True,
    stop: Callable[[], bool] | None = None,
) -> Results:
    """Train networks of a run anew, as a new run, and copies that leave them on their way, and return what was found.

    Args:
        run: whose networks are forked.
        level: of these networks, or several.
        at: where copies leave them, `0it`, `2000it`, `3ep`, or several.
        arm: of them; the main one of each level, if not given.
        orders: copies at each step, which differ in batch order and augmentation alone.
        replicates: the first so many of the run's alone.
        settings: `data.root`, where data have moved; `probes` and `analyses`, that look on; and nothing else.

    The others are those of `train` and `prune`, and so are the errors.
    """
    call = Call.of(model, data, device, plugins, progress, stop, accept_changes=accept_changes)
    levels = level if isinstance(level, Sequence) and not isinstance(level, str) else [level]
    wanted = Wanted(
        tuple(arguments.whole(one, "level", 0) for one in levels),
        None if arm is None else arguments.texts(arm, "arm"),
        arguments.texts(at, "at"),
    )
    first = None if replicates is None else arguments.whole(replicates, "replicates", 1)
    copies = Copies(arguments.whole(orders, "orders", 1), first)
    found, make = find(run, runs_dir), call.remake(settings, anew=True)
    work = undertaking.forked(found, wanted, copies, make, accept_changes=accept_changes)
    return call.carry_out(work, arguments.path(runs_dir, "runs_dir"))


@one_at_a_time
def resume(
    run: RunLike,
    *,
    model: Model | None = None,
    data: Data | None = None,
    settings: Mapping[str, object] | None = None,
    device: str | None = None,
    runs_dir: str | PathLike[str] = "runs",
    plugins: Plugins = (),
    accept_changes: bool = False,
    progress: bool = True,
    stop: Callable[[], bool] | None = None,
) -> Results:
    """Go on where a run stopped, whatever stopped it, and return what it found; one that is finished stays as it is.

    A model or data that were given are given again, and of `settings` only `data.root` may be, where data have moved.
    The other arguments are those of `train` and `prune`, and so are the errors.
    """
    call = Call.of(model, data, device, plugins, progress, stop, accept_changes=accept_changes)
    found = find(run, runs_dir, unfinished=True)
    make = call.remake(settings)
    if undertaking.is_done(found):
        return Results(found.path)
    work = undertaking.resumption(found, make, accept_changes=accept_changes)
    return call.carry_out(work, arguments.path(runs_dir, "runs_dir"))
