"""Time of a training step over the time of what it can't avoid, for one member.

LeNet-300-100: over the bare matrix products of the step, same shapes, threads, type. Conv-2 and ResNet-20: over the
bare forward, backward and optimizer step of the same module on one batch. And what masks cost. Data is random.

    python benchmarks/floor.py
"""

from itertools import pairwise

import torch
from timing import alternate, show
from torch.nn import functional as F

from lottery import masks
from lottery.cohort import Network
from lottery.config import Config
from lottery.data import Dataset
from lottery.studies import setting as settings
from lottery.studies.chunk import make_trainer


def random_dataset(shape: tuple[int, int, int], count: int = 4096) -> Dataset:
    """Images that cost what real ones do."""
    generator = torch.Generator().manual_seed(0)
    images = torch.randint(0, 256, (count, *shape), generator=generator, dtype=torch.uint8)
    labels = torch.randint(0, 10, (count,), generator=generator)
    channels = shape[0]
    return Dataset(images, labels, images[:512], labels[:512], 10, (128.0,) * channels, (70.0,) * channels)


def prepare(model: str, shape: tuple[int, int, int], batch: int) -> settings.Setting:
    """A setting on random data."""
    config = Config.model_validate(
        {"name": "benchmark", "model": model, "train": {"length": "1000000it", "batch_size": batch}, "device": "cpu"}
    )
    return settings.prepare(config, random_dataset(shape))


def trainer(setting: settings.Setting, density: float, members: int = 1, execution: str = "looped"):
    """A trainer of `members` networks of that density."""
    networks = []
    for member in range(members):
        state = setting.initial(member)
        full = masks.full(state, list(setting.shapes))
        scores = {name: state[name].abs() for name in full}
        networks.append(Network(state, masks.keep_top(scores, density, full)))
    return make_trainer(setting, networks, [0] * members, 0, execution)


def products(batch: int, widths: tuple[int, ...] = (784, 300, 100, 10)):
    """The matrix products that a step of a fully connected network can't avoid: eight of them for LeNet-300-100."""
    weights = [torch.randn(o, i) for i, o in pairwise(widths)]
    units = [torch.randn(batch, width) for width in widths]

    def run() -> None:
        for index, weight in enumerate(weights):
            units[index] @ weight.T
            units[index + 1].T @ units[index]
            if index:
                units[index + 1] @ weight

    return run


def bare(setting: settings.Setting):
    """Forward, backward and optimizer step of the module alone, on one batch."""
    module = setting.template
    images, labels = (part[0] for part in setting.batches([0]).at(0))
    optimizer = torch.optim.SGD(module.parameters(), lr=1e-4)

    def run() -> None:
        optimizer.zero_grad()
        F.cross_entropy(module(images), labels).backward()
        optimizer.step()

    return run


def stepper(one, steps: int = 1):
    """Steps of a trainer, as a task."""
    return lambda: one.advance(one.step + steps)


def times(count: int, task):
    """A task so many times, as one."""

    def run() -> None:
        for _ in range(count):
            task()

    return run


def main() -> None:
    rows = []
    for model, shape, batch, repeats in (
        ("lenet_300_100", (1, 28, 28), 128, 100),
        ("conv_2", (3, 32, 32), 60, 2),
        ("resnet_20", (3, 32, 32), 128, 1),
    ):
        setting = prepare(model, shape, batch)
        tasks = {
            "floor": times(repeats, products(batch) if model == "lenet_300_100" else bare(setting)),
            "dense": stepper(trainer(setting, 1.0), repeats),
            "masked": stepper(trainer(setting, 0.2), repeats),
        }
        seconds = alternate(tasks, rounds=15)
        rows.append(
            {
                "model": model,
                "batch": batch,
                "floor ms": 1e3 * seconds["floor"] / repeats,
                "masked step / floor": seconds["masked"] / seconds["floor"],
                "masked / dense": seconds["masked"] / seconds["dense"],
            }
        )
    show("One member: training step over floor", rows, "floor")


if __name__ == "__main__":
    main()
