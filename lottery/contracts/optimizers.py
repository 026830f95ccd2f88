"""What an optimizer must fulfil."""

import torch
from torch import Tensor

from lottery.contracts import examples
from lottery.contracts.contract import Candidate, require
from lottery.contracts.differences import difference
from lottery.contracts.guards import twice, untouched
from lottery.networks.cohort import Cohort
from lottery.networks.network import Network
from lottery.networks.parameters import prunable
from lottery.optimizers import Slots
from lottery.seeds import stream

_STEPS = 3


def moves_weights(given: Candidate) -> None:
    """An optimizer moves each weight in place, to finite numbers, and keeps in `slots` a tensor for each weight."""
    weights, start, slots = _weights(), _weights(), Slots()
    for step in range(_STEPS):
        given([*weights], _gradients(step), slots, 1.0)
    for weight, before in zip(weights, start, strict=True):
        require(not torch.equal(weight, before), "a weight has not moved; change it in place: weight.sub_(...)")
        require(weight.isfinite().all(), "some weights aren't finite after three steps")
    for name, slot in slots.items():
        fits = isinstance(name, str) and isinstance(slot, list) and len(slot) == len(weights)
        require(fits, f"slot {name!r} isn't a list of one tensor for each weight; use lottery.optimizers.slot")
        require(all(isinstance(one, Tensor) for one in slot), f"slot {name!r} holds other things than tensors")


def has_a_learning_rate(given: Candidate) -> None:
    """An optimizer has the option `lr`, and the factor scales it: at 0 nothing moves."""
    require("lr" in given.options, "it has no option lr; write lr: Positive = 0.1, and multiply it by `factor`")
    weights = _weights()
    given(weights, _gradients(0), {}, 0.0)
    require(not difference(weights, _weights(), ""), "weights move though `factor` is 0; use lr * factor")


def keeps_no_state(given: Candidate) -> None:
    """An optimizer remembers in `slots` alone, which are saved, and leaves the global random state as it is."""
    first, second = twice(lambda: _trained(given))
    place = difference(first, second, "weights")
    require(not place, f"{place} is another one the second time; keep what is remembered in `slots` alone")
    weights, slots = _weights(), Slots()
    with untouched():
        given(weights, _gradients(0), slots, 1.0)


def is_elementwise(given: Candidate) -> None:
    """An optimizer steps each number by itself: stacked networks move as each of them alone."""
    together = _trained(given)
    for member in range(2):
        alone = _trained(given, member)
        for one, other in zip(together, alone, strict=True):
            require(
                torch.allclose(one[member], other, rtol=1e-4, atol=1e-6),
                "two networks stacked in one tensor move otherwise than each alone; use no norm or mean over a tensor",
            )


def leaves_zeros_alone(given: Candidate) -> None:
    """A weight of zero with gradients of zero stays exactly zero, and so do its slots."""
    zeros, slots = [torch.zeros(4, 3), torch.zeros(5)], Slots()
    for _ in range(_STEPS):
        given(zeros, [torch.zeros_like(zero) for zero in zeros], slots, 1.0)
    require(
        not any(zero.any() for zero in zeros), "a weight of zero moves without a gradient; pruned weights come back"
    )
    for name, slot in slots.items():
        odd = any(one.shape == zero.shape and one.any() for one, zero in zip(slot, zeros, strict=True))
        require(not odd, f"slot {name!r} isn't zero where there never was a gradient; start it at zero")


def keeps_pruned_weights_at_zero(given: Candidate) -> None:
    """Pruned weights are zero after every step, of stacked and of looped networks; all others move."""
    for execution in ("stacked", "looped"):
        _train_sparse(given, execution)


def takes_the_factor_as_a_tensor(given: Candidate) -> None:
    """The factor may be a tensor, as in a captured step, where a number would be baked in."""
    ends = []
    for kind in (float, torch.tensor):
        weights, slots = _weights(), Slots()
        for step, factor in enumerate((1.0, 0.5, 0.25)):
            given(weights, _gradients(step), slots, kind(factor))
        ends.append(weights)
    for one, other in zip(*ends, strict=True):
        same = torch.allclose(one, other, rtol=1e-4, atol=1e-6)
        require(same, "a tensor as `factor` moves weights otherwise than a number; use lr * factor as it is")


def _weights(member: int | None = None) -> list[Tensor]:
    """Return weights of two stacked networks, or of one of them."""
    generator = stream(0, "weights")
    drawn = [torch.randn(2, *shape, generator=generator) for shape in ((4, 3), (5,))]
    return drawn if member is None else [weight[member].clone() for weight in drawn]


def _gradients(step: int, member: int | None = None) -> list[Tensor]:
    generator = stream(0, "gradients", step)
    # Those of one network are larger: what is taken over a whole tensor then differs.
    drawn = [torch.randn(2, *shape, generator=generator) for shape in ((4, 3), (5,))]
    for gradient in drawn:
        gradient[1] *= 100
    return drawn if member is None else [gradient[member].clone() for gradient in drawn]


def _trained(given: Candidate, member: int | None = None) -> list[Tensor]:
    weights, slots = _weights(member), Slots()
    for step in range(_STEPS):
        given(weights, _gradients(step, member), slots, 1.0)
    return weights


def _train_sparse(given: Candidate, execution: str) -> None:
    """Train two half-pruned networks for twenty steps, and look at their weights after each."""
    template, generator = examples.net(), torch.Generator().manual_seed(0)
    networks = [
        Network(
            examples.state(0),
            {key: torch.rand(shape, generator=generator) < 0.5 for key, shape in prunable(template).items()},
        )
        for _ in range(2)
    ]
    cohort = Cohort(template, networks, execution=execution, device=torch.device("cpu"))
    start, slots = {key: weight.detach().clone() for key, weight in cohort.weights.items()}, Slots()
    for step in range(1, 21):
        images = torch.randn(2, 8, *examples.IMAGE, generator=generator)
        labels = torch.randint(examples.CLASSES, (2, 8), generator=generator)
        _, gradients = cohort.gradients(images, labels, examples.cross_entropy)
        with torch.no_grad():
            given(cohort.leaves, gradients, slots, 1.0)
        for name, mask in cohort.masks.items():
            require(not cohort.weights[name][~mask].any(), f"after step {step} pruned weights of {name} aren't zero")
    for name, slot in slots.items():
        for leaf, value in zip(cohort.leaves, slot, strict=True):
            like = value.shape == leaf.shape and leaf.dim() > 1
            require(not (like and value[leaf == 0].any()), f"slot {name!r} isn't zero where weights are pruned")
    for name, weight in cohort.weights.items():
        moved = weight != start[name]
        kept = moved[cohort.masks[name]] if name in cohort.masks else moved
        require(kept.any(), f"{name} has not moved in twenty steps")


CHECKS = (
    moves_weights, has_a_learning_rate, keeps_no_state, is_elementwise, leaves_zeros_alone,
    keeps_pruned_weights_at_zero, takes_the_factor_as_a_tensor,
)  # fmt: skip
