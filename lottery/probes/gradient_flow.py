"""The probe `gradient_flow` measures the squared norm of the masked gradient of the loss (Evci et al. 2022)."""

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from lottery.exhibits import Exhibit, Findings, Line
from lottery.networks import parameters
from lottery.networks.subject import Subject, leaves
from lottery.probes._ends import begun, ends_table, over_time, times
from lottery.probes._over_steps import Course, Network, charts, courses

TRAITS = {"moves"}
_MEANING = (
    "Gradient flow is the squared L2 norm of the gradient of the loss on a fixed sample of training images, masked, "
    "without weight decay, with respect to all trained parameters (Evci et al. 2022)."
)


def gradient_flow(subject: Subject) -> Findings:
    """Measure squared L2 norms of the gradient of the mean loss, without any penalty, on the sample (Evci et al. 2022).

    The forward pass is one of training: batch normalisation takes the statistics of the sample, and moves none;
    dropout draws the same at every step.

    Returns:
        `loss`: on the sample, of that forward pass.
        `flow`: of the gradient of all trained parameters, zero where a mask is: biases and normalisation counted in.
        `weights`: of the masked gradient of the weights that masks cover, and `layers`, each one's.
        `dense`: of the gradient of those weights where nothing is masked, as seen by rules that grow weights by it,
            taken where the network is (its pruned weights are zero); and `dense_layers`.
    """
    assert subject.template is not None
    trained = [name for name in parameters.trainable(subject.template) if name in subject.state]
    own = leaves({name: subject.state[name] for name in trained})
    images, labels = subject.images()
    loss = subject.loss(subject.outputs(own, images, train=True), labels)
    gradients = dict(zip(own, torch.autograd.grad(loss, list(own.values()), allow_unused=True), strict=True))
    dense = {name: _squares(gradients[name]) for name in subject.mask}
    masked = {name: _squares(gradients[name], mask) for name, mask in subject.mask.items()}
    rest = [_squares(gradient) for name, gradient in gradients.items() if name not in subject.mask]
    numbers = torch.stack([loss.detach(), *rest, *masked.values(), *dense.values()]).tolist()
    count, others = len(masked), sum(numbers[1 : 1 + len(rest)])
    layers, dense_layers = numbers[len(rest) + 1 :][:count], numbers[len(rest) + 1 :][count:]
    names = [name.removesuffix(".weight") for name in masked]
    return {
        "loss": numbers[0],
        "flow": others + sum(layers),
        "weights": sum(layers),
        "layers": dict(zip(names, layers, strict=True)),
        "dense": sum(dense_layers),
        "dense_layers": dict(zip(names, dense_layers, strict=True)),
    }


def _squares(gradient: Tensor | None, mask: Tensor | None = None) -> Tensor:
    """Return the sum of squares, of what a mask keeps; 0 of a parameter that the forward pass doesn't use."""
    if gradient is None:
        return torch.zeros(()) if mask is None else torch.zeros((), device=mask.device)
    return (gradient if mask is None else gradient * mask).square().sum()


def _shown(lines: Sequence[Line]) -> Exhibit:
    """Show gradient flow over steps, and what moving masks does to it."""
    found = courses(lines, lambda values: values["flow"])
    moved = sorted({line["step"] for line in lines if line["when"] == "after"})
    return Exhibit(
        "Gradient flow",
        [*_of_moves(lines), *_at_start(found), *over_time(found, "gradient flow")][:5],
        charts(found, "over-steps", "gradient flow", "squared norm of the gradient", log=True, marks=moved),
        ends_table(found, "gradient flow"),
        _MEANING,
    )


def _of_moves(lines: Sequence[Line]) -> list[str]:
    """Say by how much gradient flow changes where masks move, by level: the geometric mean over updates.

    The last updates of a course whose drops fade may move nothing: then all is as before, and they are left out.
    """
    changes = defaultdict[int, dict[int, list[float]]](lambda: defaultdict(list))
    for line in lines:
        after = line["values"].get("flow")
        if line["when"] == "after" and not line["order"] and after is not None:
            changed = line["values"]["change"]
            before = after - (changed.get("flow") or 0.0)
            if after > 0 and before > 0 and any(changed.get(name) for name in ("flow", "dense")):
                changes[line["level"]][line["replicate"]].append(math.log(after / before))
    answers = []
    for level, replicates in changes.items():
        updates = [change for each in replicates.values() for change in each]
        rises = sum(change > 0 for change in updates)
        factor, found = times([math.fsum(each) / len(each) for each in replicates.values()])
        verdict = "rises" if (found.low or 0) > 0 else "falls" if (found.high or 0) < 0 else "does not clearly change"
        answers.append(
            f"At level {level}, gradient flow {verdict} where masks move: right after it is {factor} what it was right "
            f"before, and it rises in {rises} of {len(updates)} updates."
        )
    return answers


def _at_start(found: Mapping[Network, Course]) -> list[str]:
    """Say how much of the dense network's gradient flow those of the sparsest level start with."""
    dense = begun(found[0, "dense"]) if (0, "dense") in found else {}
    last = max((level for level, _ in found), default=0)
    answers = []
    for (level, arm), course in found.items():
        pairs = [(value, dense[one]) for one, value in begun(course).items() if one in dense]
        logs = [math.log(value / of) for value, of in pairs if value > 0 and of > 0]
        if level and level == last and logs:
            factor, _ = times(logs)
            answers.append(f"At the start of its training, {arm} of level {level} has {factor} the dense network's.")
    return answers[:3]


SHOWN = _shown
