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

import torch
from torch import Tensor, nn
from torch.func import functional_call, vmap
from torch.nn import functional as F

from lottery.masks import Mask
from lottery.seeds import stream

State = dict[str, Tensor]
"""State dict of one network: parameters and buffers under the names that the dense model gives them."""


@dataclass(frozen=True)
class Network:
    """One network by its tensors alone: weights and buffers, and the mask of its prunable weights."""

    state: State
    mask: Mask


def prunable(template: nn.Module) -> dict[str, torch.Size]:
    """Name -> shape of the weights that masks cover: those of convolutions and linear layers, as they are defined."""
    return {
        f"{name}.weight": module.weight.shape
        for name, module in template.named_modules()
        if isinstance(module, nn.Linear | nn.Conv2d)
    }


def initialise(
    template: nn.Module, initializer: Callable[[torch.Size, torch.Generator], Tensor], seed: int, *name: str | int
) -> State:
    """A fresh state: prunable weights drawn from the stream `name`, their biases 0, the rest as the template has it."""
    generator = stream(seed, "init", *name)
    state = {key: value.detach().clone() for key, value in template.state_dict().items()}
    for key, shape in prunable(template).items():
        state[key] = initializer(shape, generator)
        bias = key.removesuffix("weight") + "bias"
        if bias in state:
            state[bias].zero_()
    return state


class Cohort:
    """R masked networks and their gradients.

    Attributes:
        weights: parameter name -> `[R, *shape]`; zero where the mask is.
        buffers: buffer name -> `[R, *shape]`.
        masks: name of a prunable weight -> bool `[R, *shape]`.
        leaves: the tensors that an optimizer steps, views of `weights`: the stacked tensors, or each member's.
        names: of each leaf.
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
        """

        def stack(name: str) -> Tensor:
            return torch.stack([network.state[name] for network in networks]).to(device)

        self.size, self.device = len(networks), device
        self.execution, self.stacked = execution, execution == "stacked"
        self.weights = {name: stack(name) for name, _ in template.named_parameters()}
        self.buffers = {name: stack(name) for name, _ in template.named_buffers()}
        self.masks = {
            name: torch.stack([network.mask[name] for network in networks]).to(device) for name in prunable(template)
        }
        for name, mask in self.masks.items():
            self.weights[name].mul_(mask)
        self._template = copy.deepcopy(template).to(device)
        self._members = [] if self.stacked else [self._bind(index) for index in range(self.size)]
        self._type = {"bf16": torch.bfloat16, "fp16": torch.float16}.get(precision)
        # Small gradients would vanish in fp16 (Micikevicius et al. 2018); a fixed factor keeps training repeatable.
        self._loss_scale = 1024.0 if precision == "fp16" else 1.0
        forward = self._stacked_forward if self.stacked else _looped_forward
        self._forward: Callable[..., Tensor] = torch.compile(forward) if compiled else forward
        named: list[tuple[str, int | None, Tensor]]
        if self.stacked:
            named = [(name, None, weight.requires_grad_()) for name, weight in self.weights.items()]
        else:
            named = [
                (name, index, weight)
                for index, member in enumerate(self._members)
                for name, weight in member.named_parameters()
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
        """Member `index` as a module that shares the memory of the stacked tensors."""
        module = copy.deepcopy(self._template)
        for path, owner in module.named_modules():
            prefix = f"{path}." if path else ""
            for name in list(owner._parameters):
                if owner._parameters[name] is not None:
                    owner._parameters[name] = nn.Parameter(self.weights[prefix + name][index])
            for name in list(owner._buffers):
                if owner._buffers[name] is not None:
                    owner._buffers[name] = self.buffers[prefix + name][index]
        return module

    def train(self, mode: bool = True) -> None:
        """Switch between training and evaluation (batch normalisation's statistics)."""
        for module in (self._template, *self._members):
            module.train(mode)

    def _stacked_forward(self, weights: State, buffers: State, images: Tensor) -> Tensor:
        def forward(weights: State, buffers: State, batch: Tensor) -> Tensor:
            outputs: Tensor = functional_call(self._template, (weights, buffers), (batch,))
            return outputs

        shared = images.dim() == 4
        outputs: Tensor = vmap(forward, in_dims=(0, 0, None if shared else 0))(weights, buffers, images)
        return outputs

    def _autocast(self) -> AbstractContextManager[None]:
        if self._type is None:
            return nullcontext()
        return torch.autocast(self.device.type, self._type)

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
            for member, batch, targets in zip(self._members, images.unbind(), labels.unbind(), strict=True):
                with self._autocast():
                    outputs = self._forward(member, batch)
                loss = F.cross_entropy(outputs.float(), targets, label_smoothing=label_smoothing)
                (loss if self._loss_scale == 1 else self._loss_scale * loss).backward()
                parts.append(loss.detach())
            losses = torch.stack(parts)
        gradients = [leaf.grad for leaf in self.leaves if leaf.grad is not None]
        if self._loss_scale != 1:
            torch._foreach_mul_(gradients, 1 / self._loss_scale)
        if masked:
            self.mask_gradients(gradients)
        return losses.detach(), gradients

    def member(self, index: int) -> Network:
        """A copy of member `index`, on the CPU."""
        tensors = self.weights | self.buffers
        return Network(
            {name: tensors[name][index].detach().cpu().clone() for name in self._template.state_dict()},
            {name: mask[index].cpu().clone() for name, mask in self.masks.items()},
        )


def _looped_forward(member: nn.Module, images: Tensor) -> Tensor:
    """One member's outputs; channels last in memory makes convolutions up to 1.5 times as fast on a CPU."""
    outputs: Tensor = member(images.contiguous(memory_format=torch.channels_last))
    return outputs
