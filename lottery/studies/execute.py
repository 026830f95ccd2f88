"""Carry out the study of a run directory: from the start, or from wherever it stands."""

import os
import platform
import socket
import subprocess
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path

from lottery import devices
from lottery.crews.workers import crew
from lottery.errors import Interrupted, LotteryError, RunFailed
from lottery.store.files import Record
from lottery.store.run import Run
from lottery.studies.coverage import coverage
from lottery.studies.forecast import check_disk
from lottery.studies.layout import Layout, choose, kept_layout
from lottery.studies.members import Context, Watcher, before_checkpoint
from lottery.studies.plan import Level, plan, undone
from lottery.studies.prune import prune
from lottery.studies.rewind import lay_down, plan_rewind, rewind
from lottery.studies.setting import Setting
from lottery.studies.train import train

STUDIES: dict[str, Callable[[Context], None]] = {"train": train, "prune": prune, "rewind": rewind}


def planned(run: Run, setting: Setting) -> list[Level]:
    """The levels of a run's study."""
    study = run.record["study"]
    if study == "rewind":
        return plan_rewind(run, setting)
    return plan(setting, study)


def execute(run: Run, setting: Setting, watcher: Watcher, stop: Callable[[], bool]) -> None:
    """Do what of the run's study isn't done yet.

    Args:
        run: directory of the study.
        setting: of the run's config.
        watcher: is told of progress.
        stop: asked between two steps; True ends the study with a checkpoint.

    Raises:
        LotteryError: another process works on the run, or it is damaged; nothing was trained.
        Interrupted: `stop` ended it; executing the run again goes on to the same bytes.
        RunFailed: it can't go on.
    """
    with run.working():
        if run.record["study"] == "rewind":
            lay_down(run, setting)
        levels = planned(run, setting)
        layout, why = kept_layout(run.record, setting), run.record.get("layout_because", "as it began")
        if layout is None:
            layout, why = choose(setting, max(len(group) for level in levels for group in level.groups()))
            run.update(layout=asdict(layout), layout_because=why)
        left = undone(run, layout, levels)
        check_disk(run.path, setting, [Level(level, 0.0, tuple(members)) for level, members in left])
        run.update(status="running", finished=None, **environment(setting))
        abouts = [about for _, about in run.read_checkpoints()]
        run.settle(lambda record: any(before_checkpoint(record, about) for about in abouts))
        total = sum(level.steps for level in levels)
        waiting = sum(member.stop - member.start for _, members in left for member in members)
        how = f"{layout}: {why}"
        if any(level.number for level in levels):
            how += f"\n{coverage(setting)}"
        watcher.planned(levels, total - waiting, how)
        _note_fewer_hands(layout, setting, watcher)
        try:
            with crew(setting, layout) as team:
                STUDIES[run.record["study"]](Context(run, setting, team, layout, watcher, stop))
        except (Interrupted, KeyboardInterrupt):
            _finish(run, "interrupted")
            raise
        except BaseException as error:
            _finish(run, "failed")
            if devices.lacks_memory(error):
                raise RunFailed(
                    f"out of memory ({str(error).partition(chr(10))[0]}).\nMake room, then go on with `lottery resume`."
                ) from error
            raise
        run.drop_checkpoints()
        run.finish("finished")


def _finish(run: Run, status: str) -> None:
    """Record how the run ended, if the disk still takes it: the reason why it ended matters more."""
    with suppress(RunFailed, LotteryError):
        run.finish(status)


def _note_fewer_hands(layout: Layout, setting: Setting, watcher: Watcher) -> None:
    """Say where this machine has fewer cores or GPUs than the run was laid out for."""
    processes, threads = layout.hands(setting.config.device, setting.device)
    if processes < layout.workers or threads < layout.threads:
        rounding = "" if threads == layout.threads else "; fewer threads round sums in another way"
        watcher.noted(
            f"{layout.workers} x {layout.threads} threads are more than this machine has cores or GPUs for: "
            f"{processes} x {threads} run{rounding}"
        )


def environment(setting: Setting) -> Record:
    """What runs a study: device, versions, code, seeds, process."""
    packages = ("lottery", "torch", "torchvision", "numpy", "safetensors")
    commit, dirty = _commit()
    return {
        "device": devices.describe(setting.device),
        "versions": {"python": platform.python_version()} | {name: version(name) for name in packages},
        "platform": platform.platform(),
        "commit": commit,
        "dirty": dirty,
        "seed": setting.config.seed,
        "replicates": setting.config.replicates,
        "host": socket.gethostname(),
        "process": os.getpid(),
    }


def _commit() -> tuple[str | None, bool | None]:
    """Git commit of this code and whether it has changed since; None where it is no checkout."""

    def git(*arguments: str) -> str:
        here = Path(__file__).parent
        return subprocess.run(["git", *arguments], cwd=here, capture_output=True, text=True, check=True).stdout.strip()

    try:
        return git("rev-parse", "HEAD"), bool(git("status", "--porcelain", "--untracked-files=no", "--", ".."))
    except (OSError, subprocess.CalledProcessError):
        return None, None
