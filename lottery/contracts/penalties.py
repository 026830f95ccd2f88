"""What a penalty must fulfil."""

from collections.abc import Iterator
from typing import NamedTuple

import torch
from torch import Tensor

from lottery.contracts import examples
from lottery.contracts.contract import Candidate, require
from lottery.contracts.guards import repeatable, untouched
from lottery.penalties import Past

_STEP = 1e-2
"""Length of a step along a gradient, beside that of the weights: such that float32 tells what it changes."""


class Case(NamedTuple):
    """A case is what a penalty is given of one network."""

    weights: dict[str, Tensor]
    mask: dict[str, Tensor]
    past: Past
    words: str


def is_a_number(given: Candidate) -> None:
    """A penalty returns a finite number, a tensor of no dimension and of the weights' type."""
    for case in _cases():
        value = given(*case[:3])
        require(isinstance(value, Tensor), f"it returns a {type(value).__name__}; return a tensor")
        require(not value.dim(), f"it returns a tensor of shape {tuple(value.shape)}; add it up, by .sum()")
        require(value.dtype == torch.float32, f"it returns {value.dtype}, and has to return torch.float32")
        require(value.isfinite(), f"it is {value.item()} {case.words}; don't divide by zero")


def changes_nothing(given: Candidate) -> None:
    """A penalty changes nothing that it is given, and leaves the global random state as it is."""
    for case in _cases():
        with untouched(weights=case.weights, mask=case.mask, past=case.past):
            given(case.weights, case.mask, case.past)


def is_repeatable(given: Candidate) -> None:
    """A penalty of the same weights is the same number."""
    for case in _cases():
        repeatable(lambda case=case: given(*case[:3]), "the number")  # type: ignore[misc]


def has_its_gradient(given: Candidate) -> None:
    """Autograd finds a finite gradient of a penalty, which says how it changes with the weights."""
    for case in _cases():
        gradients = _gradients(given, case)
        for name, gradient in gradients.items():
            require(gradient.isfinite().all(), f"its gradient in {name} isn't finite {case.words}")
        length = torch.stack([gradient.norm() for gradient in gradients.values()]).norm()
        if not length:
            continue
        size = torch.stack([weight.norm() for weight in case.weights.values()]).norm()
        step = _STEP * size / length
        ahead, behind = (
            given({n: w.detach() + way * step * gradients[n] for n, w in case.weights.items()}, case.mask, case.past)
            for way in (1, -1)
        )
        found, expected = (ahead - behind).item(), 2 * (step * length * length).item()
        require(
            abs(found - expected) <= 0.1 * abs(expected) + 1e-5 * max(abs(ahead.item()), abs(behind.item())),
            f"a step along its gradient changes it by {found:.3g}, which the gradient says is {expected:.3g}; compute "
            "it from the weights given, without detach, data or item",
        )


def leaves_out_what_is_pruned(given: Candidate) -> None:
    """Pruned weights take no part: their gradient is zero."""
    for case in _cases():
        for name, gradient in _gradients(given, case).items():
            wrong = int((gradient[~case.mask[name]] != 0).sum())
            require(not wrong, f"its gradient isn't zero for {wrong} pruned weights of {name}; multiply by mask")


def _cases() -> Iterator[Case]:
    """Yield a network after one round and after three, at an optimum, back at its start, and without a weight left."""
    subject = examples.subject()
    initial = subject.trained_from()
    nothing = {name: torch.zeros_like(kept) for name, kept in subject.mask.items()}
    several = {name: torch.stack([examples.state(seed)[name] for seed in (2, 3, 4)]) for name in subject.mask}
    last = {name: weight[None].clone() for name, weight in subject.weights.items()}
    for mask, weights, optima, words in (
        (subject.mask, subject.weights, {name: each[:1] for name, each in several.items()}, "after one round"),
        (subject.mask, subject.weights, several, "after three rounds"),
        (subject.mask, subject.weights, last, "at what the round before was trained to"),
        (subject.mask, initial, several, "where training starts"),
        (nothing, subject.weights, several, "where nothing is kept"),
    ):
        own = {name: (weights[name] * kept).requires_grad_() for name, kept in mask.items()}
        start = {name: initial[name] * kept for name, kept in mask.items()}
        kept = {name: one.clone() for name, one in mask.items()}
        yield Case(own, kept, Past(start, {name: one.clone() for name, one in optima.items()}), words)


def _gradients(given: Candidate, case: Case) -> dict[str, Tensor]:
    value = given(*case[:3])
    require(value.requires_grad, "autograd doesn't know what it is computed from; use the weights given")
    found = torch.autograd.grad(value, list(case.weights.values()), allow_unused=True, materialize_grads=True)
    return dict(zip(case.weights, found, strict=True))


CHECKS = (is_a_number, changes_nothing, is_repeatable, has_its_gradient, leaves_out_what_is_pruned)
