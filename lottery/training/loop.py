"""There is one training loop, for one member or fifty."""

from collections.abc import Callable

import torch
from torch import Tensor

from lottery.errors import LotteryError
from lottery.optimizers import Slots
from lottery.training.batches import Batches
from lottery.training.graph import Graph
from lottery.training.objective import Objective
from lottery.training.recipe import factor
from lottery.training.trainable import Trainable


class Trainer:
    """A trainer takes a cohort through training; `step` counts the steps of the schedule that are behind it."""

    def __init__(
        self,
        trained: Trainable,
        batches: Batches,
        objective: Objective,
        *,
        noisy: bool = False,
        cuda_graph: bool = False,
    ) -> None:
        """Train a cohort by the recipe of its members, from the recipe's start on.

        Args:
            trained: what an optimizer steps; its slots are zero at the start.
            objective: what is minimised.
            noisy: whether forward passes draw random numbers.
            cuda_graph: whether a step is captured as a CUDA graph.
        """
        cohort, recipe = trained.cohort, trained.recipe
        self.trained, self.cohort, self.step = trained, cohort, recipe.start
        self._batches, self._factor, self._objective = batches, factor(recipe), objective
        self._optimize, self._options = recipe.optimizer.entry, recipe.optimizer.options
        self._slots: Slots = {}
        self._noisy = noisy
        self._loss = torch.zeros(cohort.size, device=cohort.device)
        self._steps = 0
        # Divergence is noted on the device and asked for at evaluations: no step waits for an answer.
        self._finite = torch.ones(cohort.size, dtype=torch.bool, device=cohort.device)
        self._finite_steps = torch.full((cohort.size,), self.step, device=cohort.device)
        self._graph = Graph() if cuda_graph else None

    @property
    def learning_rate(self) -> float:
        """Return the learning rate of the step behind, or of the first step where there is none behind."""
        rate: float = self._options["lr"]
        return rate * self._factor(max(self.step - 1, 0))

    def advance(self, to: int, stop: Callable[[], bool] = lambda: False) -> bool:
        """Train until step `to`; returns False where `stop` ended it earlier, between two steps."""
        self.cohort.train()
        while self.step < to:
            if stop():
                break
            self.trained.before_step(self.step)
            if self._noisy:
                self.cohort.noise = self._batches.streams("noise", self.step)
            rows, factor = self._batches.rows(self.step), self._factor(self.step)
            if self._graph is None or self.trained.resting:
                self._train_step(*rows, factor)
            else:
                self._graph(self._train_step, *rows, factor)
            self.trained.after_step(self.step, self._slots, self._finite)
            self.step += 1
            self._steps += 1
        self.trained.finish()
        return self.step >= to

    def _train_step(self, index: Tensor, shift: Tensor, factor: float | Tensor) -> None:
        losses, gradients = self.trained.gradients(*self._batches.gather(index, shift), self._objective)
        if not self.trained.resting:
            with torch.no_grad():
                self._optimize(self.trained.leaves, gradients, self._slots, factor, **self._options)
        self._loss += losses
        self._finite &= losses < torch.inf  # NaN is not; `isfinite` takes ten times as long
        self._finite_steps += self._finite

    def diverged(self) -> list[int | None]:
        """Return each member's first step whose loss was not a finite number; None where it always was one."""
        return [
            None if finite else step
            for finite, step in zip(self._finite.tolist(), self._finite_steps.tolist(), strict=True)
        ]

    def pop_loss(self) -> list[float]:
        """Return each member's mean training loss over the steps since the last call; NaN where there were none."""
        losses: list[float] = (self._loss / self._steps if self._steps else self._loss * torch.nan).tolist()
        self._loss.zero_()
        self._steps = 0
        return losses

    def state(self) -> dict[str, Tensor]:
        """Return all that a trainer of the same cohort needs to go on from here, as tensors on the CPU."""
        tensors = {"step": torch.tensor(self.step), "loss": self._loss, "loss_steps": torch.tensor(self._steps)}
        tensors |= {"finite": self._finite, "finite_steps": self._finite_steps}
        tensors |= {f"weights/{name}": tensor.detach() for name, tensor in self.cohort.weights.items()}
        tensors |= {f"buffers/{name}": tensor for name, tensor in self.cohort.buffers.items()}
        for slot, values in self._slots.items():
            tensors |= {f"slots/{slot}/{index}": value for index, value in enumerate(values)}
        tensors |= {f"trained/{name}": tensor for name, tensor in self.trained.state().items()}
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
            parts = [(*key.partition("/"), tensor) for key, tensor in tensors.items()]
            self.trained.load({name: tensor for kind, _, name, tensor in parts if kind == "trained"})
            names = dict.fromkeys(key.split("/")[1] for key in tensors if key.startswith("slots/"))
            places = range(len(self.trained.leaves))
            self._slots = {
                name: [tensors[f"slots/{name}/{place}"].to(self.cohort.device) for place in places] for name in names
            }
        except (KeyError, RuntimeError, ValueError) as error:
            raise LotteryError(
                f"a checkpoint does not fit its networks ({error}); remove the folder checkpoint"
            ) from None
