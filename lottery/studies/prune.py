"""Prune, rewind, retrain, round after round, beside controls."""

from collections.abc import Sequence
from functools import partial
from typing import Self

from pydantic import ValidationError

from lottery import answers, escape, registry
from lottery.arms import main_arm
from lottery.config import complaints
from lottery.config.pruning import Pruning
from lottery.config.schema import Config
from lottery.errors import LotteryError
from lottery.networks import masks
from lottery.networks.key import Key
from lottery.networks.masks import Mask
from lottery.networks.network import Network, State
from lottery.seeds import stream
from lottery.store.reader import Reader
from lottery.studies.checks import check_rounds
from lottery.studies.plan import dense_level, layer_densities, pruned_level
from lottery.studies.selection import rate
from lottery.studies.setting import Setting
from lottery.studies.study import Study
from lottery.studies.train import rewind_steps
from lottery.training.recipe import Member

_TICKETS_AT_HAND = 8
"""A ticket is asked for once for itself, and once for each of its controls."""


class Prune(Study):
    """Iterative pruning with rewinding (Frankle & Carbin 2019; Frankle et al. 2020; Renda et al. 2020).

    Train a dense network. Then, in each round: prune what the round before (one-shot: the dense network) was trained
    to; put the weights back to where `pruning.rewind` says; train again. Controls are trained beside each ticket.
    """

    name = "prune"
    questions = ("winning ticket", "matching", "matching, within a deviation", "beats reinit", "beats random")

    def __init__(self, setting: Setting) -> None:
        """Plan the rounds that a config asks for.

        Raises:
            LotteryError: the config is not of such a study, or leaves nothing to train at some level.
        """
        if setting.config.sparse is not None:
            raise LotteryError("sparse: networks that are sparse from the start are trained by `lottery train`")
        rounds = range(1, setting.config.pruning.iterations + 1)
        check_rounds(setting, [layer_densities(setting, number) for number in rounds])
        super().__init__(setting, [dense_level(setting), *(pruned_level(setting, number) for number in rounds)])
        self._tickets: dict[Key, Network] = {}

    @classmethod
    def of_run(cls, run: Reader, setting: Setting) -> Self:  # noqa: ARG003
        """See `Study`."""
        return cls(setting)

    def network(self, run: Reader, member: Member) -> Network:
        """See `Study`."""
        key = member.key
        if key.level == 0:
            return self.setting.dense(self.setting.initial(key.replicate))
        ticket = self._ticket(run, self.setting.main(key.replicate, key.level))
        return ticket if key.arm == "ticket" else control(self.setting, ticket, key)

    def _ticket(self, run: Reader, key: Key) -> Network:
        if key not in self._tickets:
            if len(self._tickets) == _TICKETS_AT_HAND:
                del self._tickets[next(iter(self._tickets))]
            before = self.source(key)
            assert before is not None
            self._tickets[key] = Network(_rewound(run, self.setting, before), pruned(run, self.setting, before, key))
        return self._tickets[key]

    def source(self, key: Key) -> Key | None:
        """See `Study`."""
        return self.pruned_from(self.setting.config, key)

    @staticmethod
    def pruned_from(config: Config, key: Key) -> Key | None:
        """See `Study`."""
        before = Prune.rounds_before(config, key.level)
        return Key(key.replicate, before[-1], main_arm(before[-1], sparse=False)) if before else None

    def kept_steps(self, key: Key) -> list[int]:
        """See `Study`."""
        return rewind_steps(self.setting, key)

    def keeps_initial(self, key: Key) -> bool:
        """See `Study`."""
        return key.level == 0 and not key.order

    @staticmethod
    def rounds_before(config: Config, level: int) -> Sequence[int]:
        """See `Study`."""
        return range(min(level, 1) if config.pruning.one_shot else level)


def extended(run: Reader, iterations: int) -> Config:
    """Return the config of a finished run with further rounds of pruning; of a trained run, with that many.

    Raises:
        LotteryError: the run isn't finished, or isn't one that prunes.
    """
    study = run.record["study"]
    if study not in ("train", "prune"):
        raise LotteryError(f"{run.path} retrains networks of another run; extend that one instead")
    config = run.config
    if config.sparse is not None:
        raise LotteryError(f"{run.path} is of networks that are sparse from the start; prune a run of dense ones")
    before = config.pruning.iterations if study == "prune" else 0
    if run.record["status"] != "finished" or {line["level"] for line in run.levels()} != set(range(before + 1)):
        raise LotteryError(f"{run.path} isn't finished; finish it first: lottery resume {escape.shell(run.path)}")
    try:
        pruning = Pruning.model_validate(config.pruning.model_dump() | {"iterations": before + iterations})
    except ValidationError as error:
        raise LotteryError(f"iterations: {iterations}: {complaints.first(error)[1]}, in all") from None
    return config.model_copy(update={"pruning": pruning})


def pruned(run: Reader, setting: Setting, source: Key, key: Key) -> Mask:
    """Return a ticket's mask: the best of the weights that its source still has, by the pruning score."""
    state = run.read_weights(source, setting.like.state)
    mask = run.read_mask(source, setting.like.mask)
    generator = stream(setting.config.seed, "prune", key.replicate, key.level)
    initial = run.read_state(Key(key.replicate, 0, "dense"), 0, setting.like.state)
    scores = rate(setting, setting.config.pruning.score, key.replicate, Network(state, mask), generator, initial)
    ranked = {name: mask[name] for name in setting.pruned}
    return mask | masks.keep_top(scores, layer_densities(setting, key.level), ranked, generator)


def control(setting: Setting, ticket: Network, key: Key) -> Network:
    """Return the network of a control, which lacks the ticket's weights, its mask, or both."""
    generator = stream(setting.config.seed, "mask", key.replicate, key.level, key.arm)
    fresh = partial(setting.initial, key.replicate, key.arm, key.level)
    entry = registry.find("arms", key.arm)
    given = ticket if entry.own else Network(*(dict(answers.apart(entry, of)) for of in (ticket.state, ticket.mask)))
    made: object = entry(given, fresh, generator)
    if not isinstance(made, Network):
        raise answers.wrong(entry, f"a {type(made).__name__}", "a lottery.networks.network.Network(state, mask)")
    state, mask = made.state, made.mask
    return Network(
        answers.tensors(entry, state, ticket.state, " as state"), answers.tensors(entry, mask, ticket.mask, " as mask")
    )


def _rewound(run: Reader, setting: Setting, source: Key) -> State:
    """Return the weights that retraining starts from."""
    step, like = setting.rewind_step, setting.like.state
    if step is None:
        return run.read_weights(source, like)
    return run.read_state(Key(source.replicate, 0, "dense"), step, like)
