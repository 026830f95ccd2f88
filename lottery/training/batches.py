"""Data on the device: splits, the order of batches, normalisation and augmentation, for many members at once.

Images stay uint8 `[N, C, H, W]` on the device; a batch is one gather by an index `[R, B]`, so members may each see
their own images in their own order. What a member sees at a step is a function of (seed, replicate, step).
"""

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor
from torch.nn import functional as F

from lottery.data import Dataset
from lottery.errors import LotteryError
from lottery.seeds import stream


class Resident:
    """A data set on a device, with one split into training and validation data for each replicate.

    Attributes:
        train_index: int64 `[replicates, n]`, positions in the training images, on the CPU.
        shape: channels, height and width of an image.
        validation_index: int64 `[replicates, m]`, the rest of them.
    """

    def __init__(
        self,
        dataset: Dataset,
        *,
        validation: float,
        seed: int,
        replicates: int,
        device: torch.device,
        crop: int = 0,
        flip: bool = False,
    ) -> None:
        """Put `dataset` on `device`.

        Args:
            dataset: what to put there.
            validation: images set aside for validation: a number of them, or below 1 a fraction of the training data.
            seed: of the study; the split of a replicate is drawn from it.
            replicates: number of splits.
            device: where the images go.
            crop: pixels of black border for random crops of the original size; 0 for none.
            flip: mirror half of the training images, drawn anew each epoch.

        Raises:
            LotteryError: nothing would be left to train on.
        """
        size = len(dataset.train_images)
        held_out = round(validation * size) if 0 < validation < 1 else int(validation)
        if held_out >= size:
            raise LotteryError(f"data.validation: {held_out} of {size} training images leave none to train on")
        orders = [torch.randperm(size, generator=stream(seed, "split", replicate)) for replicate in range(replicates)]
        self.train_index = torch.stack([order[held_out:].sort().values for order in orders])
        self.validation_index = torch.stack([order[:held_out].sort().values for order in orders])
        self.device, self.crop, self.flip = device, crop, flip
        self.shape = dataset.shape
        images = dataset.train_images.to(device)
        self.train_images = F.pad(images, (crop, crop, crop, crop)) if crop else images
        self.train_labels = dataset.train_labels.to(device)
        self.test_images = dataset.test_images.to(device)
        self.test_labels = dataset.test_labels.to(device)
        self._mean = torch.tensor(dataset.mean, device=device).view(-1, 1, 1)
        self._scale = 1 / torch.tensor(dataset.std, device=device).view(-1, 1, 1)

    def normalise(self, images: Tensor) -> Tensor:
        """uint8 `[..., C, H, W]` -> float32 of the same shape, with mean 0 and standard deviation 1 per channel."""
        return images.float().sub_(self._mean).mul_(self._scale)

    def validation(self, replicates: Sequence[int], size: int) -> Iterator[tuple[Tensor, Tensor]]:
        """Each replicate's validation data in batches: images `[R, size, C, H, W]`, labels `[R, size]`."""
        index = self.validation_index[list(replicates)].to(self.device)
        rows = slice(self.crop, self.crop + self.shape[1])
        columns = slice(self.crop, self.crop + self.shape[2])
        for batch in index.split(size, dim=1):
            images = _rows(self.train_images, batch)[..., rows, columns]
            yield self.normalise(images), _rows(self.train_labels, batch)

    def test(self, size: int) -> Iterator[tuple[Tensor, Tensor]]:
        """The test data in batches, the same for every member: images `[size, C, H, W]`, labels `[size]`."""
        for images, labels in zip(self.test_images.split(size), self.test_labels.split(size), strict=True):
            yield self.normalise(images), labels


class Batches:
    """Training batches of some members, one after the other or from any step on."""

    def __init__(self, data: Resident, replicates: Sequence[int], batch_size: int, seed: int) -> None:
        """Batches for members that belong to `replicates` (one entry a member, with repetitions).

        Members of one replicate see the same batches: a ticket and its controls differ in nothing but what is studied.
        The last images of an epoch that don't fill a batch are left out, so that every batch has the same shape.

        Raises:
            LotteryError: a batch is larger than the training split.
        """
        self._data, self._replicates, self._size, self._seed = data, list(replicates), batch_size, seed
        self.steps_per_epoch = data.train_index.shape[1] // batch_size
        if not self.steps_per_epoch:
            raise LotteryError(
                f"train.batch_size: {batch_size} is more than the {data.train_index.shape[1]} "
                "training images; lower it or data.validation"
            )
        self._epoch = -1
        self._index = torch.empty(0)
        self._shift = torch.empty(len(self._replicates), 0, device=data.device)

    def at(self, step: int) -> tuple[Tensor, Tensor]:
        """The batch of a step: float32 images `[R, B, C, H, W]`, int64 labels `[R, B]`."""
        return self.gather(*self.rows(step))

    def rows(self, step: int) -> tuple[Tensor, Tensor]:
        """Whose images a step takes, int64 `[R, B]`, and how they are augmented, `[R, B, (down, right, mirrored)]`."""
        epoch, position = divmod(step, self.steps_per_epoch)
        if epoch != self._epoch:
            self._draw(epoch)
        part = slice(position * self._size, (position + 1) * self._size)
        return self._index[:, part], self._shift[:, part]

    def gather(self, index: Tensor, shift: Tensor) -> tuple[Tensor, Tensor]:
        """The batch that `rows` describes."""
        if self._data.crop or self._data.flip:
            images = self._augmented(index, shift)
        else:
            images = _rows(self._data.train_images, index)
        return self._data.normalise(images), _rows(self._data.train_labels, index)

    def _draw(self, epoch: int) -> None:
        """Order (and augmentation) of one epoch, from streams of their own, drawn once for each replicate."""
        data, count = self._data, self._data.train_index.shape[1]
        orders, shifts = {}, {}
        for replicate in dict.fromkeys(self._replicates):
            order = torch.randperm(count, generator=stream(self._seed, "order", replicate, epoch))
            orders[replicate] = data.train_index[replicate][order]
            if data.crop or data.flip:
                generator = stream(self._seed, "augment", replicate, epoch)
                offsets = torch.randint(2 * data.crop + 1, (count, 2), generator=generator)
                flips = torch.randint(2 if data.flip else 1, (count, 1), generator=generator)
                shifts[replicate] = torch.cat([offsets, flips], dim=1)
        self._index = torch.stack([orders[replicate] for replicate in self._replicates]).to(data.device)
        if shifts:
            self._shift = torch.stack([shifts[replicate] for replicate in self._replicates]).to(data.device)
        self._epoch = epoch

    def _augmented(self, index: Tensor, shift: Tensor) -> Tensor:
        """Crops, some mirrored: index `[R, B]`, shift `[R, B, (down, right, mirrored)]` -> uint8 `[R, B, C, H, W]`."""
        data = self._data
        _, height, width = data.shape
        down, right, mirrored = shift.flatten(0, 1).unsqueeze(-1).unbind(1)
        rows = down + torch.arange(height, device=data.device)
        columns = torch.arange(width, device=data.device)
        columns = right + torch.where(mirrored.bool(), width - 1 - columns, columns)
        images = data.train_images[index.flatten()[:, None, None], :, rows[:, :, None], columns[:, None, :]]
        return images.permute(0, 3, 1, 2).reshape(*index.shape, -1, height, width)


def _rows(tensor: Tensor, index: Tensor) -> Tensor:
    """`tensor[index]` along the first dimension, by the gather that copies whole rows: five times as fast on a CPU."""
    return tensor.index_select(0, index.flatten()).view(*index.shape, *tensor.shape[1:])
