"""One seed, many independent named streams of random numbers.

Every random draw of a study comes from a stream named after what it is for (`init`, `order`, `augment`, `mask`,
`split`) and whom (replicate, epoch, level). Draws for one purpose therefore never shift those of another, and each is
a function of its name, never of how the process got there: rewinding and resuming need no saved generator states.
"""

import hashlib

import torch


def stream(seed: int, *name: str | int) -> torch.Generator:
    """A CPU generator for the stream `name` of `seed`; the same name gives the same numbers.

    torch seeds its CPU generator with 32 bits, so of a thousand streams two coincide with probability 1e-4.
    """
    digest = hashlib.blake2b(repr((seed, *name)).encode(), digest_size=4).digest()
    return torch.Generator().manual_seed(int.from_bytes(digest, "little"))
