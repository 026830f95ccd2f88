"""This score is synaptic flow."""

import torch
from torch import Tensor

from lottery.networks.subject import Subject

ROUNDS = 100


def synflow(subject: Subject, generator: torch.Generator) -> dict[str, Tensor]:  # noqa: ARG001
    """Rate by |w dR/dw|, R being what an image of ones puts out, all tensors by absolute value (Tanaka et al. 2020).

    No data are looked at. Without biases every layer's scores sum to R: in many rounds a layer that grows thin gets
    higher scores, and is spared; one round may leave it empty. Batch normalisation is in evaluation mode.
    """

    def positive(tensor: Tensor) -> Tensor:
        # In float64, as R is a product over all layers; MPS has none.
        tensor = tensor.detach().to("cpu" if tensor.device.type == "mps" else tensor.device).abs()
        return tensor.double() if tensor.is_floating_point() else tensor

    state = {name: positive(tensor) for name, tensor in subject.state.items()}
    weights = {name: state[name].requires_grad_() for name in subject.weights}
    ones = next(iter(weights.values())).new_ones(1, *subject.shape)
    flow = subject.outputs(weights, ones, state=state, train=False).sum()
    slopes = torch.autograd.grad(flow, list(weights.values()))
    return {name: (weights[name] * slope).detach().abs() for name, slope in zip(weights, slopes, strict=True)}
