"""This score is optimal brain damage."""

import torch
from torch import Tensor

from lottery.config.values import Count
from lottery.networks.subject import Subject, leaves

TRAITS = {"data"}
CLASSES_AT_ONCE = 10


def obd(
    subject: Subject,
    generator: torch.Generator,  # noqa: ARG001
    *,
    batch: Count = 100,
) -> dict[str, Tensor]:
    """Rate by w^2 h / 2, h being the second derivative of the loss by that weight alone (LeCun et al. 1990).

    h is exact for networks of linear layers, convolutions, ReLU, pooling and batch normalisation in evaluation mode.
    The logits z are then piecewise linear in any single weight, whatever they are in two, so of the second derivative
    of the cross entropy only `(dz/dw)^T (diag(p) - p p^T) (dz/dw)` is left, p being the softmax. (For other networks
    this is the diagonal of the Gauss-Newton matrix.) The middle factor is the sum over classes c of p_c times the
    outer product of e_c - p with itself, which makes h a sum of squared gradients, one for each class. The labels
    have no part in it. LeCun et al. reach an approximation of it by going backwards through the layers.

    Args:
        subject: the network, as a rule a trained one: the loss's slope is taken to be 0.
        batch: training images; each is gone through by itself, backwards once for every class.
    """
    weights = leaves(subject.weights)
    images, _ = subject.images(batch)
    curvature = {name: torch.zeros_like(weight) for name, weight in weights.items()}
    for image in images.split(1):
        logits = subject.outputs(weights, image, train=False)[0]
        p = logits.detach().softmax(0)
        # Row c is e_c - p, by the square root of p_c.
        rows = p.sqrt().unsqueeze(1) * (torch.eye(len(p), dtype=p.dtype, device=p.device) - p)
        for part in rows.split(CLASSES_AT_ONCE):
            slopes = torch.autograd.grad(logits, list(weights.values()), part, retain_graph=True, is_grads_batched=True)
            for name, slope in zip(weights, slopes, strict=True):
                curvature[name] += slope.square().sum(0) / len(images)
    return {name: subject.weights[name].square() * curvature[name].detach() / 2 for name in weights}
