"""This module counts the floating-point operations of one forward pass."""

import copy
from collections.abc import Collection, Mapping
from typing import Any

import torch
from torch import Tensor, nn

from lottery.networks.operations import Operations
from lottery.networks.parameters import matrices

_aten = torch.ops.aten
_PRODUCTS = {_aten.mm, _aten.addmm, _aten.bmm, _aten.baddbmm, _aten.addbmm}
"""Products of two matrices, or of stacks of them, which are the last two arguments."""
_BEGINNINGS = {_aten.zeros, _aten.new_zeros}
"""What recurrent layers begin with, which stands for what came before."""
_BATCH = 2
"""More than one: what is asked for is what an image costs, and some layers want a batch."""


class _Counter(Operations):
    """A counter counts the products of weights with what comes of the images, in whatever way code makes them.

    Tensors are known by their memory, so views (a part, a transposition) are known too. What is computed from a weight
    without the images (a standardized weight, copies of it) stands for the weight.
    """

    def __init__(self, weights: Mapping[str, Tensor], images: Tensor) -> None:
        super().__init__()
        self.flops = dict.fromkeys(weights, 0)
        self._names = {_memory(weight): name for name, weight in weights.items()}
        self._data = {_memory(images)}
        self._alive: list[Tensor] = []  # what is freed would leave its place to others

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = func(*args, **(kwargs or {}))
        given, put_out, operation = _flat(args), _flat((result,)), func.overloadpacket
        if operation in _BEGINNINGS or any(_memory(one) in self._data for one in given):
            self._count(operation, args, result)
            self._data |= {_memory(one) for one in put_out}
        else:
            known = [name for one in given if (name := self._names.get(_memory(one))) is not None]
            if known:
                self._names |= {_memory(one): known[0] for one in put_out if _memory(one) not in self._names}
        self._alive += put_out
        return result

    def _count(self, operation: Any, args: Any, output: Any) -> None:
        """Count an operation that images take part in, if it is a product."""
        if operation in _PRODUCTS:
            factors = args[-2:]
            self._add(factors, 2 * output.numel() * factors[0].shape[-1])
        elif operation in (_aten.mv, _aten.dot):
            self._add(args, 2 * args[0].numel())
        elif operation is _aten.mul and isinstance(args[1], Tensor):  # and the sum that makes it a product comes next
            self._add(args, 2 * output.numel())
        elif operation is _aten.convolution:
            inputs, weight, transposed = args[0], args[1], args[6]
            # Every weight takes part once at each position of the output; of the input, where it is transposed.
            each = inputs if transposed else output
            self._add((weight,), 2 * weight.numel() * each.numel() // each.shape[1])
        elif operation is _aten._trilinear:  # a bilinear layer
            self._add(args[1:2], 2 * args[1].numel() * (args[0].numel() // args[0].shape[-1]))
        elif operation is _aten.mkldnn_rnn_layer:
            steps = args[0].numel() // args[0].shape[-1]
            for weight in args[1:3]:
                self._add((weight,), 2 * weight.numel() * steps)

    def _add(self, factors: Any, flops: int) -> None:
        for factor in factors:
            if _memory(factor) not in self._data and (name := self._names.get(_memory(factor))) is not None:
                self.flops[name] += flops
                return


def _memory(tensor: Tensor) -> int:
    pointer: int = tensor.untyped_storage()._cdata
    return pointer


def _flat(arguments: Any) -> list[Tensor]:
    """Return the tensors among arguments, and in lists among them."""
    found: list[Tensor] = []
    for argument in arguments:
        if isinstance(argument, Tensor):
            found.append(argument)
        elif isinstance(argument, list | tuple):
            found += _flat(argument)
    return found


def layer_flops(
    template: nn.Module, shape: tuple[int, int, int], names: Collection[str] | None = None
) -> dict[str, int]:
    """Return name of a weight -> FLOPs for one image, dense: a multiplication and an addition count as two.

    Biases, normalisation, activations and the products of two activations are left out, as is usual (Evci et al. 2020).
    Embeddings are looked up, which costs none.

    Args:
        template: the network; on the meta device nothing is computed.
        shape: channels, height and width of an image.
        names: of the weights; all matrix-like ones (`parameters.matrices`), where nothing is said.
    """
    network = copy.deepcopy(template).eval()
    images = torch.zeros(_BATCH, *shape, device=next(network.parameters()).device)
    counter = _Counter({name: network.get_parameter(name) for name in names or matrices(network)}, images)
    # With gradients, attention is computed by products that can be seen, not by one kernel for inference.
    with torch.enable_grad(), counter:
        network(images)
    return {name: flops // _BATCH for name, flops in counter.flops.items()}


def masked_flops(dense: Mapping[str, int], mask: Mapping[str, Tensor]) -> int:
    """Return the FLOPs for one image if pruned weights cost nothing: each weight's count times its density.

    Args:
        dense: name of a weight -> its FLOPs, dense.
        mask: name -> weights kept; a weight that it doesn't cover is dense.
    """
    covered = sum(dense[name] * int(kept.count_nonzero()) / kept.numel() for name, kept in mask.items())
    return round(covered) + sum(flops for name, flops in dense.items() if name not in mask)
