"""A forecast is computed before a study starts."""

import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from lottery import words
from lottery.cost.training import step_flops
from lottery.errors import LotteryError
from lottery.studies.coverage import coverage
from lottery.studies.layout import Layout, choose
from lottery.studies.plan import Level, largest_group
from lottery.studies.setting import Setting


@dataclass(frozen=True)
class ForecastRow:
    """A row says what one level will train.

    Attributes:
        level: its number.
        density: kept fraction of the weights that masks cover.
        members: number of its networks.
        arms: their arms, each once.
        spans: steps that networks of it are trained for, each number once.
        steps: steps of training, summed over networks.
        flops: of that training.
    """

    level: int
    density: float
    members: int
    arms: tuple[str, ...]
    spans: tuple[int, ...]
    steps: int
    flops: int


@dataclass(frozen=True)
class Forecast:
    """A forecast says what a study will train and what that costs.

    Attributes:
        name: the study's, as its config has it.
        model: name of the network.
        data: name of the data set.
        device: on which it will be trained.
        weights: number of those that masks cover.
        flops: of a forward pass of the dense network for one image.
        layout: how members are spread, and why.
        coverage: which weights masks cover, in words.
        rows: one for each level.
        kept: bytes on disk that stay.
        passing: most bytes on disk that are there while networks train, besides.
    """

    name: str
    model: str
    data: str
    device: str
    weights: int
    flops: int
    layout: str
    coverage: str
    rows: tuple[ForecastRow, ...]
    kept: int
    passing: int


def forecast(setting: Setting, levels: Sequence[Level], kept: tuple[Layout, str] | None = None) -> Forecast:
    """Return what training these levels will take: networks, steps, floating-point operations, disk.

    Args:
        setting: of the study.
        levels: that will be trained.
        kept: the layout and why it was chosen, where it isn't chosen anew.
    """
    config = setting.config
    dense = sum(setting.flops.values())
    per_step = int(step_flops(dense, dense)) * config.train.batch_size  # masks are simulated: products are dense ones
    layout, why = kept or choose(setting, largest_group(levels))
    stays, passes = disk(setting, levels)
    return Forecast(
        name=config.name,
        model=config.model.name,
        data=config.data.name,
        device=str(setting.device),
        weights=sum(shape.numel() for shape in setting.shapes.values()),
        flops=dense,
        layout=f"{layout}: {why}",
        coverage=coverage(setting),
        rows=tuple(_row(level, per_step) for level in levels),
        kept=stays,
        passing=passes,
    )


def _row(level: Level, per_step: int) -> ForecastRow:
    return ForecastRow(
        level=level.number,
        density=level.density,
        members=len(level.members),
        arms=tuple(dict.fromkeys(member.key.arm for member in level.members)),
        spans=tuple(dict.fromkeys(member.steps for member in level.members)),
        steps=level.steps,
        flops=per_step * level.steps,
    )


def disk(setting: Setting, levels: Sequence[Level]) -> tuple[int, int]:
    """Return the bytes on disk that training these levels takes: what is kept, and checkpoints that pass."""
    state = sum(tensor.numel() * tensor.element_size() for tensor in setting.template.state_dict().values())
    masks = sum(shape.numel() for shape in setting.shapes.values())
    networks = sum(len(level.members) for level in levels)
    lines = 300 * sum(3 * (level.steps // setting.every + len(level.members)) for level in levels)
    early = (2 if setting.rewind_step else 1) * setting.config.replicates * state
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
