"""What a model must fulfil."""

import math
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import torch
from torch import Tensor, nn

from lottery import registry
from lottery.contracts.contract import Candidate, Shape, require
from lottery.contracts.differences import difference
from lottery.contracts.examples import cross_entropy
from lottery.contracts.image_sizes import CLASSES, build, by, sizes
from lottery.networks import masks, parameters
from lottery.networks.behaviour import behaviour, unstackable
from lottery.networks.cohort import Arithmetic, Cohort
from lottery.networks.network import Network, State, initialise
from lottery.optimizers import Slots
from lottery.seeds import seeded, stream
from lottery.store.tensor_files import read_tensors, write_tensors

_BATCH = 4


def takes_images(given: Candidate) -> str:
    """A model returns one number for each class, [N, classes], for images [N, C, H, W] of some size."""
    return f"takes images of {', '.join(map(by, sizes(given)))}"


def is_a_network_of_its_own(given: Candidate) -> None:
    """Each call makes a new network, with the same tensors by name and shape."""
    first, second = _build(given), _build(given, seed=1)
    shared = {tensor.data_ptr() for _, tensor in _tensors(first) if tensor.numel()}
    both = [name for name, tensor in _tensors(second) if tensor.data_ptr() in shared]
    require(not both, f"two networks share {', '.join(both[:3])}; make all layers and tensors inside the function")
    ours, theirs = ([(name, tensor.shape) for name, tensor in _tensors(one)] for one in (first, second))
    odd = [str(name) for name, _ in set(ours) ^ set(theirs)]
    require(ours == theirs, f"two networks differ in {', '.join(sorted(odd)[:3])}; build them by the arguments alone")


def is_drawn_from_the_seed(given: Candidate) -> None:
    """A network is the same whenever the generators of torch, NumPy and Python start from one seed."""
    first, second = (dict(_tensors(_build(given))) for _ in range(2))
    place = difference(first, second, "model")
    require(not place, f"{place} is another one the second time; draw from torch's own generator")


def is_finite(given: Candidate) -> None:
    """Outputs are finite numbers, in training and in evaluation."""
    module = _module(given)
    for mode in (True, False):
        module.train(mode)
        outputs = _outputs(module, _images(given))
        at = "training" if mode else "evaluation"
        require(outputs.isfinite().all(), f"in {at} some aren't; look for divisions, logarithms and roots of zero")


def is_repeatable_in_evaluation(given: Candidate) -> None:
    """In evaluation a network gives the same answers again, and changes none of its tensors."""
    module, images = _module(given).eval(), _images(given)
    before = {name: tensor.clone() for name, tensor in _tensors(module)}
    first, second = (_outputs(module, images, seed) for seed in range(2))
    same = torch.equal(first, second)
    require(same, "answers differ; draw nothing and move nothing unless self.training")
    place = difference(before, dict(_tensors(module)), "model")
    require(not place, f"{place} is changed; change it only if self.training")


def learns(given: Candidate) -> str | None:
    """Gradients of the loss reach its parameters."""
    module = _module(given).train()
    trained = {name: parameter for name, parameter in module.named_parameters() if parameter.requires_grad}
    require(trained, "it has no trainable parameter; make tensors that are to be trained nn.Parameter")
    with seeded(stream(0, "noise")):
        cross_entropy(module(_images(given)), _labels()).backward()
    without = [name for name, parameter in trained.items() if parameter.grad is None]
    require(len(without) < len(trained), "none gets a gradient; leave detach(), .data and no_grad() out of forward")
    odd = [name for name, one in trained.items() if one.grad is not None and not one.grad.isfinite().all()]
    require(not odd, f"that of {', '.join(odd[:3])} isn't finite; look for divisions and roots of zero")
    return f"no gradient reaches {', '.join(without)}: not used in a forward pass" if without else None


def keeps_pruned_weights_at_zero(given: Candidate) -> str:
    """In training, pruned weights stay zero and others move."""
    template = _template(given)
    covered = parameters.prunable(template)
    if not covered:
        return "masks cover none of its parameters by themselves: name some in the config, by model.prunable"
    why = _unstackable(given)
    for execution in ("looped",) if why else ("looped", "stacked"):
        _train_sparse(given, execution)
    weights, everything = sum(shape.numel() for shape in covered.values()), parameters.count(template)
    how = f"members are looped: {why}" if why else "members can be stacked"
    return f"masks cover {weights:,} of {everything:,} parameters; {how}"


def survives_a_file(given: Candidate) -> None:
    """Saved and loaded into another network, its tensors give the same answers: a ticket is its state dict."""
    module, other, images = _module(given).eval(), _build(given, seed=1).eval(), _images(given)
    with TemporaryDirectory() as folder:
        file = Path(folder) / "weights.safetensors"
        write_tensors(file, parameters.tensors(module))
        other.load_state_dict(read_tensors(file))
    same = torch.equal(_outputs(module, images), _outputs(other, images))
    require(same, "answers differ; register every tensor that forward uses as parameter or (persistent) buffer")


def shrinks(given: Candidate) -> str | None:
    """A model with an option `scale` has fewer weights the lower that is, as `model.small_dense` needs it."""
    if "scale" not in given.options:
        return "without an option `scale`: model.small_dense can't be used"
    counts = []
    for factor in (1.0, 0.5, 1e-9):
        smaller = Candidate(given.entry, {**given.options, "scale": factor * given.options["scale"]})
        with seeded(stream(0)):
            module = smaller(_shape(given), CLASSES)
        counts.append(sum(shape.numel() for shape in parameters.prunable(module).values()))
        behaviour(module, _shape(given), CLASSES)
    falls = counts[0] >= counts[1] >= counts[2] and counts[0] > counts[2]
    require(
        falls, f"at 1, 0.5 and next to 0 it has {', '.join(map(str, counts))}; multiply all widths by it, to at least 1"
    )
    return None


def _build(given: Candidate, seed: int = 0) -> nn.Module:
    return build(given, _shape(given), seed)


def _shape(given: Candidate) -> Shape:
    return sizes(given)[0]


def _state(given: Candidate, replicate: int = 0) -> State:
    """Return an initialization, as a study draws it."""
    draw = registry.find("initializers", "kaiming_normal")
    return initialise(partial(given, _shape(given), CLASSES), draw, 0, replicate)


def _template(given: Candidate) -> nn.Module:
    return _build(given, seed=2)


def _module(given: Candidate) -> nn.Module:
    """Return an initialized network."""
    module = _template(given)
    module.load_state_dict(_state(given))
    return module


def _tensors(module: nn.Module) -> Iterator[tuple[str, Tensor]]:
    yield from module.named_parameters()
    yield from module.named_buffers()


def _images(given: Candidate, *axes: int) -> Tensor:
    return torch.randn(*axes, _BATCH, *_shape(given), generator=stream(0, "images"))


def _labels(*axes: int) -> Tensor:
    return (torch.arange(_BATCH) % CLASSES).expand(*axes, _BATCH)


@torch.no_grad()
def _outputs(module: nn.Module, images: Tensor, seed: int = 0) -> Tensor:
    with seeded(stream(seed, "noise")):
        outputs: Tensor = module(images)
    return outputs


def _unstackable(given: Candidate) -> str | None:
    """Return why members of a study can't be stacked; None where they can."""
    template = _template(given)
    if behaviour(template, _shape(given), CLASSES).noisy:
        return "it draws random numbers while it trains, which are each member's own"
    full = masks.full(parameters.tensors(template), list(parameters.prunable(template)))
    return unstackable(template, _shape(given), full)


def _train_sparse(given: Candidate, execution: str) -> None:
    """Train two half-pruned networks for three steps, and look at their weights."""
    template, generator = _template(given), stream(0, "mask")
    networks = []
    for replicate in range(2):
        covered = parameters.prunable(template)
        mask = {name: torch.rand(shape, generator=generator) < 0.5 for name, shape in covered.items()}
        networks.append(Network(_state(given, replicate), mask))
    last = behaviour(template, _shape(given), CLASSES).channels_last
    cohort = Cohort(
        template, networks, execution=execution, device=torch.device("cpu"), arithmetic=Arithmetic(channels_last=last)
    )
    start = {name: weight.detach().clone() for name, weight in cohort.weights.items()}
    sgd, slots = registry.find("optimizers", "sgd"), Slots()
    for _ in range(3):
        with seeded(stream(0, "noise")):
            losses, gradients = cohort.gradients(_images(given, 2), _labels(2), cross_entropy)
        require(math.isfinite(losses.sum()), f"{execution}, the loss is no finite number after some steps")
        with torch.no_grad():
            sgd(cohort.leaves, gradients, slots, 1.0, lr=1e-3, momentum=0.9, weight_decay=1e-4)
    for name, kept in cohort.masks.items():
        zero = not cohort.weights[name][~kept].any()
        require(zero, f"{execution}, pruned weights of {name} aren't zero any more; change no weight in forward")
    moved = any(bool((weight != start[name]).any()) for name, weight in cohort.weights.items())
    require(moved, f"{execution}, no weight has moved in three steps")


CHECKS = (
    takes_images, is_a_network_of_its_own, is_drawn_from_the_seed, is_finite, is_repeatable_in_evaluation, learns,
    keeps_pruned_weights_at_zero, survives_a_file, shrinks,
)  # fmt: skip
