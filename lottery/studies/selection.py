"""From a network and a config's score to a mask: what a score may look at, and over how many rounds it prunes."""

import copy
from collections.abc import Mapping
from contextlib import suppress

import torch
from torch import Tensor

from lottery import answers, brought
from lottery.config.pruning import Score
from lottery.errors import LotteryError
from lottery.networks import masks, parameters
from lottery.networks.key import Key
from lottery.networks.masks import Mask
from lottery.networks.network import Network, State
from lottery.networks.subject import Sample, Subject, on_cpu
from lottery.seeds import seeded, stream
from lottery.studies.setting import Setting
from lottery.training.objective import Objective


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
    device, names = setting.device, setting.pruned
    twice = parameters.aliases(setting.template)
    state = {name: tensor.to(device) for name, tensor in network.state.items() if name not in twice}
    for name, mask in network.mask.items():
        state[name] = state[name] * mask.to(device)
    left, entry = {name: network.mask[name].to(device) for name in names}, score.entry
    given = answers.apart(entry, state)
    first = None if initial is None else {name: initial[name].to(device) for name in names}
    subject = Subject(
        weights={name: given[name] for name in names},
        mask=answers.apart(entry, left),
        initial=None if first is None else answers.apart(entry, first),
        state=given,
        template=copy.deepcopy(setting.template).to(device),  # the setting's own stays on the CPU: `to` moves a module
        shape=setting.data.shape,
        sample=_sample(setting, replicate),
        criterion=Objective(setting.task),
    )
    try:
        with seeded(stream(setting.config.seed, "noise", replicate, "score"), device):
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
            _sample(setting, replicate)(count, per_class)
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


def _sample(setting: Setting, replicate: int) -> Sample:
    """Return training images of a replicate, unaugmented: the same ones whenever it is asked for the same number."""
    data = setting.data
    index = data.train_index[replicate]

    def sample(count: int | None, per_class: int | None) -> tuple[Tensor, Tensor]:
        order = index[torch.randperm(len(index), generator=stream(setting.config.seed, "score", replicate))]
        if per_class is not None:
            labels = data.train_labels[order.to(data.device)].cpu()
            chosen = []
            for label in labels.unique().tolist():
                of_class = order[labels == label]
                if len(of_class) < per_class:
                    raise LotteryError(f"wants {per_class} images of each class, and class {label} has {len(of_class)}")
                chosen.append(of_class[:per_class])
            # One image of each class after the other, so that any part of them is balanced too.
            order = torch.stack(chosen, dim=1).flatten()
        elif count is not None:
            if count > len(order):
                raise LotteryError(f"wants {count} training images, and there are {len(order)}")
            order = order[:count]
        rows, columns = (slice(data.crop, data.crop + size) for size in data.shape[1:])
        images = data.train_images[order.to(data.device)][..., rows, columns]
        return data.normalise(images), data.train_labels[order.to(data.device)]

    return sample
