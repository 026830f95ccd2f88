"""From a network and a config's score to a mask: what a score may look at, and over how many rounds it prunes."""

from collections.abc import Mapping
from contextlib import suppress

import torch
from torch import Tensor

from lottery import answers, brought
from lottery.config.pruning import Score
from lottery.errors import LotteryError
from lottery.networks import masks
from lottery.networks.key import Key
from lottery.networks.masks import Mask
from lottery.networks.network import Network, State
from lottery.networks.subject import Subject, on_cpu
from lottery.seeds import seeded, stream
from lottery.studies.setting import Setting
from lottery.studies.subjects import apart, sample_of, subject_of


def rate(
    setting: Setting,
    score: Score,
    replicate: int,
    network: Network,
    generator: torch.Generator,
    initial: State | None = None,
) -> dict[str, Tensor]:
    """Return the score of each weight that is pruned under the config, on the CPU.

    Args:
        replicate: whose training images a score may look at.
        network: what is scored; its weights are masked here.
        generator: where a score's random numbers come from.
        initial: the network at initialization, where it has been trained since.

    Raises:
        LotteryError: the score can't be computed here; the message names it.
    """
    names, entry = setting.pruned, score.entry
    left = {name: network.mask[name].to(setting.device) for name in names}
    subject = apart(entry, subject_of(setting, network, replicate, initial=initial, names=names, purpose="score"))
    try:
        with seeded(stream(setting.config.seed, "noise", replicate, "score"), setting.device):
            scores = on_cpu(answers.tensors(entry, entry(subject, generator, **score.options), left, ranked=True))
    except LotteryError as error:
        raise LotteryError(f"score {score.name}: {error}") from None
    for name in names:
        if (scores[name].isnan() & network.mask[name]).any():
            remedy = (
                f"set its options ({', '.join(score.options)}) to others" if score.options else "take another score"
            )
            remedy += "" if score.entry.own else ", or mend its function"
            raise LotteryError(f"score {score.name}: gives weights of {name} no number; {remedy}")
    return scores


class _Enough(Exception):
    """The data that a score wants are there."""


def check_data(setting: Setting, score: Score) -> None:
    """Raise LotteryError where a score wants more training images than a replicate has; nothing is scored."""
    if "data" not in score.entry.traits:
        return

    def look(count: int | None, per_class: int | None) -> tuple[Tensor, Tensor]:
        for replicate in range(setting.config.replicates):  # each has a split of its own, and other numbers of a class
            sample_of(setting, replicate, "score")(count, per_class)
        raise _Enough

    state = setting.template.state_dict()
    weights = {name: state[name] for name in setting.shapes}
    subject = Subject(weights, setting.like.mask, weights, state, setting.template, setting.data.shape, look)
    with brought.told(f"score {score.name}"), suppress(_Enough):
        try:
            score.entry(subject, stream(0), **score.options)
        except LotteryError as error:
            raise LotteryError(f"score {score.name}: {error}") from None


def prune_to(
    setting: Setting, score: Score, key: Key, network: Network, density: float | Mapping[str, float], rounds: int
) -> Mask:
    """Return the mask that is left where the weights of lowest score are removed in rounds, none of them trained.

    The density falls exponentially: to `density ** (k / rounds)` after round k, each of which scores what the one
    before left (Tanaka et al. 2020).

    Args:
        key: of the network that the mask is for.
        network: dense, or pruned already.
        density: after the last round, of the weights that are pruned, ranked together, or of each layer.
        rounds: at least one.
    """
    mask, names = dict(network.mask), setting.pruned
    for number in range(1, rounds + 1):
        generator = stream(setting.config.seed, "sparse", key.replicate, key.level, number)
        scores = rate(setting, score, key.replicate, Network(network.state, mask), generator)
        share = number / rounds
        target: float | dict[str, float]
        if isinstance(density, Mapping):
            target = {layer: density[layer] ** share for layer in names}
        else:
            target = density**share
        mask |= masks.keep_top(scores, target, {layer: mask[layer] for layer in names}, generator)
    return mask
