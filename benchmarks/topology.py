"""What moving masks costs: time of training with each topology over training a fixed sparse network, LeNet-300-100.

    python benchmarks/topology.py [DENSITY]

Updates every 100 steps at random images of MNIST's size, batch 128, one thread; each step in turn with one of a static
network. Medians of the steps without an update and of those with one; amortised over a hundred.
"""

import statistics
import sys
import time

import torch
from timing import show

from lottery import registry
from lottery.config.schema import Config
from lottery.data import Dataset
from lottery.networks.key import Key
from lottery.studies.chunk import make_trainer
from lottery.studies.prepare import prepare
from lottery.studies.train import sparse_start
from lottery.training.loop import Trainer
from lottery.training.recipe import Member

STEPS = 1500
INTERVAL = 100


def trainer(topology: str, density: float) -> Trainer:
    generator = torch.Generator().manual_seed(0)
    images = torch.randint(256, (10_000, 1, 28, 28), dtype=torch.uint8, generator=generator)
    labels = torch.randint(10, (10_000,), generator=generator)
    data = Dataset(images, labels, images[:100], labels[:100], 10, (33.0,), (78.0,))
    config = Config.model_validate(
        {
            "name": "topology",
            "model": "lenet_300_100",
            "data": {"name": "digits", "validation": 0},
            "train": {"length": "1000000it", "optimizer": {"name": "sgd", "lr": 0.01, "momentum": 0.9}},
            "sparse": {"density": density, "topology": topology},
            "device": "cpu",
        }
    )
    setting = prepare(config, data)
    state = setting.initial(0)
    key = Key(0, 1, "sparse")
    network = sparse_start(setting, setting.dense(state), key)
    return make_trainer(setting, [network], [Member(key, setting.recipe)], "looped")


def timed(one: Trainer) -> float:
    """Milliseconds of one step."""
    began = time.perf_counter()
    one.advance(one.step + 1)
    return 1e3 * (time.perf_counter() - began)


def main() -> None:
    torch.set_num_threads(1)
    density = float(sys.argv[1]) if len(sys.argv) > 1 else 0.05
    fixed, rows = trainer("static", density), []
    for name in registry.names("topology"):
        moving = trainer(name, density)
        fixed_steps, steps, updates = [], [], []
        while moving.step < STEPS:
            spent = timed(moving)
            (steps if moving.step % INTERVAL else updates).append(spent)
            fixed_steps.append(timed(fixed))
        static, step, update = (statistics.median(values) for values in (fixed_steps, steps, updates))
        amortised = ((INTERVAL - 1) * step + update) / INTERVAL
        rows.append({"topology": name, "static, ms": static, "step, ms": step, "step with update, ms": update,
                     "amortised / static": amortised / static})  # fmt: skip
    show("Moving masks, updates every 100 steps", rows, "topology")


if __name__ == "__main__":
    main()
