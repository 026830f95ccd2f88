"""From a network and a config's score to a mask: what a score may look at, and over how many rounds it prunes."""

from collections.abc import Mapping

import torch
from torch import Tensor

from lottery import answers
from lottery.config.pruning import Score
from lottery.errors import LotteryError
from lottery.networks import masks
from lottery.networks.key import Key
from lottery.networks.masks import Mask
from lottery.networks.network import Network, State
from lottery.networks.subject import on_cpu
from lottery.seeds import seeded, stream
from lottery.studies.setting import Setting
from lottery.studies.subjects import apart, asks_for_images, subject_of


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


def check_data(setting: Setting, score: Score) -> None:
    """Raise LotteryError where a score wants more training images than a replicate has; nothing is scored."""
    if "data" in score.entry.traits:
        asks_for_images(
            setting, score.entry, setting.like.mask, lambda subject: score.entry(subject, stream(0), **score.options),
            "score", f"score {score.name}",
        )  # fmt: skip


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
