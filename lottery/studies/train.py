"""Train dense networks, level 0 of every study, or networks that are sparse from the start."""

from typing import Self

from lottery import answers
from lottery.config.schema import Config
from lottery.networks import parameters
from lottery.networks.key import Key
from lottery.networks.network import Network
from lottery.seeds import stream
from lottery.store.reader import Reader
from lottery.studies.plan import dense_level, sparse_level
from lottery.studies.selection import prune_to
from lottery.studies.setting import Setting
from lottery.studies.study import Study
from lottery.training.recipe import Member


class Train(Study):
    """One network a replicate, from initialization to the end of the schedule: dense, or at each sparse density.

    The dense states at initialization and at the step that pruning will rewind to are kept.
    """

    name = "train"
    questions = ("matching", "matching, within a deviation")

    def __init__(self, setting: Setting) -> None:
        sparse = setting.config.sparse
        levels = [dense_level(setting)] if sparse is None or sparse.dense else []
        numbers = range(1, len(sparse.densities) + 1) if sparse else ()
        super().__init__(setting, [*levels, *(sparse_level(setting, number) for number in numbers)])

    @classmethod
    def of_run(cls, run: Reader, setting: Setting) -> Self:  # noqa: ARG003
        """See `Study`."""
        return cls(setting)

    def network(self, run: Reader, member: Member) -> Network:  # noqa: ARG002
        """See `Study`."""
        start = self.setting.dense(self.setting.initial(member.key.replicate))
        return sparse_start(self.setting, start, member.key) if member.key.level else start

    def kept_steps(self, key: Key) -> list[int]:
        """See `Study`."""
        return rewind_steps(self.setting, key)

    @staticmethod
    def pruned_from(config: Config, key: Key) -> Key | None:
        """See `Study`; what goes from dense to sparse while it trains ends in what it was pruned from."""
        gradual = config.sparse is not None and "dense_start" in config.sparse.topology.traits
        return key if key.level and gradual else None

    def keeps_initial(self, key: Key) -> bool:
        """See `Study`."""
        return not key.order


def rewind_steps(setting: Setting, key: Key) -> list[int]:
    """Return the step of the dense training, in the usual order, that tickets are rewound to, if not initialization."""
    usual = key.arm == "dense" and not key.order
    return [setting.rewind_step] if usual and setting.rewind_step else []


def sparse_start(setting: Setting, start: Network, key: Key) -> Network:
    """Return what training at a sparse density starts from: a mask chosen by score, weights drawn for that mask.

    It is the dense network itself where training starts dense, or what is trained are latents.

    Args:
        start: the replicate's dense network at initialization, by which scores choose.
        key: whose density it has; the replicate's levels share the dense draw.
    """
    config = setting.config.sparse
    assert config is not None
    if config.latent is not None or "dense_start" in config.topology.entry.traits:
        return start
    rounds = config.rounds or config.score.entry.constants.get("ROUNDS", 1)
    mask = prune_to(setting, config.score, key, start, setting.sparse_densities(key.level), rounds)
    generator = stream(setting.config.seed, "sparse_init", key.replicate, key.level)
    # An initializer knows the inputs of linear and convolution layers; all else stays as its module drew it.
    by_initializer = set(parameters.drawn(setting.template))
    entry, options, drawn = config.initializer.entry, config.initializer.options, {}
    for name in setting.pruned:
        if name in by_initializer:
            given = answers.apart(entry, {"weight": start.state[name], "mask": mask[name]})
            answer = entry(given["weight"], given["mask"], generator, **options)
            drawn[name] = answers.tensor(entry, answer, start.state[name], f" for {name}")
    return Network(start.state | drawn, mask)
