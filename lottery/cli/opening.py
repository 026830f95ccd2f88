"""Configs, settings and runs are opened here, as the command line names them."""

import gc
import sys
from collections.abc import Sequence
from contextlib import redirect_stdout
from pathlib import Path
from typing import TYPE_CHECKING

from lottery.errors import LotteryError
from lottery.store import places
from lottery.streams import message

if TYPE_CHECKING:
    from lottery.config.schema import Config
    from lottery.store.reader import Reader
    from lottery.studies.setting import Setting
    from lottery.studies.undertaking import Make

_WHILE_TRAINING = (10_000, 10, 10)
"""Thresholds of the garbage collector; with each file, libraries leave some garbage, and a study writes thousands."""


def load_config(
    path: Path, overrides: Sequence[str], device: str | None, seed: int | None, replicates: int | None
) -> "Config":
    """Return the config of a file, with what the command line overrides."""
    from lottery.config.file import load

    flags = {"device": device, "seed": seed, "replicates": replicates}
    given = [f"{key}={value}" for key, value in flags.items() if value is not None]
    return load(path, [*overrides, *given])


def announce(name: object) -> None:
    """Say which config or run is read, where that takes a while: before torch is imported."""
    if "torch" not in sys.modules:
        message(f"reading {name}")


def names_root(overrides: Sequence[str]) -> bool:
    """Return whether the command line says where the data are, rather than a file, which may be a stranger's."""
    return any(override.partition("=")[0] in ("data", "data.root") for override in overrides)


def make_setting(
    config: "Config",
    of: "Reader | None" = None,
    *,
    device: str | None = None,
    download_anywhere: bool = False,
    dry: bool = False,
) -> "Setting":
    """Return the setting of a config, or of a run's, on another device if one is given; see `studies.prepare`."""
    from lottery.studies.prepare import prepare

    gc.freeze()  # torch is there now; later, triton's libraries, which torchvision imports, would call it a leak
    gc.set_threshold(*_WHILE_TRAINING)  # what is frozen isn't looked through, so this costs next to nothing
    message(f"loading {config.data.name}, building {config.model.name}")
    config = config if device is None else config.model_copy(update={"device": device})
    with redirect_stdout(sys.stderr):  # what a plugin prints is no result
        return prepare(config, of=of, download_anywhere=download_anywhere, dry=dry)


def remake(set_: Sequence[str], device: str | None, dry: bool = False, *, anew: bool = False) -> "Make":
    """Return how the config of a run is made real, its data wherever `--set data.root` says that they are now.

    Args:
        anew: whether a new run is made of it, in which other probes and analyses may look on.

    Raises:
        LotteryError: something else is to be set: results come of it.
    """
    from lottery.config.keys import LOOKING_ON

    for override in set_:
        key = override.partition("=")[0]
        if key != "data.root" and not (anew and key in LOOKING_ON):
            more = f", and {' and '.join(LOOKING_ON)}" if anew else ""
            raise LotteryError(
                f"--set {override}: a run keeps its config; only data.root may be set, for data that moved{more}"
            )
    moved = any(override.startswith("data.root=") for override in set_)

    def make(config: "Config", run: "Reader") -> "Setting":
        from lottery.config.file import parse
        from lottery.studies.same_data import refuse_no_place

        if moved:
            refuse_no_place(config.data)
        if set_:
            config = parse(config.to_yaml(), str(run.path / places.CONFIG), config.name, set_)
        return make_setting(config, run, device=device, download_anywhere=moved, dry=dry)

    return make


def find_run(name: str, runs_dir: Path, *, newest: bool = False, unfinished: bool = False) -> "Reader":
    """Return the run that is called `name`, or lies at that path; see `lottery.store.finding.find_run`."""
    from lottery.store import finding

    return finding.find_run(name, runs_dir, newest=newest, unfinished=unfinished)
