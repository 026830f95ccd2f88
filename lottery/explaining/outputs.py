"""What finished networks answer on test data: each is asked once, and its outputs are kept while there is room."""

from collections import OrderedDict
from collections.abc import Callable, Iterable

import torch
from torch import Tensor

from lottery.errors import LotteryError
from lottery.explaining.trained import Trained
from lottery.networks.cohort import Arithmetic, Cohort
from lottery.networks.key import Key
from lottery.networks.network import Network
from lottery.studies.setting import Setting
from lottery.training.evaluation import batch_size

_ROOM = 1 << 28
"""Bytes of outputs that are kept: of some six hundred networks with ten classes and 10,000 test images."""


@torch.no_grad()
def outputs_of(setting: Setting, network: Network, batches: Iterable[Tensor]) -> Tensor:
    """Return a network's outputs `[n, ...]`, float32 on the CPU, on batches of normalised images `[B, C, H, W]`.

    They are computed as evaluations while networks train are; batch normalisation takes its running statistics.
    """
    arithmetic = Arithmetic(setting.config.train.precision, channels_last=setting.behaviour.channels_last)
    cohort = Cohort(setting.template, [network], execution="looped", device=setting.device, arithmetic=arithmetic)
    cohort.train(False)
    return torch.cat([cohort.outputs(images, shared=True)[0].cpu() for images in batches])


class Outputs:
    """Class scores of a run's networks on its test data, whose labels are `labels`, int64 `[n]`, on the CPU."""

    def __init__(self, trained: Trained) -> None:
        self._trained, self._kept = trained, OrderedDict[tuple[object, ...], Tensor]()
        self.labels = trained.setting.data.test_labels.cpu()

    def end(self, key: Key) -> Tensor:
        """Return the class scores of a network as it was trained to, `[n, classes]`."""
        return self._once(tuple(key), lambda: self._trained.end(key))

    def solution(self, key: Key) -> Tensor:
        """Return the class scores of the pruning solution of a network's level; raises LotteryError without one."""
        return self._once(("solution", *key[:2]), lambda: self._trained.solution(key))

    def _once(self, name: tuple[object, ...], network: Callable[[], Network]) -> Tensor:
        if name not in self._kept:
            data = self._trained.setting.data
            images = (images for images, _ in data.test(batch_size(data.shape)))
            scores = outputs_of(self._trained.setting, network(), images)
            if (scores.dim(), self.labels.dim()) != (2, 1) or self.labels.is_floating_point():
                raise LotteryError(
                    f"{self._trained.run.path}: outputs of shape {list(scores.shape)} and targets of shape "
                    f"{list(self.labels.shape)} are no class scores and classes, which this analysis compares"
                )
            self._kept[name] = scores
            while len(self._kept) > 1 and sum(kept.nbytes for kept in self._kept.values()) > _ROOM:
                self._kept.popitem(last=False)
        self._kept.move_to_end(name)
        return self._kept[name]
