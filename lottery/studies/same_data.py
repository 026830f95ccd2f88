"""Which data a run was made of is kept in it, and compared whenever somebody goes on with it."""

import hashlib
import math
from collections.abc import Callable

from lottery.config.data_and_model import Data
from lottery.data import Dataset
from lottery.errors import LotteryError
from lottery.store import places
from lottery.store.parts import DataRecord
from lottery.store.reader import Reader
from lottery.store.run import Run

_SAME = 1e-6
"""Relative: sums over images are rounded in another way on another CPU."""


def about(dataset: Dataset) -> DataRecord:
    """Return what a run keeps of its data: what they are, not where they are.

    The digest goes over the bytes of the four tensors, each behind its name, type and shape: 0.1 s for CIFAR-10.
    """
    digest = hashlib.sha256()
    for name in ("train_images", "train_labels", "test_images", "test_labels"):
        tensor = getattr(dataset, name).cpu().contiguous()
        digest.update(f"{name} {tensor.dtype} {list(tensor.shape)}\n".encode())
        digest.update(tensor.numpy())
    return {
        "shape": list(dataset.shape),
        "images": [len(dataset.train_images), len(dataset.test_images)],
        "classes": dataset.classes,
        "mean": [float(value) for value in dataset.mean],
        "std": [float(value) for value in dataset.std],
        "sha256": digest.hexdigest(),
    }


def refuse_other_data(run: Reader, data: Data, found: DataRecord) -> None:
    """Raise LotteryError where `found` are other data than a run was made of.

    Args:
        run: one that is gone on with, or retrained; an older one, which doesn't know its data, takes any.
        data: the config's section, which says where they were found.
        found: what they are.
    """
    kept = run.record.get("data")
    if kept is None or (difference := _difference(kept, found)) is None:
        return
    root = data.options.get("root")
    where, remedy = f"data: {data.name}", ""
    if root is not None:
        where, remedy = f"data.root: {root}", "name the folder of its own by --set data.root=FOLDER, or "
    raise LotteryError(
        f"{where} holds other data than {run.path} was made of: {difference}; {remedy}start another run for these"
    )


def refuse_no_place(data: Data) -> None:
    """Raise LotteryError where data that somebody says have moved lie in no folder."""
    if "root" not in data.options:
        raise LotteryError(f"data.root: {data.name} has none: these data are read from no folder; leave it out")


def keep_place(run: Run, data: Data, tell: Callable[[str], None]) -> None:
    """Have a run's config say where its data were found, if they have moved since; whoever looks on is told."""
    config, root = run.config, data.options.get("root")
    if root != config.data.options.get("root"):
        run.write_config(config.model_copy(update={"data": data}))
        tell(f"{run.path / places.CONFIG}: data.root is {root} from now on")


def _difference(kept: DataRecord, found: DataRecord) -> str | None:
    """Return what tells data from those that a run was made of, in words; None where they are the same."""
    if found["shape"] != kept["shape"]:
        ours, theirs = ("x".join(map(str, one["shape"])) for one in (found, kept))
        return f"images of {ours}, not {theirs}"
    if found["classes"] != kept["classes"]:
        return f"{found['classes']} classes, not {kept['classes']}"
    if found["images"] != kept["images"]:
        ours, theirs = ("{:,} + {:,}".format(*one["images"]) for one in (found, kept))
        return f"{ours} images, not {theirs}"
    if found["sha256"] != kept["sha256"]:
        return "as many images, of other contents"
    pairs = [(*found["mean"], *found["std"]), (*kept["mean"], *kept["std"])]
    if not all(math.isclose(ours, theirs, rel_tol=_SAME, abs_tol=_SAME) for ours, theirs in zip(*pairs, strict=True)):
        return "the same images, normalised by another mean or standard deviation"
    return None
