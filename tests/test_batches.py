import pytest
import torch

from lottery.config.data_and_model import Augment
from lottery.data import Dataset, moments
from lottery.errors import LotteryError
from lottery.seeds import stream
from lottery.training.batches import Batches, Resident

CPU = torch.device("cpu")


def dataset(count=20, side=4):
    """Images whose pixels tell which image and which pixel they are; labels tell the image."""
    pixels = torch.arange(side * side).view(1, 1, side, side)
    images = (10 * torch.arange(count).view(-1, 1, 1, 1) + pixels).to(torch.uint8)
    return Dataset(images, torch.arange(count), images[:5], torch.arange(5), count, (0.0,), (1.0,))


def resident(crop=0, flip=False, **options):
    defaults = {"validation": 4, "seed": 0, "replicates": 2, "device": CPU, "augment": Augment(crop=crop, flip=flip)}
    return Resident(dataset(), **(defaults | options))


def test_splits_are_disjoint_complete_and_each_replicates_own():
    data = resident()
    for replicate in range(2):
        train, validation = data.train_index[replicate].tolist(), data.validation_index[replicate].tolist()
        assert sorted(train + validation) == list(range(20))
        assert len(validation) == 4
    assert not torch.equal(data.validation_index[0], data.validation_index[1])
    assert resident(validation=0.25).validation_index.shape == (2, 5)
    assert resident(validation=0).validation_index.shape == (2, 0)
    assert torch.equal(resident(replicates=5).train_index[:2], data.train_index)
    with pytest.raises(LotteryError, match="leave none"):
        resident(validation=20)


def test_an_epoch_shows_each_training_image_once_in_a_new_order():
    data = resident()
    batches = Batches(data, [(0, 0), (1, 0)], 4, seed=0)
    assert batches.steps_per_epoch == 4
    epochs = [torch.cat([batches.at(step)[1] for step in range(4 * epoch, 4 * epoch + 4)], dim=1) for epoch in (0, 1)]
    for labels in epochs:
        for replicate in range(2):
            assert sorted(labels[replicate].tolist()) == data.train_index[replicate].tolist()
    assert not torch.equal(epochs[0], epochs[1])


def test_a_batch_depends_on_replicate_and_step_alone():
    data = resident(crop=1, flip=True)
    straight = Batches(data, [(0, 0), (1, 0), (1, 0)], 4, seed=0)
    expected = [straight.at(step) for step in range(9)]
    for step in (7, 0, 5):
        images, labels = Batches(data, [(1, 0)], 4, seed=0).at(step)
        assert torch.equal(images[0], expected[step][0][1])
        assert torch.equal(labels[0], expected[step][1][1])
    assert all(torch.equal(images[1], images[2]) for images, _ in expected)
    assert not all(torch.equal(labels[0], labels[1]) for _, labels in expected)


def test_another_order_differs_in_order_augmentation_and_noise_alone():
    """The usual order's streams are named as ever; another's number stands behind their names."""
    data = resident(crop=1, flip=True)
    both = Batches(data, [(1, 0), (1, 2)], 16, seed=5)
    index, shift = both.rows(1)
    for member, order in enumerate(([], [2])):
        drawn = torch.randperm(16, generator=stream(5, "order", 1, 1, *order))
        assert torch.equal(index[member], data.train_index[1][drawn])
        offsets = torch.randint(3, (16, 2), generator=stream(5, "augment", 1, 1, *order))
        assert torch.equal(shift[member, :, :2], offsets)
        noise = both.streams("noise", 7)[member]
        assert noise.initial_seed() == stream(5, "noise", 1, 7, *order).initial_seed()
    assert not torch.equal(index[0], index[1])
    assert torch.equal(index[0].sort().values, index[1].sort().values)


def test_augmentation_agrees_with_padding_cropping_and_mirroring_by_hand():
    data = resident(crop=2, flip=True)
    batches = Batches(data, [(0, 0)], 4, seed=0)
    images, labels = batches.at(1)
    seen = set()
    for image, label, (down, right, mirrored) in zip(images[0], labels[0], batches._shift[0, 4:8], strict=True):
        padded = torch.zeros(1, 8, 8)
        padded[:, 2:6, 2:6] = dataset().train_images[label].float()
        cropped = padded[:, down : down + 4, right : right + 4]
        assert torch.equal(image, cropped.flip(-1) if mirrored else cropped)
        seen.add((int(down), int(right), int(mirrored)))
    assert len(seen) > 1


def test_every_shift_occurs():
    batches = Batches(resident(crop=1, flip=True, validation=0), [(0, 0)], 20, seed=0)
    shifts = set()
    for epoch in range(40):
        batches.at(epoch)
        shifts |= {tuple(shift) for shift in batches._shift[0].tolist()}
    assert shifts == {(down, right, flip) for down in range(3) for right in range(3) for flip in range(2)}


def test_evaluation_data_is_whole_unaugmented_and_normalised():
    data = Resident(
        Dataset(**{**dataset().__dict__, "mean": (10.0,), "std": (2.0,)}),
        validation=4, seed=0, replicates=2, device=CPU, augment=Augment(crop=2, flip=True),
    )  # fmt: skip
    parts = list(data.validation([1, 0], size=3))
    images, labels = torch.cat([part[0] for part in parts], 1), torch.cat([part[1] for part in parts], 1)
    assert labels.tolist() == [data.validation_index[1].tolist(), data.validation_index[0].tolist()]
    torch.testing.assert_close(images[0], (dataset().train_images[labels[0]].float() - 10) / 2)
    tests = list(data.test(2))
    assert torch.cat([labels for _, labels in tests]).tolist() == [0, 1, 2, 3, 4]
    torch.testing.assert_close(tests[0][0], (dataset().test_images[:2].float() - 10) / 2)


def test_a_batch_larger_than_the_data_is_refused():
    with pytest.raises(LotteryError, match=r"train\.batch_size"):
        Batches(resident(), [(0, 0)], 17, seed=0)


def test_moments():
    images = torch.randint(0, 256, (50, 3, 4, 4), generator=torch.Generator().manual_seed(0)).to(torch.uint8)
    mean, std = moments(images)
    torch.testing.assert_close(torch.tensor(mean), images.float().mean((0, 2, 3)))
    torch.testing.assert_close(torch.tensor(std), images.float().std((0, 2, 3), unbiased=False))
    assert moments(torch.full((2, 1, 2, 2), 7, dtype=torch.uint8)) == ((7.0,), (1.0,))
