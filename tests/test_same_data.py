import dataclasses
import shutil

import pytest
from conftest import carry_on, carry_out, networks, recorded, same, tiny, write_idx

from lottery import rewind
from lottery.config.schema import Config
from lottery.data import Dataset
from lottery.data.digits import digits
from lottery.data.mnist import mnist
from lottery.errors import Interrupted, LotteryError
from lottery.store import files
from lottery.store.run import Run
from lottery.studies.prepare import prepare
from lottery.studies.same_data import about


def small(root, **changes) -> Config:
    """A study of a few images in MNIST's format."""
    small = {
        "data": {"name": "mnist", "root": str(root), "validation": 10}, "model__widths": [4], "train__length": "4it",
        "train__evaluate_every": "2it", "pruning__iterations": 1, "pruning__arms": [], "replicates": 1,
    }  # fmt: skip
    return tiny(**small | changes)


@pytest.fixture
def root(tmp_path_factory):
    """A folder of data, outside the working directory: nothing is downloaded to it."""
    folder = tmp_path_factory.mktemp("outside") / "data"
    write_idx(folder / "MNIST" / "raw", count=50)
    return folder


def replaced(root, count=50, seed=1):
    """The same folder with other data in it."""
    shutil.rmtree(root)
    write_idx(root / "MNIST" / "raw", count=count, seed=seed)


@pytest.mark.parametrize("study", ["train", "prune"])
def test_a_run_says_which_data_it_was_made_of(study, tmp_path):
    data = digits()
    kept = carry_out(tiny(train__length="2it", pruning__iterations=1), tmp_path, study).record["data"]
    assert kept == about(data)
    assert (kept["shape"], kept["images"], kept["classes"]) == ([1, 8, 8], [1437, 360], 10)
    assert (tuple(kept["mean"]), tuple(kept["std"])) == (data.mean, data.std)


def test_the_digest_is_of_every_image_and_label_in_its_place():
    data = digits()
    digests = {about(data)["sha256"]}
    for part in ("train_images", "train_labels", "test_images", "test_labels"):
        changed = getattr(data, part).clone()
        changed.view(-1)[5] ^= 1
        digests.add(about(dataclasses.replace(data, **{part: changed}))["sha256"])
    digests.add(about(dataclasses.replace(data, train_images=data.train_images.flip(0)))["sha256"])
    digests.add(about(dataclasses.replace(data, train_images=data.train_images.view(-1, 1, 4, 16)))["sha256"])
    assert len(digests) == 7
    strided = data.train_images.transpose(2, 3).contiguous().transpose(2, 3)
    assert about(dataclasses.replace(data, train_images=strided)) == about(data)


def other_shape(data: Dataset) -> Dataset:
    train, test = data.train_images, data.test_images
    return dataclasses.replace(data, train_images=train.view(-1, 1, 4, 16), test_images=test.view(-1, 1, 4, 16))


def fewer(data: Dataset, split: str) -> Dataset:
    names = (f"{split}_images", f"{split}_labels")
    return dataclasses.replace(data, **{name: getattr(data, name)[1:] for name in names})


@pytest.mark.parametrize(("other", "what"), [
    (other_shape, "images of 1x4x16, not 1x8x8"),
    (lambda data: dataclasses.replace(data, classes=11), "11 classes, not 10"),
    (lambda data: fewer(data, "train"), "1,436 + 360 images, not 1,437 + 360"),
    (lambda data: fewer(data, "test"), "1,437 + 359 images, not 1,437 + 360"),
    (lambda data: dataclasses.replace(data, train_labels=data.train_labels.roll(1)),
     "as many images, of other contents"),
    (lambda data: dataclasses.replace(data, mean=(data.mean[0] + 0.01,)),
     "the same images, normalised by another mean or standard deviation"),
    (lambda data: dataclasses.replace(data, std=(data.std[0] + 0.01,)),
     "the same images, normalised by another mean or standard deviation"),
])  # fmt: skip
def test_data_of_your_own_are_compared_too(other, what, tmp_path):
    run = Run.create(tmp_path, tiny(train__length="2it"), {"study": "train"})
    carry_on(run, prepare(run.config, digits()))
    before = run.record
    with pytest.raises(LotteryError) as caught:
        carry_on(run, prepare(run.config, other(digits())))
    assert str(caught.value) == (
        f"data: digits holds other data than {run.path} was made of: {what}; start another run for these"
    )
    assert run.record == before
    nearly = dataclasses.replace(digits(), mean=(digits().mean[0] * (1 + 1e-12),))
    carry_on(run, prepare(run.config, nearly))  # as another CPU may round it


def test_a_run_is_not_gone_on_with_by_other_data(root, lottery, tmp_path):
    with pytest.raises(Interrupted):
        carry_out(small(root), tmp_path / "runs", "prune", lambda: True)
    (path,) = (tmp_path / "runs").iterdir()
    replaced(root)
    before = {file: file.read_bytes() for file in path.rglob("*") if file.is_file()}
    result = lottery("resume", path)
    assert (result.code, result.out) == (2, "")
    assert result.err.endswith(
        f"\nerror: data.root: {root} holds other data than {path} was made of: as many images, of other contents; name "
        "the folder of its own by --set data.root=FOLDER, or start another run for these\n"
    )
    assert {file: file.read_bytes() for file in path.rglob("*") if file.is_file()} == before


def test_that_the_data_are_others_is_said_before_what_else_is_wrong_with_them(root, lottery, tmp_path):
    """Fewer images than are set aside for validation: nobody should change that."""
    run = carry_out(small(root), tmp_path / "runs")
    replaced(root, count=5)
    for command in (["prune", run.path, "--iterations", "1"], ["rewind", run.path, "--level", "1"]):
        result = lottery(*command)
        assert result.code == 2
        assert "5 + 5 images, not 50 + 50" in result.err
    assert len(list((tmp_path / "runs").iterdir())) == 1
    assert run.config.pruning.iterations == 1


def test_a_retrained_run_has_its_parents_data(root, lottery, tmp_path):
    parent = carry_out(small(root), tmp_path / "runs")
    assert lottery("rewind", parent.path, "--level", "1").code == 0
    (child,) = (Run(path) for path in (tmp_path / "runs").iterdir() if path != parent.path)
    assert child.record["data"] == parent.record["data"]
    replaced(root)
    with pytest.raises(LotteryError, match="of other contents"):
        carry_on(child, prepare(child.config))


def test_a_retraining_that_has_yet_to_begin_has_its_parents_data(root, tmp_path):
    parent = carry_out(small(root), tmp_path / "runs")
    asked = {"level": 1, "to": 0, "weights": "rewind", "mask": "keep"}
    record = {"study": "rewind", "parent": str(parent.path), "parent_id": parent.record["id"], "rewind": asked}
    child = Run.create(tmp_path / "runs", parent.config, record)
    replaced(root)
    with pytest.raises(LotteryError, match=f"holds other data than {parent.path} was made of"):
        carry_on(child, prepare(child.config))


def test_a_run_that_does_not_know_its_data_takes_any_and_keeps_them(root, tmp_path):
    run = carry_out(small(root), tmp_path / "runs")
    first = run.record["data"]
    files.write_json(run.path / "run.json", {key: part for key, part in run.record.items() if key != "data"})
    replaced(root)
    carry_on(run, prepare(run.config, of=run))
    assert run.record["data"] == about(mnist(root=str(root))) != first


def interrupted(config, folder) -> Run:
    """A run that was stopped on its way."""
    asked = iter([False, False, True])
    with pytest.raises(Interrupted):
        carry_out(config, folder, "prune", lambda: next(asked, True))
    (path,) = folder.iterdir()
    return Run(path)


def test_data_that_moved_are_found_where_they_are_now(root, lottery, tmp_path):
    straight = carry_out(small(root), tmp_path / "straight")
    run = interrupted(small(root), tmp_path / "runs")
    moved = root.rename(tmp_path / "moved") / "MNIST"
    gone = lottery("resume", run.path)
    assert gone.code == 2
    assert "Name the folder that has it by --set data.root=FOLDER" in gone.err
    found = lottery("resume", run.path, "--set", f"data.root={moved}")
    assert (found.code, run.record["status"]) == (0, "finished")
    assert f"data.root is {moved} from now on" in found.err
    assert run.config == small(moved)
    assert same(run, straight)
    assert lottery("prune", run.path, "--iterations", "1").code == 0  # from now on it needs not be said
    assert run.config == small(moved, pruning__iterations=2)


def test_the_place_of_data_that_moved_is_that_of_a_further_round_or_a_retraining(root, lottery, tmp_path):
    run = carry_out(small(root), tmp_path / "runs")
    moved = root.rename(tmp_path / "moved")
    before = {file: file.read_bytes() for file in run.path.rglob("*") if file.is_file()}
    assert lottery("rewind", run.path, "--level", "1", "--set", f"data.root={moved}", "--dry-run").code == 0
    assert lottery("rewind", run.path, "--level", "1", "--set", f"data.root={moved}").code == 0
    assert {file: file.read_bytes() for file in run.path.rglob("*") if file.is_file()} == before  # a parent is read
    (child,) = (Run(path) for path in (tmp_path / "runs").iterdir() if path != run.path)
    assert (child.config, child.record["data"]) == (small(moved), run.record["data"])
    assert lottery("prune", run.path, "--iterations", "1", "--set", f"data.root={moved}").code == 0
    assert run.config == small(moved, pruning__iterations=2)


def test_other_data_at_the_new_place_are_refused_and_it_is_not_kept(root, lottery, tmp_path):
    run = interrupted(small(root), tmp_path / "runs")
    write_idx(tmp_path / "other", count=50, seed=1)
    result = lottery("resume", run.path, "--set", f"data.root={tmp_path / 'other'}")
    assert result.code == 2
    assert f"data.root: {tmp_path / 'other'} holds other data than {run.path} was made of" in result.err
    assert run.config == small(root)
    assert lottery("resume", run.path).code == 0


def test_data_of_no_folder_have_no_new_place(lottery, tmp_path):
    lines = networks([0.9], 0) + networks([0.9], 1)
    run = recorded(tmp_path / "runs", tiny(pruning__iterations=1, replicates=1), lines)
    said = "data.root: digits has none: these data are read from no folder; leave it out"
    for command in (("rewind", run.path, "--level", "1"), ("prune", run.path, "--iterations", "1")):
        result = lottery(*command, "--set", f"data.root={tmp_path}")
        assert (result.code, result.err.splitlines()[-1]) == (2, f"error: {said}")
    with pytest.raises(LotteryError, match=said):
        rewind(run.path, level=1, settings={"data.root": tmp_path}, progress=False)
