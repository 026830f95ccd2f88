"""Floating-point operations of one forward pass."""

import copy
from collections.abc import Collection, Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode

from lottery.parameters import prunable

_aten = torch.ops.aten
_PRODUCTS = {_aten.mm, _aten.addmm, _aten.bmm, _aten.baddbmm, _aten.addbmm}
"""Products of two matrices, or of stacks of them, which are the last two arguments."""
_BATCH = 2
"""More than one, so that a weight which is only added (a table of positions) can't be taken for what it is added to."""


class _Counter(TorchDispatchMode):
    """Counts the products that weights take part in, in whatever way the network's code brings them there.

    A weight is known by its memory, so views of it (a part, a transposition) are known too. What is computed from it
    and has as many numbers (a standardized weight, a copy in another order) stands for it.
    """

    def __init__(self, weights: Mapping[str, Tensor]) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.flops = dict.fromkeys(weights, 0)
        self._names = {_memory(weight): name for name, weight in weights.items()}
        self._alive: list[Tensor] = []  # what is freed would leave its place to others

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        output = func(*args, **(kwargs or {}))
        known = [one for one in _flat(args) if _memory(one) in self._names]
        if known and not self._count(func.overloadpacket, args, output) and isinstance(output, Tensor):
            for one in known:
                if one.numel() == output.numel() and _memory(output) not in self._names:
                    self._names[_memory(output)] = self._names[_memory(one)]
                    self._alive.append(output)
        return output

    def _count(self, operation: Any, args: Any, output: Any) -> bool:
        """Count an operation; return whether it is one that is counted."""
        if operation in _PRODUCTS:
            factors = args[-2:]
            self._add(factors, 2 * output.numel() * factors[0].shape[-1])
        elif operation in (_aten.mv, _aten.dot):
            self._add(args, 2 * args[0].numel())
        elif operation is _aten.convolution:
            inputs, weight, transposed = args[0], args[1], args[6]
            # Every weight takes part once at each position of the output; of the input, where it is transposed.
            each = inputs if transposed else output
            self._add((weight,), 2 * weight.numel() * each.numel() // each.shape[1])
        elif operation is _aten.mkldnn_rnn_layer:
            inputs = args[0]
            steps = inputs.numel() // inputs.shape[-1]
            for weight in args[1:3]:
                self._add((weight,), 2 * weight.numel() * steps)
        else:
            return False
        return True

    def _add(self, factors: Any, flops: int) -> None:
        for factor in factors:
            name = self._names.get(_memory(factor))
            if name is not None:
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
    """Return the FLOPs of each prunable weight for one image, dense: a multiplication and an addition count as two.

    Biases, normalisation, activations and the products of two activations are left out, as is usual (Evci et al. 2020).
    Embeddings are looked up, which costs none.

    Args:
        template: the network; on the meta device nothing is computed.
        shape: channels, height and width of an image.
        names: of the weights; all that masks cover by the rule, where nothing is said.

    Returns:
        name of the weight -> FLOPs.
    """
    network = copy.deepcopy(template).eval()
    counter = _Counter({name: network.get_parameter(name) for name in names or prunable(network)})
    device = next(network.parameters()).device
    # With gradients, attention is computed by products that can be seen, not by one kernel for inference.
    with torch.enable_grad(), counter:
        network(torch.zeros(_BATCH, *shape, device=device))
    return {name: flops // _BATCH for name, flops in counter.flops.items()}


def masked_flops(dense: Mapping[str, int], mask: Mapping[str, Tensor]) -> int:
    """Return the FLOPs for one image if pruned weights cost nothing: each layer's count times its density."""
    return round(sum(flops * int(mask[name].count_nonzero()) / mask[name].numel() for name, flops in dense.items()))
