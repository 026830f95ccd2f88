"""This score preserves the flow of gradients."""

import torch
from torch import Tensor

from lottery.config.values import Count, Positive
from lottery.networks.subject import Subject, leaves

TRAITS = {"data"}


def grasp(
    subject: Subject,
    generator: torch.Generator,  # noqa: ARG001
    *,
    per_class: Count = 10,
    temperature: Positive = 200.0,
    batch_statistics: bool = True,
) -> dict[str, Tensor]:
    """Rate by w (Hg), half of what the gradient's squared norm loses without the weight (Wang et al. 2020).

    Without weight w the norm |g|^2 changes, to first order, by -2 w (Hg), g and H being the loss's gradient and
    Hessian. Weights whose removal makes it largest go first: the paper's S = -w (Hg), of which the largest go, is the
    score's negative, and the sign matters. The images, as many of each class, are seen in two halves, whose gradients
    and Hessians are summed. The authors' code first draws the linear layers of the scored copy again; here the network
    is scored as it is.

    Args:
        subject: the network; weights that it has lost already have no part in g.
        per_class: training images of each class; each half has as many of each where this is even.
        temperature: the logits are divided by it, which flattens the softmax.
        batch_statistics: normalise by the statistics of each half, as in training, not by the running ones.
    """
    weights = leaves(subject.weights)
    images, labels = subject.images(per_class=per_class)
    loss = torch.stack(
        [
            subject.loss(subject.outputs(weights, half, train=batch_statistics) / temperature, targets)
            for half, targets in zip(images.chunk(2), labels.chunk(2), strict=True)
        ]
    ).sum()
    slopes = torch.autograd.grad(loss, list(weights.values()), create_graph=True)
    # Hg is the gradient of g's product with itself, where one of the two is held fast.
    fixed = [slope.detach() * subject.mask[name] for name, slope in zip(weights, slopes, strict=True)]
    product = torch.autograd.grad(slopes, list(weights.values()), fixed)
    return {name: subject.weights[name] * part for name, part in zip(weights, product, strict=True)}
