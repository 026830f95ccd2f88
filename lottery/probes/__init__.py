"""Probes: `probe(subject)` measures one network at one step of its training, and returns what it found, by name.

A probe looks at one network (`lottery.networks.subject.Subject`), read only: its weights and mask, the weights that its
training started from (`subject.initial`), every tensor of it, and so many training images, which are the same ones
whenever a network of the replicate is probed: `subject.images()`. It draws no random numbers but from generators of its
own, of fixed seeds. What it returns is `Findings` (`lottery.exhibits`): numbers, texts, lists, a mapping by layer.

A file says in `TRAITS` when it wants to be asked beside the steps that the config says:

- `moves`: right before masks move and right after it, too.

It says in `SHOWN` what its lines mean: a function from the lines of `probes.jsonl` that it wrote to an `Exhibit`.
"""
