"""A topology, `topology(moment)`, says which weights are active from now on, while a sparse network is trained.

A topology looks at one network at one step of its training and returns its new mask; the trainer calls it at the steps
that the config says, sets weights and optimizer slots of what is dropped to zero, and starts what is grown at zero.

A file says in `TRAITS` what its update needs of the trainer:

- `gradient`: the update takes the place of a training step; `moment.gradients` are the loss's at that step's batch,
  with respect to all weights, active or not.
- `trace`: a moving sum of such dense gradients is kept along all steps, in `moment.trace`.
- `static`: there are no updates.
- `dense_start`: training starts dense, and the update leads to the density that is asked for.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

import torch
from torch import Tensor


@dataclass(frozen=True)
class Moment:
    """A moment is one sparse network at one step, without a member axis. Nothing in it may be changed.

    Attributes:
        weights: name -> weight, zero where it isn't active.
        mask: name -> active weights, bool.
        step: of the schedule, the first being 0.
        start: step from which on the topology may change.
        end: last step at which it may.
        length: of training.
        interval: steps between updates.
        density: what is asked for at the end: of all weights (float), or of each layer.
        generator: where random numbers come from; of the member and step.
        gradients: name -> gradient with respect to every weight, active or not, at the effective weights; or empty.
        trace: name -> moving sum of such gradients; or empty.
    """

    weights: Mapping[str, Tensor]
    mask: Mapping[str, Tensor]
    step: int
    start: int
    end: int
    length: int
    interval: int
    density: float | Mapping[str, float]
    generator: torch.Generator
    gradients: Mapping[str, Tensor] = field(default_factory=dict)
    trace: Mapping[str, Tensor] = field(default_factory=dict)
