"""The Hessian of a network's loss, as something that vectors are multiplied by; as a matrix where it is small."""

import copy
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from lottery import devices, words
from lottery.errors import LotteryError
from lottery.networks import parameters
from lottery.networks.subject import Subject, leaves

Vector = NDArray[np.float64]
_NO_NETWORK = "a Hessian needs the network, and was given weights alone"
_AT_ONCE = 16
"""Rows of the matrix that are computed together: more than that gain nothing."""
Precision = {"float64": torch.float64, "float32": torch.float32}


@dataclass(frozen=True)
class _Batch:
    """The slopes of one batch's part of the mean loss: what is differentiated again, as often as products are asked."""

    weights: dict[str, Tensor]
    slopes: list[Tensor]


class Hessian:
    """A Hessian holds the second derivatives of a network's mean loss over some images, without weight decay.

    Its coordinates are the trainable parameters: the weights that the mask keeps, and everything that no mask covers
    (biases, scales and shifts), in the order in which the module defines them; pruned weights, too, where asked for.
    Batch normalisation takes its running statistics, and nothing is dropped: the network is as it is evaluated.

    Attributes:
        size: how many coordinates there are.
    """

    def __init__(
        self,
        subject: Subject,
        images: Tensor,
        labels: Tensor,
        *,
        pruned: bool = False,
        precision: str = "float64",
        batch: int = 1000,
    ) -> None:
        """Look at a network at one place.

        Args:
            subject: the network, whose loss is its own.
            images: `[n, C, H, W]`, on the subject's device.
            labels: `[n]`.
            pruned: whether pruned weights are coordinates, which stand at 0.
            precision: of the passes through the network, `float64` or `float32`.
            batch: images that go through the network at a time. Where one batch takes all, what its backward pass
                keeps is kept between products, which halves their time.

        Raises:
            LotteryError: there is no architecture or loss, or a parameter is no finite number.
        """
        if subject.template is None:
            raise LotteryError(_NO_NETWORK)
        self._type, self._device = Precision[precision], images.device
        if self._device.type == "mps" and precision == "float64":
            raise LotteryError("this GPU has no float64: set precision to float32")
        template = copy.deepcopy(subject.template).to(self._type)  # buffers that no state dict has are converted, too
        state = {name: _as(self._type, tensor) for name, tensor in subject.state.items()}
        self._subject = replace(subject, state=state, template=template)
        self._names = list(parameters.trainable(template))
        self._point = {name: state[name] for name in self._names}
        for name, tensor in self._point.items():
            if not tensor.isfinite().all():
                raise LotteryError(
                    f"{name} has weights that are no finite numbers: training diverged; "
                    "a lower train.optimizer.lr may keep it from that"
                )
        self._kept = coordinates(subject, pruned=pruned)
        self.size = int(self._kept.sum())
        self._data = [
            (_as(self._type, part), wanted)
            for part, wanted in zip(images.split(batch), labels.split(batch), strict=True)
        ]
        self._count = len(images)
        self._held = self._slopes(*self._data[0]) if len(self._data) == 1 else None

    def vector(self, tensors: Mapping[str, Tensor]) -> Vector:
        """Return what tensors, one for each trainable parameter, hold at the coordinates, `[size]`."""
        flat = torch.cat([tensors[name].detach().reshape(-1).cpu() for name in self._names])
        return flat[self._kept].double().numpy()

    def product(self, vector: Vector) -> Vector:
        """Return the Hessian's product with a vector `[size]`; raises LotteryError where there is no second derivative.

        It is the gradient of the gradient's product with the vector (Pearlmutter 1994), exact to rounding.
        """
        return self._products(torch.from_numpy(np.array(vector, dtype=np.float64)).reshape(1, -1))[0].numpy()

    def matrix(self) -> NDArray[np.float64]:
        """Return the whole of it, `[size, size]`, symmetric; raises LotteryError where it doesn't fit memory."""
        check_matrix(self.size)
        units = torch.eye(self.size, dtype=torch.float64)
        try:
            rows = torch.cat([self._products(part) for part in units.split(_AT_ONCE)])
        except LotteryError:  # something in the network can't be done for many vectors at once
            rows = torch.cat([self._products(part) for part in units.split(1)])
        return ((rows + rows.T) / 2).numpy()

    def _products(self, vectors: Tensor) -> Tensor:
        """Return the products with vectors, `[n, size]` as they are, float64."""
        whole = torch.zeros(len(vectors), len(self._kept), dtype=self._type)
        whole[:, self._kept] = vectors.to(self._type)
        shapes = [tensor.shape for tensor in self._point.values()]
        pieces = whole.to(self._device).split([shape.numel() for shape in shapes], dim=1)
        parts = [piece.view(len(vectors), *shape) for piece, shape in zip(pieces, shapes, strict=True)]
        total = torch.zeros_like(whole, dtype=torch.float64)
        for batch in self._batches():
            total += self._differentiate(batch, parts)
        return total[:, self._kept]

    def _batches(self) -> Iterator[_Batch]:
        if self._held is not None:
            yield self._held
        else:
            for images, labels in self._data:
                yield self._slopes(images, labels)

    def _slopes(self, images: Tensor, labels: Tensor) -> _Batch:
        weights = leaves(self._point)
        with _whole_float32(self._device):
            outputs = self._subject.outputs(weights, images, train=False)
            loss = self._subject.loss(outputs, labels) * (len(images) / self._count)
            slopes = torch.autograd.grad(
                loss, list(weights.values()), create_graph=True, allow_unused=True, materialize_grads=True
            )
        return _Batch(weights, list(slopes))

    def _differentiate(self, batch: _Batch, parts: list[Tensor]) -> Tensor:
        """Return one batch's part of the products, `[n, parameters]`, of parts `[n, ...]` of n vectors."""
        # Slopes that are the same everywhere (of parameters that have no effect, say) have no graph.
        pairs = [(slope, part) for slope, part in zip(batch.slopes, parts, strict=True) if slope.requires_grad]
        count, many = len(parts[0]), len(parts[0]) > 1
        if not pairs:
            return torch.zeros(count, len(self._kept), dtype=torch.float64)
        try:
            with _whole_float32(self._device), warnings.catch_warnings():
                warnings.filterwarnings("ignore", "There is a performance drop")  # where vmap has to loop
                found = torch.autograd.grad(
                    [slope for slope, _ in pairs],
                    list(batch.weights.values()),
                    [part if many else part[0] for _, part in pairs],
                    retain_graph=True,
                    allow_unused=True,
                    is_grads_batched=many,
                )
        except RuntimeError as error:
            if devices.lacks_memory(error):
                raise
            reason = str(error).partition("\n")[0]
            raise LotteryError(f"this network has no Hessian that torch can compute: {reason}") from None
        sizes = [weight.numel() for weight in batch.weights.values()]
        rows = [
            torch.zeros(count, size) if one is None else one.reshape(count, size).cpu()
            for one, size in zip(found, sizes, strict=True)
        ]
        return torch.cat([row.double() for row in rows], dim=1)


def coordinates(subject: Subject, *, pruned: bool) -> Tensor:
    """Return which values of a network's trainable parameters, one after the other, are coordinates of its Hessian.

    Args:
        pruned: whether pruned weights are.

    Raises:
        LotteryError: there is no architecture, or nothing is left.
    """
    if subject.template is None:
        raise LotteryError(_NO_NETWORK)
    own = {name: subject.state[name] for name in parameters.trainable(subject.template)}
    kept = {} if pruned else subject.mask
    flat = [
        (kept[name] if name in kept else torch.ones_like(tensor, dtype=torch.bool)).reshape(-1).cpu()
        for name, tensor in own.items()
    ]
    found = torch.cat(flat)
    if not found.any():
        raise LotteryError("no parameter of the network is left, so its loss has no Hessian")
    return found


def check_matrix(size: int) -> None:
    """Raise LotteryError where the Hessian of so many parameters doesn't fit memory as a matrix."""
    needed, free = 3 * 8 * size**2, devices.free_memory(torch.device("cpu"))  # itself, and what eigh takes
    if needed > free:
        raise LotteryError(
            f"the Hessian of {size:,} parameters takes {words.of_bytes(needed)} as a matrix, and "
            f"{words.of_bytes(free)} are free: set `exact` below {size}, so that Lanczos finds its eigenvalues"
        )


def _as(kind: torch.dtype, tensor: Tensor) -> Tensor:
    return tensor.detach().to(kind) if tensor.is_floating_point() else tensor.detach()


@contextmanager
def _whole_float32(device: torch.device) -> Iterator[None]:
    """Compute products on a GPU without rounding their inputs to TF32: small eigenvalues would be noise."""
    if device.type != "cuda":
        yield
        return
    places = (torch.backends.cuda.matmul, torch.backends.cudnn.conv)  # type: ignore[attr-defined]
    before = [place.fp32_precision for place in places]
    for place in places:
        place.fp32_precision = "ieee"
    try:
        yield
    finally:
        for place, rounding in zip(places, before, strict=True):
            place.fp32_precision = rounding
