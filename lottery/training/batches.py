"""This module puts data on the device: splits, the order of batches, normalisation, augmentation, for many members.

Images stay uint8 `[N, C, H, W]` on the device; a batch is one gather by an index `[R, B]`, so members may each see
their own images in their own order. What a member sees at a step is a function of (seed, replicate, order, step).
"""

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor
from torch.nn import functional as F

from lottery.config.data_and_model import Augment
from lottery.data import Dataset, normalised, per_channel
from lottery.errors import LotteryError
from lottery.seeds import stream


class Resident:
    """A resident is a data set on a device, with one split into training and validation data for each replicate.

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
        augment: Augment,
    ) -> None:
        """Put `dataset` on `device`.

        Args:
            validation: images set aside for validation: a number of them, or below 1 a fraction of the training data.
            seed: of the study; the split of a replicate is drawn from it.
            replicates: number of splits.
            augment: random crops and mirrored images, drawn anew each epoch.

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
        crop = augment.crop
        self.device, self.crop, self.flip = device, crop, augment.flip
        self.shape = dataset.shape
        images = dataset.train_images.to(device)
        self.train_images = F.pad(images, (crop, crop, crop, crop)) if crop else images
        self.train_labels = dataset.train_labels.to(device)
        self.test_images = dataset.test_images.to(device)
        self.test_labels = dataset.test_labels.to(device)
        self._mean, self._scale = per_channel(dataset.mean, device), 1 / per_channel(dataset.std, device)

    def normalise(self, images: Tensor) -> Tensor:
        """Return uint8 `[..., C, H, W]` as float32 of this shape, of mean 0 and standard deviation 1 per channel."""
        return normalised(images, self._mean, self._scale)

    def validation(self, replicates: Sequence[int], size: int) -> Iterator[tuple[Tensor, Tensor]]:
        """Yield each replicate's validation data in batches: images `[R, size, C, H, W]`, labels `[R, size]`."""
        yield from self.plain(self.validation_index[list(replicates)], size)

    def plain(self, index: Tensor, size: int) -> Iterator[tuple[Tensor, Tensor]]:
        """Yield images of the training data as they are, in batches: `[..., size, C, H, W]`, labels `[..., size]`.

        Args:
            index: positions in it, `[..., n]`.
            size: of a batch.
        """
        rows = slice(self.crop, self.crop + self.shape[1])
        columns = slice(self.crop, self.crop + self.shape[2])
        for batch in index.to(self.device).split(size, dim=-1):
            images = _rows(self.train_images, batch)[..., rows, columns]
            yield self.normalise(images), _rows(self.train_labels, batch)

    def test(self, size: int) -> Iterator[tuple[Tensor, Tensor]]:
        """Yield the test data in batches, which all members share: images `[size, C, H, W]`, labels `[size]`."""
        for images, labels in zip(self.test_images.split(size), self.test_labels.split(size), strict=True):
            yield self.normalise(images), labels


class Batches:
    """Batches are what some members are trained on, one after the other or from any step on."""

    def __init__(self, data: Resident, members: Sequence[tuple[int, int]], batch_size: int, seed: int) -> None:
        """Make batches for some members.

        Members of one replicate and order see the same batches: a ticket and its controls differ in nothing but what is
        studied. The last images of an epoch that don't fill a batch are left out, so that all batches have one shape.

        Args:
            members: replicate and order of each.
            batch_size: images of a step.

        Raises:
            LotteryError: a batch is larger than the training split.
        """
        self._data, self._members, self._size, self._seed = data, list(members), batch_size, seed
        self.steps_per_epoch = data.train_index.shape[1] // batch_size
        if not self.steps_per_epoch:
            raise LotteryError(
                f"train.batch_size: {batch_size} is more than the {data.train_index.shape[1]} "
                "training images; lower it or data.validation"
            )
        self._epoch = -1
        self._index = torch.empty(0)
        self._shift = torch.empty(len(self._members), 0, device=data.device)

    def at(self, step: int) -> tuple[Tensor, Tensor]:
        """Return the batch of a step: float32 images `[R, B, C, H, W]`, int64 labels `[R, B]`."""
        return self.gather(*self.rows(step))

    def rows(self, step: int) -> tuple[Tensor, Tensor]:
        """Return which images a step takes, int64 `[R, B]`, and how: `[R, B, (down, right, mirrored)]`."""
        epoch, position = divmod(step, self.steps_per_epoch)
        if epoch != self._epoch:
            self._draw(epoch)
        part = slice(position * self._size, (position + 1) * self._size)
        return self._index[:, part], self._shift[:, part]

    def gather(self, index: Tensor, shift: Tensor) -> tuple[Tensor, Tensor]:
        """Return the batch that `rows` describes."""
        if self._data.crop or self._data.flip:
            images = self._augmented(index, shift)
        else:
            images = _rows(self._data.train_images, index)
        return self._data.normalise(images), _rows(self._data.train_labels, index)

    def streams(self, purpose: str, number: int) -> list[torch.Generator]:
        """Return what each member draws from for a purpose, at a step or epoch of that number."""
        return [self._stream(purpose, number, *member) for member in self._members]

    def _stream(self, purpose: str, number: int, replicate: int, order: int) -> torch.Generator:
        """Return the stream of a replicate, which is called after the order, too, where that isn't the usual one."""
        return stream(self._seed, purpose, replicate, number, *([order] if order else []))

    def _draw(self, epoch: int) -> None:
        """Draw order and augmentation of one epoch from streams of their own, once for each replicate and order."""
        data, count = self._data, self._data.train_index.shape[1]
        orders, shifts = {}, {}
        for member in dict.fromkeys(self._members):
            order = torch.randperm(count, generator=self._stream("order", epoch, *member))
            orders[member] = data.train_index[member[0]][order]
            if data.crop or data.flip:
                generator = self._stream("augment", epoch, *member)
                offsets = torch.randint(2 * data.crop + 1, (count, 2), generator=generator)
                flips = torch.randint(2 if data.flip else 1, (count, 1), generator=generator)
                shifts[member] = torch.cat([offsets, flips], dim=1)
        self._index = torch.stack([orders[member] for member in self._members]).to(data.device)
        if shifts:
            self._shift = torch.stack([shifts[member] for member in self._members]).to(data.device)
        self._epoch = epoch

    def _augmented(self, index: Tensor, shift: Tensor) -> Tensor:
        """Return crops, some mirrored, uint8 `[R, B, C, H, W]`; see `rows`."""
        data = self._data
        _, height, width = data.shape
        down, right, mirrored = shift.flatten(0, 1).unsqueeze(-1).unbind(1)
        rows = down + torch.arange(height, device=data.device)
        columns = torch.arange(width, device=data.device)
        columns = right + torch.where(mirrored.bool(), width - 1 - columns, columns)
        images = data.train_images[index.flatten()[:, None, None], :, rows[:, :, None], columns[:, None, :]]
        return images.permute(0, 3, 1, 2).reshape(*index.shape, -1, height, width)


def _rows(tensor: Tensor, index: Tensor) -> Tensor:
    """Return `tensor[index]` along the first dimension, by the gather of whole rows: five times as fast on a CPU."""
    return tensor.index_select(0, index.flatten()).view(*index.shape, *tensor.shape[1:])
