"""A cohort: R networks of one architecture, trained together.

Every tensor carries a leading member axis. There are two ways to compute, which agree up to float rounding:

- `stacked`: one batched product for all members (`torch.func.vmap` over the network);
- `looped`: one member after the other, each an ordinary module whose parameters are views of the stacked tensors.

A cohort of one is looped: it costs what the module alone costs.
"""

import copy
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor, nn
from torch.func import functional_call, vmap
from torch.nn import functional as F

from lottery.networks import parameters
from lottery.networks.masks import Mask
from lottery.seeds import seeded, stream

State = dict[str, Tensor]
"""State dict of one network: parameters and buffers under the names that the dense model gives them."""


@dataclass(frozen=True)
class Network:
    """One network by its tensors alone: weights and buffers, and the mask of its prunable weights."""

    state: State
    mask: Mask


def initialise(
    build: Callable[[], nn.Module],
    initializer: Callable[[torch.Size, torch.Generator], Tensor],
    seed: int,
    *name: str | int,
) -> State:
    """Return a fresh state of which every tensor comes from streams called `name`.

    Weights of linear and convolution layers are the initializer's, and their biases 0; everything else is as the
    module's own code draws it.

    Args:
        build: makes the module.
        initializer: draws a weight of a shape from a generator.
        seed: of the study.
        name: of the streams; another name gives a state that is as independent as another seed's.
    """
    with seeded(stream(seed, "model", *name)):
        module = build()
    generator = stream(seed, "init", *name)
    state = parameters.tensors(module)
    for key in parameters.drawn(module):
        state[key] = initializer(state[key].shape, generator)
        bias = key.removesuffix("weight") + "bias"
        if bias in state:
            state[bias].zero_()
    return state | {further: state[first].clone() for further, first in parameters.aliases(module).items()}


class Cohort:
    """R masked networks and their gradients.

    Attributes:
        weights: name of a trainable parameter -> `[R, *shape]`; zero where the mask is.
        buffers: name of a buffer, or of a parameter that isn't trained -> `[R, *shape]`.
        masks: name of a prunable weight -> bool `[R, *shape]`.
        leaves: the tensors that an optimizer steps, views of `weights`: the stacked tensors, or each member's.
        names: of each leaf.
        noise: for each member, what its next forward pass in training draws from; None where it draws nothing.
    """

    def __init__(
        self,
        template: nn.Module,
        networks: Sequence[Network],
        *,
        execution: str,
        device: torch.device,
        precision: str = "float32",
        compiled: bool = False,
        evolving: bool = False,
        channels_last: bool = True,
    ) -> None:
        """Put networks together.

        Args:
            template: their architecture.
            networks: their tensors, which are copied.
            execution: stacked or looped.
            device: where.
            precision: float32, or that of products and convolutions: bf16, fp16.
            compiled: whether forward and backward go through `torch.compile`.
            evolving: whether masks will move.
            channels_last: whether looped members are given images with the channels last in memory.
        """

        def stack(name: str, own: Tensor) -> Tensor:
            # A buffer that no state dict has is what the module's constructor makes of it.
            return torch.stack([network.state.get(name, own.detach()) for network in networks]).to(device)

        self.size, self.device = len(networks), device
        self.execution, self.stacked = execution, execution == "stacked"
        self.noise: Sequence[torch.Generator] | None = None
        named_parameters = dict(template.named_parameters())
        frozen = {name: own for name, own in named_parameters.items() if not own.requires_grad}
        self.weights = {name: stack(name, own) for name, own in named_parameters.items() if name not in frozen}
        self.buffers = {name: stack(name, own) for name, own in (*template.named_buffers(), *frozen.items())}
        self.masks = {
            name: torch.stack([network.mask[name] for network in networks]).to(device)
            for name in self.weights
            if name in networks[0].mask
        }
        for name, mask in self.masks.items():
            self.weights[name].mul_(mask)
        self._template = copy.deepcopy(template).to(device)
        self._members = [] if self.stacked else [self._bind(index) for index in range(self.size)]
        self._type = {"bf16": torch.bfloat16, "fp16": torch.float16}.get(precision)
        # Small gradients would vanish in fp16 (Micikevicius et al. 2018); a fixed factor keeps training repeatable.
        self._loss_scale = 1024.0 if precision == "fp16" else 1.0
        # No bound method of its own: a cohort that holds itself keeps its memory until garbage is collected.
        stacked = partial(_stacked_forward, self._template)
        forward = stacked if self.stacked else _channels_last if channels_last else _as_it_is
        self._forward: Callable[..., Tensor] = torch.compile(forward) if compiled else forward
        named: list[tuple[str, int | None, Tensor]]
        if self.stacked:
            named = [(name, None, weight.requires_grad_()) for name, weight in self.weights.items()]
        else:
            named = [
                (name, index, weight)
                for index, member in enumerate(self._members)
                for name, weight in member.named_parameters()
                if weight.requires_grad
            ]
        self.leaves = [leaf for _, _, leaf in named]
        self.names = [name for name, _, _ in named]
        # Position of a leaf -> its mask as floats, of those only that have pruned weights: a dense cohort pays nothing.
        self._pruned: dict[int, Tensor] = {}
        for position, (name, index, leaf) in enumerate(named):
            if name in self.masks:
                mask = self.masks[name] if index is None else self.masks[name][index]
                if evolving or not mask.all():
                    self._pruned[position] = mask.to(leaf.dtype)

    def _bind(self, index: int) -> nn.Module:
        """Return member `index` as a module that shares the memory of the stacked tensors."""
        module = copy.deepcopy(self._template)
        own: State = {name: nn.Parameter(weight[index]) for name, weight in self.weights.items()}
        frozen = {name for name, parameter in module.named_parameters() if not parameter.requires_grad}
        for name, buffer in self.buffers.items():
            own[name] = nn.Parameter(buffer[index], requires_grad=False) if name in frozen else buffer[index]
        for name, first in parameters.aliases(module).items():
            own[name] = own[first]
        for name, tensor in own.items():
            path, _, last = name.rpartition(".")
            setattr(module.get_submodule(path), last, tensor)  # recurrent layers keep a list of their own by it
        return module

    def train(self, mode: bool = True) -> None:
        """Switch between training and evaluation (batch normalisation's statistics)."""
        for module in (self._template, *self._members):
            module.train(mode)

    def _autocast(self) -> AbstractContextManager[None]:
        if self._type is None:
            return nullcontext()
        return torch.autocast(self.device.type, self._type)

    def _drawing(self, index: int) -> AbstractContextManager[None]:
        return nullcontext() if self.noise is None else seeded(self.noise[index], self.device)

    def logits(self, images: Tensor) -> Tensor:
        """Outputs `[R, B, classes]` for images `[R, B, C, H, W]`, or `[B, C, H, W]` that all members share."""
        with self._autocast():
            if self.stacked:
                return self._forward(self.weights, self.buffers, images).float()
            batches = [images] * self.size if images.dim() == 4 else images.unbind()
            outputs = [self._forward(*pair) for pair in zip(self._members, batches, strict=True)]
        return torch.stack(outputs).float()

    def view(self, tensors: Sequence[Tensor], member: int) -> State:
        """Name of a prunable weight -> the member's part of `tensors`, which hold one for each leaf."""
        places = {name: place for place, name in enumerate(self.weights) if name in self.masks}
        if self.stacked:
            return {name: tensors[place][member] for name, place in places.items()}
        return {name: tensors[member * len(self.weights) + place] for name, place in places.items()}

    @torch.no_grad()
    def set_mask(self, member: int, mask: Mapping[str, Tensor]) -> None:
        """Give a member of an evolving cohort another mask; weights that aren't kept become zero."""
        for name, kept in mask.items():
            place = list(self.weights).index(name)
            held = self._pruned[place][member] if self.stacked else self._pruned[member * len(self.weights) + place]
            for tensor in (self.masks[name][member], held):
                tensor.copy_(kept)
            self.weights[name][member].mul_(held)

    def mask_gradients(self, gradients: Sequence[Tensor]) -> None:
        """Set the gradients of pruned weights to zero, in place."""
        if self._pruned:
            torch._foreach_mul_([gradients[index] for index in self._pruned], list(self._pruned.values()))

    def gradients(
        self, images: Tensor, labels: Tensor, label_smoothing: float = 0.0, *, masked: bool = True
    ) -> tuple[Tensor, list[Tensor]]:
        """Each member's cross entropy, `[R]` in nats, and the gradient of each leaf, zero where its weight is pruned.

        Members don't touch each other, so the gradient of the sum is each member's own.

        Args:
            images: float32 `[R, B, C, H, W]`.
            labels: int64 `[R, B]`.
            label_smoothing: probability spread evenly over all classes (Szegedy et al. 2016).
            masked: False for the gradient with respect to pruned weights, too, which are zero.
        """
        for leaf in self.leaves:
            leaf.grad = None
        # `backward`, not `autograd.grad`: what it leaves in `.grad` has the memory layout of the leaf, which the fused
        # optimizers rely on.
        if self.stacked:
            losses = F.cross_entropy(
                self.logits(images).flatten(0, 1), labels.flatten(), reduction="none", label_smoothing=label_smoothing
            )
            losses = losses.view(labels.shape).mean(1)
            (self._loss_scale * losses).sum().backward()
        else:
            parts = []
            # Backward at once, so that only one member's activations are alive at a time.
            for index, (batch, targets) in enumerate(zip(images.unbind(), labels.unbind(), strict=True)):
                with self._autocast(), self._drawing(index):
                    outputs = self._forward(self._members[index], batch)
                loss = F.cross_entropy(outputs.float(), targets, label_smoothing=label_smoothing)
                (loss if self._loss_scale == 1 else self._loss_scale * loss).backward()
                parts.append(loss.detach())
            losses = torch.stack(parts)
        # A parameter that the forward pass doesn't use has none.
        gradients = [torch.zeros_like(leaf) if leaf.grad is None else leaf.grad for leaf in self.leaves]
        if self._loss_scale != 1:
            torch._foreach_mul_(gradients, 1 / self._loss_scale)
        if masked:
            self.mask_gradients(gradients)
        return losses.detach(), gradients

    def member(self, index: int) -> Network:
        """A copy of member `index`, on the CPU."""
        tensors = self.weights | self.buffers
        further = parameters.aliases(self._template)
        return Network(
            {
                name: tensors[further.get(name, name)][index].detach().cpu().clone()
                for name in parameters.names(self._template)
            },
            {name: mask[index].cpu().clone() for name, mask in self.masks.items()},
        )


def _stacked_forward(template: nn.Module, weights: State, buffers: State, images: Tensor) -> Tensor:
    """Return all members' outputs, by one product."""

    def forward(weights: State, buffers: State, batch: Tensor) -> Tensor:
        outputs: Tensor = functional_call(template, (weights, buffers), (batch,))
        return outputs

    shared = images.dim() == 4
    outputs: Tensor = vmap(forward, in_dims=(0, 0, None if shared else 0))(weights, buffers, images)
    return outputs


def _channels_last(member: nn.Module, images: Tensor) -> Tensor:
    """Return one member's outputs; channels last in memory makes convolutions up to 1.5 times as fast on a CPU."""
    outputs: Tensor = member(images.contiguous(memory_format=torch.channels_last))
    return outputs


def _as_it_is(member: nn.Module, images: Tensor) -> Tensor:
    """Return the outputs of one member that can't do with channels last, for it takes views of what layers put out."""
    outputs: Tensor = member(images)
    return outputs
