"""Carry out the study of a run directory: from the start, or from wherever it stands."""

import os
import platform
import socket
import subprocess
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import asdict
from functools import partial
from importlib.metadata import version
from pathlib import Path

import torch

from lottery import brought, devices, plugins
from lottery.arms import is_control
from lottery.crews.crew import crew
from lottery.errors import Interrupted, LotteryError, RunFailed
from lottery.networks.key import Key
from lottery.store.checkpoints import Checkpoints, before_checkpoint
from lottery.store.reader import Reader
from lottery.store.run import Run
from lottery.studies.chunk import elsewhere, train_chunk
from lottery.studies.forecast import check_disk, coverage
from lottery.studies.layout import Layout, choose, kept_layout
from lottery.studies.members import Members, train_members
from lottery.studies.pace import Work
from lottery.studies.plan import Level, largest_group
from lottery.studies.same_data import keep_place, refuse_other_data
from lottery.studies.setting import Setting
from lottery.studies.study import Study
from lottery.studies.watcher import Watcher
from lottery.training.recipe import Member


def execute(run: Run, study: Study, watcher: Watcher, stop: Callable[[], bool]) -> None:
    """Do what of the run's study isn't done yet.

    Args:
        stop: asked between two steps; True ends the study with a checkpoint.

    Raises:
        LotteryError: another process works on the run, it is damaged, or was made of other data; nothing was trained.
        Interrupted: `stop` ended it; executing the run again goes on to the same bytes.
        RunFailed: it can't go on.
    """
    setting, levels = study.setting, study.levels
    with run.working():
        refuse_other_data(run, setting.config.data, setting.about_data)
        keep_place(run, setting.config.data, watcher.noted)
        study.lay_down(run)
        layout, why = _layout(run, study)
        chunks = outstanding(run, layout, levels)
        check_disk(run.path, setting, [Level(chunk[0].key.level, 0.0, tuple(chunk)) for chunk in chunks])
        forget(run, chunks)
        checkpoints = Checkpoints(run)
        abouts = [about for _, about in checkpoints.read()]
        run.settle(lambda line: any(before_checkpoint(line, about) for about in abouts))
        run.whole_metrics(), run.whole_probes()  # what is lost is said before anything is trained
        run.update(status="running", finished=None, data=setting.about_data, **environment(setting))
        how = f"{layout}: {why}"
        if any(level.number for level in levels):
            how += f"\n{coverage(setting)}"
        if setting.config.train.compile is True:
            how += "\nnetworks are compiled at their first steps, which may take minutes"
        watcher.planned(levels, _work(study, layout, chunks), how)
        places, threads = _hands(layout, setting, watcher)
        here = partial(train_chunk, setting)
        load = partial(elsewhere, train_chunk, setting.config, setting.dataset, setting.model, plugins.loaded())
        try:
            with crew(places, threads, here, load) as team:
                train_members(Members(run, study, layout, watcher, chunks), team, stop)
        except (Interrupted, KeyboardInterrupt):
            _finish(run, "interrupted")
            raise
        except BaseException as error:
            _finish(run, "failed")
            if devices.lacks_memory(error):
                raise RunFailed(
                    f"out of memory ({str(error).partition(chr(10))[0]}).\nMake room, then go on with `lottery resume`."
                ) from error
            if isinstance(error, Exception | SystemExit) and not isinstance(error, LotteryError | RunFailed):
                if (said := brought.blamed(error)) is not None:
                    raise RunFailed(f"{said}\n{brought.REMEDY}") from error
                error.add_note(f"{run.path} is kept as it is; `lottery resume` goes on with it.")
            raise
        checkpoints.drop_all()
        run.finish("finished")


def _work(study: Study, layout: Layout, chunks: Sequence[Sequence[Member]]) -> Work:
    """Return what is left to train, as those see it who tell how long that takes."""
    hands, _ = layout.hands(study.setting.config.device, study.setting.device)
    before = {member.key: study.source(member.key) for chunk in chunks for member in chunk}
    return Work(chunks, hands, {key: source for key, source in before.items() if source}, study.setting.every)


def outstanding(run: Reader, layout: Layout, levels: Sequence[Level]) -> list[list[Member]]:
    """Return the chunks that are left to train; last in a level are those that the next one doesn't wait for.

    A chunk is trained as a whole: where a crash left it half written, all of it is. Unless memory ran out before, and
    chunks are no longer what they were: then those members that are not done are trained, and nothing is lost.
    """
    chunks = []
    for group in (group for level in levels for group in level.groups()):
        for members in layout.chunks(group):
            left = [member for member in members if not run.has_network(member.key)]
            if left:
                chunks.append(left if layout.splits else members)

    def waited_for(key: Key) -> bool:
        return not (is_control(key.arm) or key.order)

    return sorted(chunks, key=lambda chunk: (chunk[0].key.level, not any(waited_for(one.key) for one in chunk)))


def forget(run: Run, chunks: Sequence[Sequence[Member]]) -> None:
    """Have the networks of some chunks count as not trained, all of them."""
    for member in (member for chunk in chunks for member in chunk):
        run.forget_network(member.key)


def _layout(run: Run, study: Study) -> tuple[Layout, str]:
    """Return the layout that a run began with, or choose one and keep it; and why."""
    layout = kept_layout(run.record, study.setting)
    if layout is not None:
        return layout, run.record.get("layout_because", "as it began")
    layout, why = choose(study.setting, largest_group(study.levels))
    run.update(layout=asdict(layout), layout_because=why)
    return layout, why


def _finish(run: Run, status: str) -> None:
    """Record how the run ended, if the disk still takes it: the reason why it ended matters more."""
    with suppress(RunFailed, LotteryError):
        run.finish(status)


def _hands(layout: Layout, setting: Setting, watcher: Watcher) -> tuple[list[torch.device], int]:
    """Return a device for each process, and its threads; say where there are fewer than the run was laid out for."""
    processes, threads = layout.hands(setting.config.device, setting.device)
    if processes < layout.workers or threads < layout.threads:
        rounding = "" if threads == layout.threads else "; fewer threads round sums in another way"
        watcher.noted(
            f"{layout.workers} x {layout.threads} threads are more than this machine has cores or GPUs for: "
            f"{processes} x {threads} run{rounding}"
        )
    places = devices.places(setting.config.device, setting.device)
    return [places[index % len(places)] for index in range(processes)], threads


def environment(setting: Setting) -> dict[str, object]:
    """Return what runs a study: device, versions, code, seeds, process."""
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
    """Return the Git commit of this code and whether it has changed since; None where it is no checkout."""

    def git(*arguments: str) -> str:
        here = Path(__file__).parent
        return subprocess.run(["git", *arguments], cwd=here, capture_output=True, text=True, check=True).stdout.strip()

    try:
        return git("rev-parse", "HEAD"), bool(git("status", "--porcelain", "--untracked-files=no", "--", ".."))
    except (OSError, subprocess.CalledProcessError):
        return None, None
