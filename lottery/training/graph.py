"""A CUDA graph launches a training step as a whole, where its many small kernels would each wait for Python."""

from collections.abc import Callable

import torch
from torch import Tensor

_WARM_UP = 3
"""Steps before the capture, so that libraries have chosen their kernels and taken their workspaces."""


class Graph:
    """A graph calls a step a few times as it is, then captures it, and from then on replays it on new inputs."""

    def __init__(self) -> None:
        self._calls = 0
        self._inputs: list[Tensor] = []
        self._side = torch.cuda.Stream()
        self._graph = torch.cuda.CUDAGraph()

    def __call__(self, step: Callable[..., None], index: Tensor, shift: Tensor, factor: float) -> None:
        """Make one step on this batch, at this factor on the learning rate.

        Args:
            step: the same one at each call (not kept: a trainer that holds itself keeps its memory until garbage is
                collected). It takes rows, their augmentation and the factor as a tensor; works in place on tensors
                that stay where they are, returns nothing, and never asks the device for a number.
        """
        if not self._calls:
            self._inputs = [index.clone(), shift.clone(), torch.zeros((), device=index.device)]
        for own, value in zip(self._inputs, (index, shift), strict=False):
            own.copy_(value, non_blocking=True)
        self._inputs[-1].fill_(factor)  # a kernel; copying a number from here would wait for the device
        self._calls += 1
        if self._calls <= _WARM_UP:  # on a side stream, as the capture will be
            self._side.wait_stream(torch.cuda.current_stream())
            with torch.cuda.stream(self._side):
                step(*self._inputs)
            torch.cuda.current_stream().wait_stream(self._side)
            return
        if self._calls == _WARM_UP + 1:
            with torch.cuda.graph(self._graph):  # records, and computes nothing
                step(*self._inputs)
        self._graph.replay()
