"""What a score must fulfil."""

from collections.abc import Mapping
from dataclasses import replace

import torch
from torch import Tensor

from lottery.contracts import examples
from lottery.contracts.contract import Broken, Candidate, require
from lottery.contracts.guards import repeatable, untouched
from lottery.errors import LotteryError
from lottery.networks import masks
from lottery.networks.subject import Subject
from lottery.seeds import stream


def rates_each_weight(given: Candidate) -> None:
    """A score returns a finite number for each weight: a dict like `subject.weights`, of tensors of their shapes."""
    _check(_rate(given), examples.subject())


def changes_nothing(given: Candidate) -> None:
    """A score changes nothing that it is given, and leaves the global random state as it is."""
    subject = examples.subject()
    template = subject.template
    assert template is not None
    with untouched(subject=subject, template=template.state_dict()):
        given(subject, stream(0, "prune"))
    in_training = template.training and all(module.training for module in template.modules())
    require(in_training, "subject.template is in evaluation mode now; ask subject.outputs(..., train=False)")


def is_repeatable(given: Candidate) -> None:
    """A score is the same for equal networks and generators of one seed."""
    repeatable(lambda: _rate(given), "scores")


def is_detached(given: Candidate) -> None:
    """A score is a plain tensor, without a graph that gradients could flow through."""
    for name, score in _rate(given).items():
        require(not score.requires_grad, f"that of {name} requires gradients; return score.detach()")


def ranks_exactly(given: Candidate) -> None:
    """Ranked by it, masks keep exactly the share of weights that is asked for."""
    subject = examples.subject()
    full = {name: torch.ones_like(mask) for name, mask in subject.mask.items()}
    rates = given(subject, stream(0))
    for density in (0.0, 0.001, 0.5, 1.0):
        try:
            mask = masks.keep_top(rates, density, full, stream(0))
        except (RuntimeError, ValueError) as error:
            raise Broken(f"it can't be ranked ({error}); return score.float()") from error
        kept, wanted = masks.count(mask), density * masks.total(full)
        require(kept == round(wanted), f"at density {density}, {kept} weights are kept in place of {round(wanted)}")


def rates_what_is_empty(given: Candidate) -> None:
    """A score still is finite where no weight is left."""
    subject = examples.subject()
    nothing = {name: torch.zeros_like(weight) for name, weight in subject.weights.items()}
    bare = replace(
        subject, weights=nothing, state={**subject.state, **nothing},
        mask={name: torch.zeros_like(mask) for name, mask in subject.mask.items()},
    )  # fmt: skip
    _check(given(bare, stream(0)), bare)


def says_what_it_needs(given: Candidate) -> None:
    """A score says what it can't do without, by its traits: `data` (training images), `trained` (a trained network)."""
    whole = examples.subject()
    for trait, less in (("data", replace(whole, sample=None)), ("trained", replace(whole, initial=None))):
        if trait in given.entry.traits:
            continue
        try:
            given(less, stream(0))
        except LotteryError as error:
            require(False, f'{error}; write @register("scores", traits={{"{trait}"}})')
        except (TypeError, AttributeError):  # it looks at what isn't there, rather than asking for it
            lacking = (
                "subject.sample is None without data" if trait == "data" else "subject.initial is None before training"
            )
            require(False, f'{lacking}; write @register("scores", traits={{"{trait}"}})')


def _rate(given: Candidate) -> dict[str, Tensor]:
    rates: dict[str, Tensor] = given(examples.subject(), stream(0, "prune"))
    return rates


def _check(rates: object, subject: Subject) -> None:
    require(isinstance(rates, Mapping), f"it returns a {type(rates).__name__}; return name -> score, a dict")
    assert isinstance(rates, Mapping)
    for name, weight in subject.weights.items():
        require(name in rates, f"there is none of {name}; return one for each of subject.weights")
        score = rates[name]
        require(isinstance(score, Tensor), f"that of {name} is a {type(score).__name__}; return a tensor")
        require(
            score.shape == weight.shape,
            f"that of {name} has shape {tuple(score.shape)}; it has to be the weight's, {tuple(weight.shape)}",
        )
        require(score.isfinite().all(), f"that of {name} isn't finite everywhere; keep it from dividing by zero, say")
    more = [name for name in rates if name not in subject.weights]
    require(not more, f"there is one of {', '.join(more)}, which isn't to be scored; leave it out")


CHECKS = (
    rates_each_weight, changes_nothing, is_repeatable, is_detached, ranks_exactly, rates_what_is_empty,
    says_what_it_needs,
)  # fmt: skip
