"""A forecast is computed before a study starts: what it will train and cost, and what masks cover."""

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from lottery import words
from lottery.cost.training import step_flops
from lottery.errors import LotteryError
from lottery.networks import parameters
from lottery.studies.askings import how_often
from lottery.studies.layout import Layout, choose
from lottery.studies.plan import Level, largest_group
from lottery.studies.setting import Setting

_MOST_NAMES = 6


@dataclass(frozen=True)
class Times:
    """Times say how long a study takes.

    Attributes:
        levels: number of a level -> seconds from when all before it are trained until it is.
        how: what was measured, in words.
    """

    levels: dict[int, float]
    how: str

    @property
    def seconds(self) -> float:
        """Return the seconds that all of it takes."""
        return sum(self.levels.values())


@dataclass(frozen=True)
class Forecast:
    """A forecast says what a study will train and what that costs.

    Attributes:
        levels: that will be trained.
        layout: how members are spread, and why.
        kept: bytes on disk that stay.
        passing: most bytes on disk that are there while networks train, besides.
        times: how long it takes, where that was measured.
    """

    setting: Setting
    levels: Sequence[Level]
    layout: str
    kept: int
    passing: int
    times: Times | None = None

    @property
    def weights(self) -> int:
        """Return the number of weights that masks cover."""
        return sum(shape.numel() for shape in self.setting.shapes.values())

    @property
    def flops(self) -> int:
        """Return the FLOPs of a forward pass of the dense network for one image."""
        return sum(self.setting.flops.values())

    @property
    def askings(self) -> Mapping[str, int]:
        """Return how often each probe is asked, of one network after the other."""
        found = dict.fromkeys((probe.name for probe in self.setting.config.probes), 0)
        for level in self.levels if found else ():
            for group in level.groups():
                for name, often in how_often(self.setting, group[0]).items():
                    found[name] += often * len(group)
        return found

    def training_flops(self, level: Level) -> int:
        """Return the FLOPs of a level's training; masks are simulated, so its products are dense ones."""
        return int(step_flops(self.flops, self.flops)) * self.setting.config.train.batch_size * level.steps


def forecast(
    setting: Setting,
    levels: Sequence[Level],
    layout: tuple[Layout, str] | None = None,
    times: Times | None = None,
) -> Forecast:
    """Return what training these levels will take, by a layout and why it was taken, or by one that is chosen now."""
    how, why = layout or choose(setting, largest_group(levels))
    return Forecast(setting, levels, f"{how}: {why}", *disk(setting, levels), times)


def disk(setting: Setting, levels: Sequence[Level]) -> tuple[int, int]:
    """Return the bytes on disk that training these levels takes: what is kept, and checkpoints that pass."""
    state = sum(tensor.numel() * tensor.element_size() for tensor in setting.template.state_dict().values())
    masks = sum(shape.numel() for shape in setting.shapes.values())
    networks = sum(len(level.members) for level in levels)
    lines = 300 * sum(3 * (level.steps // setting.every + len(level.members)) for level in levels)
    # Where copies leave a network later than it starts, its state is kept.
    left = {(member.key[:3], member.recipe.start) for level in levels for member in level.members}
    forked = len(left) - len({key for key, _ in left})
    early = ((2 if setting.rewind_step else 1) * setting.config.replicates + forked) * state
    # Weights, gradients' slots (at most two) in two generations, of the largest level at once.
    passing = 2 * 3 * state * max((len(level.members) for level in levels), default=0)
    return networks * (state + masks) + early + lines, passing


def check_disk(folder: Path, setting: Setting, levels: Sequence[Level]) -> None:
    """Raise LotteryError where the disk that `folder` is on lacks room for what training these levels writes."""
    needed, free = sum(disk(setting, levels)), shutil.disk_usage(folder).free
    if needed > free:
        raise LotteryError(
            f"{folder}: the study needs {words.of_bytes(needed)} of disk and {words.of_bytes(free)} are free; make "
            "room, or name another place with --runs-dir"
        )


def coverage(setting: Setting) -> str:
    """Return one line that says which share of a network's parameters masks cover, and which ones stay dense."""
    template, pruned = setting.template, set(setting.pruned)
    total = parameters.count(template)
    covered = sum(setting.shapes[name].numel() for name in pruned)
    text = f"masks cover {covered:,} of {total:,} parameters"
    left = [name for name, _ in template.named_parameters() if name not in pruned]
    if not left:
        return text
    usual = parameters.biases_and_norms(template)
    others = [name.removesuffix(".weight") for name in left if name not in usual]
    named = others[:_MOST_NAMES]
    if len(others) > _MOST_NAMES:
        named.append(f"{len(others) - _MOST_NAMES} more")
    if len(others) < len(left):
        named.append("biases and normalisation")
    return f"{text}; {1 - covered / total:.2%} stay dense: {', '.join(named)}"
