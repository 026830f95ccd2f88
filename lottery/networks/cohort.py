"""A cohort is R networks of one architecture, trained together.

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

from lottery.networks import parameters
from lottery.networks.network import Loss, Network, State
from lottery.seeds import seeded


@dataclass(frozen=True)
class Arithmetic:
    """An arithmetic says how forward and backward passes are computed, whatever the networks are.

    Attributes:
        precision: float32, or that of products and convolutions: bf16, fp16.
        compiled: whether forward and backward go through `torch.compile`.
        channels_last: whether looped members are given images with the channels last in memory.
    """

    precision: str = "float32"
    compiled: bool = False
    channels_last: bool = True


class Cohort:
    """A cohort is R masked networks and their gradients.

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
        evolving: bool = False,
        arithmetic: Arithmetic = Arithmetic(),
    ) -> None:
        """Put copies of networks together, on a device, stacked or looped; `evolving` means that masks will move."""

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
        self._type = {"bf16": torch.bfloat16, "fp16": torch.float16}.get(arithmetic.precision)
        # Small gradients would vanish in fp16 (Micikevicius et al. 2018); a fixed factor keeps training repeatable.
        self._loss_scale = 1024.0 if arithmetic.precision == "fp16" else 1.0
        # No bound method of its own: a cohort that holds itself keeps its memory until garbage is collected.
        stacked = partial(_stacked_forward, self._template)
        forward = stacked if self.stacked else _channels_last if arithmetic.channels_last else _as_it_is
        self._forward: Callable[..., Tensor] = torch.compile(forward) if arithmetic.compiled else forward
        named = self._named_leaves()
        self.leaves, self.names = [leaf for _, _, leaf in named], [name for name, _, _ in named]
        # Position of a leaf -> its mask as floats, of those only that have pruned weights: a dense cohort pays nothing.
        self._pruned: dict[int, Tensor] = {}
        for position, (name, index, leaf) in enumerate(named):
            if name in self.masks:
                mask = self.masks[name] if index is None else self.masks[name][index]
                if evolving or not mask.all():
                    self._pruned[position] = mask.to(leaf.dtype)

    def _named_leaves(self) -> list[tuple[str, int | None, Tensor]]:
        """Return the name of each leaf, whose it is (None where it is all members'), and itself."""
        if self.stacked:
            return [(name, None, weight.requires_grad_()) for name, weight in self.weights.items()]
        return [
            (name, index, weight)
            for index, member in enumerate(self._members)
            for name, weight in member.named_parameters()
            if weight.requires_grad
        ]

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
        """Switch between training and evaluation (of batch normalisation's statistics)."""
        for module in (self._template, *self._members):
            module.train(mode)

    def _autocast(self) -> AbstractContextManager[None]:
        if self._type is None:
            return nullcontext()
        return torch.autocast(self.device.type, self._type)

    def _drawing(self, index: int) -> AbstractContextManager[None]:
        return nullcontext() if self.noise is None else seeded(self.noise[index], self.device)

    def outputs(self, inputs: Tensor, *, shared: bool = False) -> Tensor:
        """Return outputs `[R, B, ...]` for each member's inputs `[R, B, ...]`, or for `[B, ...]` that all share."""
        with self._autocast():
            if self.stacked:
                return self._forward(self.weights, self.buffers, inputs, shared).float()
            batches = [inputs] * self.size if shared else inputs.unbind()
            outputs = [self._forward(*pair) for pair in zip(self._members, batches, strict=True)]
        return torch.stack(outputs).float()

    def view(self, tensors: Sequence[Tensor], member: int) -> State:
        """Return name of a prunable weight -> the member's part of `tensors`, which hold one for each leaf."""
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
        self, inputs: Tensor, targets: Tensor, loss: Loss, *, masked: bool = True
    ) -> tuple[Tensor, list[Tensor]]:
        """Return each member's loss, `[R]`, and the gradient of each leaf, zero where its weight is pruned.

        Members don't touch each other, so the gradient of the sum is each member's own.

        Args:
            inputs: `[R, B, ...]`, such as float32 images.
            targets: `[R, B, ...]`, such as int64 labels.
            masked: False for the gradient with respect to pruned weights, too, which are zero.
        """
        for leaf in self.leaves:
            leaf.grad = None
        # `backward`, not `autograd.grad`: what it leaves in `.grad` has the memory layout of the leaf, which the fused
        # optimizers rely on.
        if self.stacked:
            outputs = self.outputs(inputs)
            losses = loss(outputs.flatten(0, 1), targets.flatten(0, 1), reduction="none").view(self.size, -1).mean(1)
            (self._loss_scale * losses).sum().backward()
        else:
            parts = []
            # Backward at once, so that only one member's activations are alive at a time.
            for index, (batch, wanted) in enumerate(zip(inputs.unbind(), targets.unbind(), strict=True)):
                with self._autocast(), self._drawing(index):
                    outputs = self._forward(self._members[index], batch)
                part = loss(outputs.float(), wanted)
                (part if self._loss_scale == 1 else self._loss_scale * part).backward()
                parts.append(part.detach())
            losses = torch.stack(parts)
        # A parameter that the forward pass doesn't use has none.
        gradients = [torch.zeros_like(leaf) if leaf.grad is None else leaf.grad for leaf in self.leaves]
        if self._loss_scale != 1:
            torch._foreach_mul_(gradients, 1 / self._loss_scale)
        if masked:
            self.mask_gradients(gradients)
        return losses.detach(), gradients

    def member(self, index: int) -> Network:
        """Return a copy of member `index`, on the CPU."""
        tensors = self.weights | self.buffers
        further = parameters.aliases(self._template)
        return Network(
            {
                name: tensors[further.get(name, name)][index].detach().cpu().clone()
                for name in parameters.names(self._template)
            },
            {name: mask[index].cpu().clone() for name, mask in self.masks.items()},
        )


def _stacked_forward(template: nn.Module, weights: State, buffers: State, inputs: Tensor, shared: bool) -> Tensor:
    """Return all members' outputs, by one product."""

    def forward(weights: State, buffers: State, batch: Tensor) -> Tensor:
        outputs: Tensor = functional_call(template, (weights, buffers), (batch,))
        return outputs

    outputs: Tensor = vmap(forward, in_dims=(0, 0, None if shared else 0))(weights, buffers, inputs)
    return outputs


def _channels_last(member: nn.Module, images: Tensor) -> Tensor:
    """Return one member's outputs; channels last in memory makes convolutions up to 1.5 times as fast on a CPU."""
    outputs: Tensor = member(images.contiguous(memory_format=torch.channels_last))
    return outputs


def _as_it_is(member: nn.Module, images: Tensor) -> Tensor:
    """Return the outputs of one member that can't do with channels last, for it takes views of what layers put out."""
    outputs: Tensor = member(images)
    return outputs
