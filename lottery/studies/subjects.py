"""One network of a study as those who only look at it are given it: scores, probes, analyses."""

import copy
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace

import torch
from torch import Tensor, nn

from lottery import answers, brought
from lottery.errors import LotteryError
from lottery.networks import parameters
from lottery.networks.masks import Mask
from lottery.networks.network import Network
from lottery.networks.subject import Sample, Subject
from lottery.registry import Entry
from lottery.seeds import seeded, stream
from lottery.studies.setting import Setting
from lottery.training.objective import Objective


def subject_of(
    setting: Setting,
    network: Network,
    replicate: int,
    *,
    initial: Mapping[str, Tensor] | None = None,
    names: Sequence[str] | None = None,
    template: nn.Module | None = None,
    purpose: str = "probe",
) -> Subject:
    """Return a network as a subject, on the device, its weights masked.

    Args:
        replicate: whose training images may be looked at.
        initial: name -> weight that its training started from, at least of `names`.
        names: of the weights that it is asked about; of all that masks cover where nothing is said.
        template: the architecture, on the device; a copy of the setting's where nothing is said.
        purpose: names the stream that training images are drawn from.
    """
    device = setting.device
    names = list(network.mask) if names is None else names
    twice = parameters.aliases(setting.template)
    state = {name: tensor.to(device) for name, tensor in network.state.items() if name not in twice}
    for name, mask in network.mask.items():
        state[name] = state[name] * mask.to(device)
    return Subject(
        weights={name: state[name] for name in names},
        mask={name: network.mask[name].to(device) for name in names},
        initial=None if initial is None else {name: initial[name].to(device) for name in names},
        state=state,
        # A copy: the setting's own stays on the CPU, and `to` moves a module.
        template=copy.deepcopy(setting.template).to(device) if template is None else template,
        shape=setting.data.shape,
        sample=sample_of(setting, replicate, purpose),
        criterion=Objective(setting.task),
    )


def apart(entry: Entry, subject: Subject) -> Subject:
    """Return a subject as a user's entry is given it."""
    if entry.own:
        return subject
    state = answers.apart(entry, subject.state)
    return replace(
        subject, state=state, weights={name: state[name] for name in subject.weights},
        mask=answers.apart(entry, subject.mask),
        initial=None if subject.initial is None else answers.apart(entry, subject.initial),
    )  # fmt: skip


def sample_of(setting: Setting, replicate: int, purpose: str) -> Sample:
    """Return training images of a replicate, unaugmented: the same ones whenever it is asked for the same number.

    Args:
        purpose: names the stream that they are drawn from.
    """
    data = setting.data
    index = data.train_index[replicate]

    def sample(count: int | None, per_class: int | None) -> tuple[Tensor, Tensor]:
        order = index[torch.randperm(len(index), generator=stream(setting.config.seed, purpose, replicate))]
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


class _Enough(Exception):
    """The training images that were asked for are there."""


def asks_for_images(
    setting: Setting, entry: Entry, mask: Mask, ask: Callable[[Subject], object], purpose: str, what: str
) -> bool:
    """Return whether an entry asks a subject for training images, which are there: what it does after that isn't done.

    Args:
        entry: who is asked.
        mask: of the subject, on the CPU.
        ask: gives the entry a subject.
        purpose: names the stream that images are drawn from.
        what: is asked, in messages.

    Raises:
        LotteryError: a replicate has fewer, or the entry refuses this network before it looks at any.
    """

    def look(count: int | None, per_class: int | None) -> tuple[Tensor, Tensor]:
        for replicate in range(setting.config.replicates):  # each has a split of its own, and other numbers of a class
            sample_of(setting, replicate, purpose)(count, per_class)
        raise _Enough

    state = dict(setting.template.state_dict())
    state |= {name: state[name] * kept for name, kept in mask.items()}
    weights = {name: state[name] for name in mask}
    subject = Subject(
        weights, mask, weights, state, setting.template, setting.data.shape, look, Objective(setting.task)
    )  # fmt: skip
    with brought.told(what), suppress(_Enough), seeded(stream(0), torch.device("cpu")):
        try:
            ask(apart(entry, subject))
        except LotteryError as error:
            raise LotteryError(f"{what}: {error}") from None
        return False
    return True
