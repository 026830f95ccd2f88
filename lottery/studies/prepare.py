"""From a config to a setting; everything that can be wrong with a config is found here."""

from collections.abc import Callable
from functools import partial

import torch
from torch import nn

from lottery import brought, cache, devices
from lottery.config.data_and_model import Data
from lottery.config.schema import Config
from lottery.cost.flops import layer_flops
from lottery.data import Dataset
from lottery.data import _own as own_data
from lottery.data._download import Missing
from lottery.data._meant import refuse_alike
from lottery.errors import LotteryError
from lottery.models._own import Given
from lottery.networks import parameters
from lottery.networks.behaviour import Behaviour, behaviour
from lottery.store.reader import Reader
from lottery.streams import message
from lottery.studies import architecture
from lottery.studies.checks import check
from lottery.studies.same_data import about, refuse_other_data
from lottery.studies.setting import Setting
from lottery.training.batches import Batches, Resident


def prepare(
    config: Config,
    dataset: Dataset | None = None,
    model: Given | None = None,
    *,
    of: Reader | None = None,
    download_anywhere: bool = False,
    dry: bool = False,
    accept_changes: bool = False,
) -> Setting:
    """Find the device, load the data, build the network, and check that they fit the config and each other.

    Args:
        config: of the study.
        dataset: data of your own, in place of what the config names.
        model: what makes a network of your own, in place of what the config names.
        of: the run that is gone on with, or retrained: the data are to be its own.
        download_anywhere: whether data that are missing may be downloaded to outside the working directory: configs
            may be a stranger's.
        accept_changes: whether the network's code may be other than the run's was.
        dry: write nothing, not even what would be downloaded; images of nothing stand for it.

    Raises:
        LotteryError: they don't; the message names the key.
    """
    device = devices.resolve(config.device)
    if not devices.can_fork(device):
        _check_processes(config, device, model)
    devices.configure(device, config.train.precision, config.deterministic)
    own, load = dataset, partial(_sketch, of=of) if dry else _load
    try:
        dataset = dataset or load(config.data, download_anywhere)
        about_data = about(dataset)
        if of is not None:  # first: of other data, something else may be wrong, too, that nobody should mend
            refuse_other_data(of, config.data, about_data)
        data = _resident(config, dataset, device)
    except (MemoryError, RuntimeError) as error:
        raise LotteryError(f"data: can't be held in memory ({str(error).partition(chr(10))[0]})") from error
    build, template, conduct = _network(config, dataset, device, model)
    config = architecture.identified(config, template, model, accept_changes=accept_changes)
    shapes = architecture.shapes(config, template)
    epoch = Batches(data, [(0, 0)], config.train.batch_size, config.seed).steps_per_epoch
    setting = Setting(
        config=config,
        device=device,
        dataset=own,
        model=model,
        about_data=about_data,
        data=data,
        build=build,
        template=template,
        behaviour=conduct,
        shapes=shapes,
        flops=layer_flops(template, dataset.shape, {**shapes, **parameters.matrices(template)}),
        epoch=epoch,
        length=round(config.train.stretch * config.train.length.steps(epoch)),
        every=config.train.evaluate_every.steps(epoch),
    )
    check(setting)
    return setting


def _check_processes(config: Config, device: torch.device, model: Given | None) -> None:
    """Raise LotteryError where workers that share no memory with this process can't be had, or told what they need."""
    places = len(devices.places(config.device, device))
    if config.workers != "auto" and config.workers > places:
        raise LotteryError(f"workers: {config.workers} can't be had on {device} of this machine; write 1 or auto")
    if model is not None and places > 1:
        model.refuse_other_processes()


def _resident(config: Config, dataset: Dataset, device: torch.device) -> Resident:
    """Return the data set on the device, split as the config says."""
    return Resident(
        dataset,
        validation=config.data.validation,
        seed=config.seed,
        replicates=config.replicates,
        device=device,
        augment=config.data.augment,
    )


def _load(data: Data, download_anywhere: bool) -> Dataset:
    """Return the data set, downloaded first where it is missing."""
    try:
        return _named(data)
    except Missing as missing:
        missing.download(download_anywhere)
        return _named(data)


def _named(data: Data) -> Dataset:
    """Return the data set that a config names, of which something can be learnt; a user's function may return anything.

    Raises:
        Missing: published files are missing.
        LotteryError: it is none, or its images are all alike.
    """
    with brought.told("data"):
        found: object = data.entry(**data.options)
    if not isinstance(found, Dataset):
        raise LotteryError(
            f"data: {data.name} returns a {type(found).__name__}; return lottery.Dataset.from_tensors(...)"
        )
    if not data.entry.own:
        return own_data.checked(found)
    refuse_alike(found.train_images)
    return found


def _sketch(data: Data, download_anywhere: bool, of: Reader | None) -> Dataset:
    """Return the data set, and write nothing; where it is missing, and no run's own is wanted, one of its size."""
    with cache.sealed():
        try:
            return _named(data)
        except Missing as missing:
            missing.check(download_anywhere)
            if of is not None:
                raise LotteryError(
                    f"{missing}; name its folder by --set data.root=FOLDER, or have it downloaded without --dry-run"
                ) from None
            message(f"{missing}: it would be downloaded")
            return missing.sketch()


def _network(
    config: Config, dataset: Dataset, device: torch.device, given: Given | None
) -> tuple[Callable[[], nn.Module], nn.Module, Behaviour]:
    """Return what makes the network, one that it made, and how that behaves, if it fits the images and the memory."""
    with architecture.fitting(dataset.shape):
        build = architecture.builder(config.model, dataset.shape, dataset.classes, given)
        architecture.check_memory(build, device)
        template = architecture.template(build, config)
        return build, template, behaviour(template, dataset.shape, dataset.classes)
