"""One seed gives many independent named streams of random numbers.

Every random draw of a study comes from a stream named after what it is for (`init`, `order`, `augment`, `mask`,
`split`) and whom (replicate, epoch, level). Draws for one purpose therefore never shift those of another, and each is
a function of its name, never of how the process got there: rewinding and resuming need no saved generator states.
"""

import hashlib
import random
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch


def stream(seed: int, *name: str | int) -> torch.Generator:
    """Return a CPU generator for the stream `name` of `seed`; the same name gives the same numbers.

    torch seeds its CPU generator with 32 bits, so of a thousand streams two coincide with probability 1e-4.
    """
    digest = hashlib.blake2b(repr((seed, *name)).encode(), digest_size=4).digest()
    return torch.Generator().manual_seed(int.from_bytes(digest, "little"))


def derived(generator: torch.Generator, *name: str | int) -> torch.Generator:
    """Return a CPU generator for the stream `name` of the seed of `generator`, which is not drawn from.

    It is the same before and after anything is drawn from `generator`, and drawing from it shifts nothing there.
    """
    return stream(generator.initial_seed(), *name)


@contextmanager
def seeded(generator: torch.Generator, device: torch.device | None = None) -> Iterator[None]:
    """Draw what asks for no generator of its own from a stream, within the context; afterwards all is as it was.

    Constructors of modules, dropout and users' code draw from the global generators of torch, NumPy and Python.

    Args:
        generator: gives the seed.
        device: whose generator is seeded beside the CPU's, if it is a GPU.
    """
    seed = int(torch.randint(1 << 32, (), generator=generator))
    python, legacy = random.getstate(), np.random.get_state()  # noqa: NPY002
    gpus = [device] if device is not None and device.type == "cuda" else []
    with torch.random.fork_rng(devices=gpus):
        torch.default_generator.manual_seed(seed)
        for gpu in gpus:
            with torch.cuda.device(gpu):
                torch.cuda.manual_seed(seed)
        random.seed(seed)
        np.random.seed(seed)  # noqa: NPY002
        try:
            yield
        finally:
            random.setstate(python)
            np.random.set_state(legacy)  # noqa: NPY002
