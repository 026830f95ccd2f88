"""Time of a training step over the time of what it can't avoid, for one member; and for eight, on all cores.

LeNet-300-100: over the bare matrix products of the step, same shapes, threads, type. Conv-2 and ResNet-20: over the
bare forward, backward and optimizer step of the same module on one batch, as it is usually written, and with channels
last in memory. And what masks cost. Data is random.

    python benchmarks/floor.py [cuda]
"""

import copy
import sys
from dataclasses import replace
from functools import partial
from itertools import pairwise

import torch
from timing import alternate, show
from torch.nn import functional as F

from lottery import devices
from lottery.config.schema import Config
from lottery.crews.crew import crew
from lottery.crews.jobs import Advanced, Job
from lottery.data import Dataset
from lottery.networks import masks
from lottery.networks.key import Key
from lottery.networks.network import Network
from lottery.seeds import stream
from lottery.studies import prepare as preparing
from lottery.studies.chunk import elsewhere, make_trainer, train_chunk
from lottery.studies.setting import Setting
from lottery.training.batches import Batches
from lottery.training.recipe import Member

DEVICE = torch.device(sys.argv[1] if sys.argv[1:] else "cpu")


def random_dataset(shape: tuple[int, int, int], count: int = 4096) -> Dataset:
    """Images that cost what real ones do."""
    generator = torch.Generator().manual_seed(0)
    images = torch.randint(0, 256, (count, *shape), generator=generator, dtype=torch.uint8)
    labels = torch.randint(0, 10, (count,), generator=generator)
    channels = shape[0]
    return Dataset(images, labels, images[:512], labels[:512], 10, (128.0,) * channels, (70.0,) * channels)


def prepare(model: str, shape: tuple[int, int, int], batch: int, **train: object) -> Setting:
    """A setting on random data."""
    every = {"length": "1000000it", "evaluate_every": "1000000it", "batch_size": batch}
    config = Config.model_validate({"name": "benchmark", "model": model, "train": every | train, "device": str(DEVICE)})
    return preparing.prepare(config, random_dataset(shape))


def networks_of(setting: Setting, density: float, members: int) -> list[Network]:
    """So many networks of that density."""
    networks = []
    for member in range(members):
        state = setting.initial(member)
        full = masks.full(state, list(setting.shapes))
        scores = {name: state[name].abs() for name in full}
        networks.append(Network(state, masks.keep_top(scores, density, full, stream(0))))
    return networks


def trainer(setting: Setting, density: float, members: int = 1, execution: str = "looped"):
    """A trainer of `members` networks of that density."""
    networks = networks_of(setting, density, members)
    return make_trainer(setting, networks, [Member(Key(0, 0, "dense"), setting.recipe)] * members, execution)


def products(batch: int, widths: tuple[int, ...] = (784, 300, 100, 10)):
    """The matrix products that a step of a fully connected network can't avoid: eight of them for LeNet-300-100."""
    weights = [torch.randn(o, i, device=DEVICE) for i, o in pairwise(widths)]
    units = [torch.randn(batch, width, device=DEVICE) for width in widths]

    def run() -> None:
        for index, weight in enumerate(weights):
            units[index] @ weight.T
            units[index + 1].T @ units[index]
            if index:
                units[index + 1] @ weight

    return run


def bare(setting: Setting, layout: torch.memory_format):
    """Forward, backward and optimizer step of the module alone, on one batch."""
    module = copy.deepcopy(setting.template).to(DEVICE)
    images, labels = (part[0] for part in Batches(setting.data, [(0, 0)], setting.recipe.batch_size, 0).at(0))
    images = images.contiguous(memory_format=layout)
    optimizer = torch.optim.SGD(module.parameters(), lr=1e-4)

    def run() -> None:
        optimizer.zero_grad()
        F.cross_entropy(module(images), labels).backward()
        optimizer.step()

    return run


def stepper(one, steps: int = 1):
    """Steps of a trainer, as a task."""

    def run() -> None:
        one.advance(one.step + steps)
        devices.wait(DEVICE)

    return run


def times(count: int, task):
    """A task so many times, as one."""

    def run() -> None:
        for _ in range(count):
            task()
        devices.wait(DEVICE)

    return run


def one_member() -> None:
    """A step of each network over its floor, and what masks cost."""
    rows = []
    for model, shape, batch, repeats in (
        ("lenet_300_100", (1, 28, 28), 128, 100),
        ("conv_2", (3, 32, 32), 60, 2),
        ("resnet_20", (3, 32, 32), 128, 1),
    ):
        setting = prepare(model, shape, batch)
        tasks = {"dense": stepper(trainer(setting, 1.0), repeats), "masked": stepper(trainer(setting, 0.2), repeats)}
        if model == "lenet_300_100":
            tasks["products"] = times(repeats, products(batch))
        else:
            tasks["bare module"] = times(repeats, bare(setting, torch.contiguous_format))
            tasks["bare module, channels last"] = times(repeats, bare(setting, torch.channels_last))
        seconds = alternate(tasks, rounds=15)
        rows += [
            {
                "model": model,
                "batch": batch,
                "floor": floor,
                "floor ms": 1e3 * seconds[floor] / repeats,
                "masked step / floor": seconds["masked"] / seconds[floor],
                "masked / dense": seconds["masked"] / seconds["dense"],
            }
            for floor in list(tasks)[2:]
        ]
    show("One member: training step over floor", rows, "floor")


def eight_members() -> None:
    """Eight LeNets in one process for each core, over the bare products of one on all cores."""
    setting, steps = prepare("lenet_300_100", (1, 28, 28), 128), 200
    networks, cores = networks_of(setting, 0.2, 8), torch.get_num_threads()
    member = Member(Key(0, 0, "dense"), replace(setting.recipe, stop=steps))
    here, load = partial(train_chunk, setting), partial(elsewhere, setting.config, setting.dataset)
    with crew([DEVICE] * cores, 1, here, load) as team:

        def study() -> None:
            left = list(range(8))

            def next_job() -> Job | None:
                if not left:
                    return None
                index = left.pop()
                return Job([member], [networks[index]], "looped", [])

            done = sum(event.steps for _, event in team.train(next_job, lambda: False) if isinstance(event, Advanced))
            assert done == 8 * steps

        seconds = alternate({"floor": times(steps, products(128)), "eight": study}, rounds=9)
    row = {"floor ms": 1e3 * seconds["floor"] / steps, "per member / floor": seconds["eight"] / 8 / seconds["floor"]}
    show("Eight members on all cores: time per member over floor", [row], "eight")


if __name__ == "__main__":
    one_member()
    if DEVICE.type == "cpu":
        eight_members()
