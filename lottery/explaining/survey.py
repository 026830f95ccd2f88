"""A survey finds how good the networks on a path are, on test and training data, many of them at a time."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property, partial

import torch
from torch import Tensor

from lottery.explaining.normalisation import has_statistics, recomputed
from lottery.explaining.paths import between
from lottery.networks.cohort import Arithmetic, Cohort
from lottery.networks.network import Network
from lottery.seeds import stream
from lottery.studies.layout import cant_stack
from lottery.studies.setting import Setting
from lottery.training.evaluation import batch_size, evaluate

_BYTES = 1 << 28
"""Of the networks of a path that are there at once."""

Curves = dict[str, list[float]]
"""`test_error`, `test_loss`, `train_error`, `train_loss` -> the value at each point of a path; errors as people read
them, such as in %."""


@dataclass(frozen=True)
class Survey:
    """A survey evaluates the networks of paths, many at a time.

    Attributes:
        setting: of the run that they are from.
        images: most training images that they are evaluated on; all test images always are.
        recompute_over: training images that batch normalisation's statistics are recomputed over.
        execution: how networks are computed: stacked, looped; None for what is faster here.
    """

    setting: Setting
    images: int
    recompute_over: int
    execution: str | None = None
    _made: dict[int, Cohort] = field(default_factory=dict, init=False, repr=False, compare=False)

    @cached_property
    def normalises(self) -> bool:
        """Whether the networks have running statistics, which mean little where weights are interpolated."""
        return has_statistics(self.setting.template)

    @property
    def error(self) -> str:
        """What errors are called: of a metric of which more is better, what it lacks."""
        metric = self.setting.task.metrics[0]
        if not metric.higher_is_better:
            return metric.name.replace("_", " ")
        return "error" if metric.name == "accuracy" else f"lack of {metric.name.replace('_', ' ')}"

    def along(
        self, one: Network, other: Network, shares: Sequence[float], replicates: Sequence[int]
    ) -> tuple[Curves, Curves | None]:
        """Return how good the networks at these shares of a path are: as they are, and with recomputed statistics.

        The latter is None where the networks have no running statistics. Recomputed are those of all points, the ends
        included; nothing is drawn, by dropout or the like.

        Args:
            replicates: whose networks they are: training images are such as all of them were trained on.
        """
        as_they_are, anew = Curves(), Curves()
        index = self.training_images(replicates)
        size = sum(value.nbytes for value in one.state.values())
        normalise = partial(recomputed, self.setting, batches=self._gathered(index) if self.normalises else [])
        for part in _parts(shares, max(1, _BYTES // max(1, size))):
            networks = [between(one, other, share) for share in part]
            self._extend(as_they_are, networks, index)
            if self.normalises:
                self._extend(anew, [normalise(network) for network in networks], index)
        return as_they_are, anew if self.normalises else None

    def _gathered(self, index: Tensor) -> list[Tensor]:
        """Return the images that statistics are recomputed over, in batches of one size."""
        chosen = index[: self.recompute_over]
        size = min(self._batch(1), len(chosen))
        layout = torch.channels_last if self.setting.behaviour.channels_last else torch.contiguous_format
        batches = self.setting.data.plain(chosen[: len(chosen) // size * size], size)
        return [images.contiguous(memory_format=layout) for images, _ in batches]

    def _extend(self, curves: Curves, networks: Sequence[Network], index: Tensor) -> None:
        """Put what networks are found to be behind what there is."""
        setting, metric = self.setting, self.setting.task.metrics[0]
        cohort = self._cohort(networks)
        size = self._batch(len(networks) if cohort.stacked else 1)
        for split, batches in (("test", setting.data.test(size)), ("train", setting.data.plain(index, size))):
            losses, rights, answers = evaluate(cohort, setting.task, batches, shared=True)
            wrongs = [answers - right if metric.higher_is_better else right for right in rights]
            curves.setdefault(f"{split}_error", []).extend(metric.scale * wrong / answers for wrong in wrongs)
            curves.setdefault(f"{split}_loss", []).extend(losses)

    @torch.no_grad()
    def _cohort(self, networks: Sequence[Network]) -> Cohort:
        """Return networks as a cohort; it is made once, and filled anew: making one takes as long as using it."""
        if len(networks) not in self._made:
            self._made.clear()
            self._made[len(networks)] = Cohort(
                self.setting.template,
                [self.setting.like] * len(networks),
                execution=self._execution,
                device=self.setting.device,
                arithmetic=Arithmetic(
                    self.setting.config.train.precision, channels_last=self.setting.behaviour.channels_last
                ),
            )
        cohort = self._made[len(networks)]
        for name, stacked in (cohort.weights | cohort.buffers).items():
            for place, network in enumerate(networks):
                if name in network.state:
                    stacked[place].copy_(network.state[name])
        return cohort

    @cached_property
    def _execution(self) -> str:
        """On a CPU large products of one network after the other are faster; on a GPU small networks wait for it."""
        if self.execution is not None:
            return self.execution
        return "stacked" if self.setting.device.type == "cuda" and not cant_stack(self.setting) else "looped"

    def _batch(self, networks: int) -> int:
        return max(1, batch_size(self.setting.data.shape) // networks)

    def training_images(self, replicates: Sequence[int]) -> Tensor:
        """Return the positions of training images that all of some replicates were trained on, always the same ones."""
        first, *others = (self.setting.data.train_index[replicate] for replicate in replicates)
        for other in others:
            first = first[torch.isin(first, other)]
        generator = stream(self.setting.config.seed, "path", *replicates)
        return first[torch.randperm(len(first), generator=generator)][: self.images]


def _parts(shares: Sequence[float], most: int) -> Iterator[Sequence[float]]:
    for begin in range(0, len(shares), most):
        yield shares[begin : begin + most]
