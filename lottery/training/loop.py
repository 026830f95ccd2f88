"""The one training loop, for one member or fifty."""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from lottery.config.schema import Optimizer
from lottery.errors import LotteryError
from lottery.networks.cohort import Cohort
from lottery.optimizers import Slots
from lottery.seeds import stream
from lottery.training.batches import Batches
from lottery.training.evolution import Evolution
from lottery.training.graph import Graph
from lottery.training.latents import Latents


class Trainer:
    """A cohort on its way through training; `step` is the number of steps behind it, in the schedule's count."""

    def __init__(
        self,
        cohort: Cohort,
        batches: Batches,
        optimizer: Optimizer,
        factor: Callable[[int], float],
        *,
        start: int,
        label_smoothing: float = 0.0,
        cuda_graph: bool = False,
        evolution: Evolution | None = None,
        latents: Latents | None = None,
        noise: tuple[int, Sequence[int]] | None = None,
    ) -> None:
        """Train `cohort` from step `start` on.

        Args:
            cohort: networks at step `start`.
            batches: gives the batch of a step.
            optimizer: name and options.
            factor: factor on the learning rate at a step.
            start: step of the schedule at which training starts; the optimizer's slots are zero there.
            label_smoothing: probability spread evenly over all classes.
            cuda_graph: whether a step is captured as a CUDA graph.
            evolution: of the cohort's masks, if they move.
            latents: what is trained in place of the cohort's weights, if that isn't the weights.
            noise: the study's seed and each member's replicate, where forward passes draw random numbers.
        """
        self.cohort, self.step, self.evolution, self.latents = cohort, start, evolution, latents
        self._trained = latents or evolution or cohort  # whose leaves and gradients the optimizer is given
        self._batches, self._factor, self._smoothing = batches, factor, label_smoothing
        self._optimize, self._options = optimizer.entry, optimizer.options
        self._slots: Slots = {}
        self._noise = noise
        self._loss = torch.zeros(cohort.size, device=cohort.device)
        self._steps = 0
        # Divergence is noted on the device and asked for at evaluations: no step waits for an answer.
        self._finite = torch.ones(cohort.size, dtype=torch.bool, device=cohort.device)
        self._finite_steps = torch.full((cohort.size,), start, device=cohort.device)
        self._graph = Graph() if cuda_graph else None

    @property
    def learning_rate(self) -> float:
        """That of the step behind, or of the first step where there is none behind."""
        rate: float = self._options["lr"]
        return rate * self._factor(max(self.step - 1, 0))

    def advance(self, to: int, stop: Callable[[], bool] = lambda: False) -> bool:
        """Train until step `to`; False where `stop` ended it earlier, between two steps."""
        self.cohort.train()
        while self.step < to:
            if stop():
                break
            if self.latents:
                self.latents.project(self.step)
            if self._noise:
                seed, replicates = self._noise
                self.cohort.noise = [stream(seed, "noise", replicate, self.step) for replicate in replicates]
            rows, factor = self._batches.rows(self.step), self._factor(self.step)
            moves = self.evolution is not None and self.evolution.due(self.step)
            if moves and self.evolution and self.evolution.replaces_step:
                self._grow_step(self.evolution, *rows)
            else:
                if self._graph is None:
                    self._train_step(*rows, factor)
                else:
                    self._graph(self._train_step, *rows, factor)
                if moves and self.evolution:
                    self.evolution.update(self.step, self._slots, self._finite.tolist())
            self.step += 1
            self._steps += 1
        if self.latents:
            self.latents.project()
        return self.step >= to

    def _train_step(self, index: Tensor, shift: Tensor, factor: float | Tensor) -> None:
        losses, gradients = self._trained.gradients(*self._batches.gather(index, shift), self._smoothing)
        with torch.no_grad():
            self._optimize(self._trained.leaves, gradients, self._slots, factor, **self._options)
        self._note(losses)

    def _grow_step(self, evolution: Evolution, index: Tensor, shift: Tensor) -> None:
        """A step that moves masks by the gradient of its batch, and leaves weights as they are."""
        losses, gradients = self.cohort.gradients(*self._batches.gather(index, shift), self._smoothing, masked=False)
        self._note(losses)
        if evolution.traces:
            evolution.observe(gradients)
        evolution.update(self.step, self._slots, self._finite.tolist(), gradients)

    def _note(self, losses: Tensor) -> None:
        self._loss += losses
        self._finite &= losses < torch.inf  # NaN is not; `isfinite` takes ten times as long
        self._finite_steps += self._finite

    def diverged(self) -> list[int | None]:
        """Each member's first step whose loss was not a finite number; None where it always was one."""
        return [
            None if finite else step
            for finite, step in zip(self._finite.tolist(), self._finite_steps.tolist(), strict=True)
        ]

    def pop_loss(self) -> list[float]:
        """Each member's mean training loss over the steps since the last call; NaN where there were none."""
        losses: list[float] = (self._loss / self._steps if self._steps else self._loss * torch.nan).tolist()
        self._loss.zero_()
        self._steps = 0
        return losses

    def state(self) -> dict[str, Tensor]:
        """All that a trainer of the same cohort needs to go on from here, as tensors on the CPU."""
        tensors = {"step": torch.tensor(self.step), "loss": self._loss, "loss_steps": torch.tensor(self._steps)}
        tensors |= {"finite": self._finite, "finite_steps": self._finite_steps}
        tensors |= {f"weights/{name}": tensor.detach() for name, tensor in self.cohort.weights.items()}
        tensors |= {f"buffers/{name}": tensor for name, tensor in self.cohort.buffers.items()}
        for slot, values in self._slots.items():
            tensors |= {f"slots/{slot}/{index}": value for index, value in enumerate(values)}
        if moving := self.latents or self.evolution:
            tensors |= {f"masks/{name}": mask for name, mask in self.cohort.masks.items()}
            tensors |= {f"moving/{name}": tensor for name, tensor in moving.state().items()}
        return {name: tensor.cpu().clone() for name, tensor in tensors.items()}

    @torch.no_grad()
    def load(self, tensors: dict[str, Tensor]) -> None:
        """Go on from what `state` returned; raises LotteryError where it is of another cohort."""
        try:
            self.step, self._steps = int(tensors["step"]), int(tensors["loss_steps"])
            for name, own in (("loss", self._loss), ("finite", self._finite), ("finite_steps", self._finite_steps)):
                own.copy_(tensors[name])
            for kind, owned in (("weights", self.cohort.weights), ("buffers", self.cohort.buffers)):
                for name, tensor in owned.items():
                    tensor.copy_(tensors[f"{kind}/{name}"])
            if moving := self.latents or self.evolution:
                for member in range(self.cohort.size):
                    self.cohort.set_mask(member, {name: tensors[f"masks/{name}"][member] for name in self.cohort.masks})
                parts = [(*key.partition("/"), tensor) for key, tensor in tensors.items()]
                moving.load({name: tensor for kind, _, name, tensor in parts if kind == "moving"})
            names = dict.fromkeys(key.split("/")[1] for key in tensors if key.startswith("slots/"))
            places = range(len(self._trained.leaves))
            self._slots = {
                name: [tensors[f"slots/{name}/{place}"].to(self.cohort.device) for place in places] for name in names
            }
        except (KeyError, RuntimeError, ValueError) as error:
            raise LotteryError(
                f"a checkpoint does not fit its networks ({error}); remove the folder checkpoint"
            ) from None
