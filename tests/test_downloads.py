import gzip
import hashlib
import io
import shutil
import struct
import urllib.error
import urllib.request
from pathlib import Path

import pytest
import torchvision
from conftest import tiny

from lottery import registry, train
from lottery.data._download import Missing
from lottery.errors import LotteryError
from lottery.store.run import Run
from lottery.studies.prepare import prepare

NAMES = ("train-images-idx3-ubyte", "train-labels-idx1-ubyte", "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte")


@pytest.fixture
def network(monkeypatch):
    """A network of the files that it is given by name, and what was asked of it; a broken file is not sent whole."""
    sent, asked = {}, []

    class Answer(io.BytesIO):
        def __init__(self, address, content):
            super().__init__(content)
            self.url, self.length = address, len(content)

    def urlopen(request, *arguments, **options):
        asked.append(request.full_url)
        base, _, name = request.full_url.rpartition("/")
        if base.endswith("broken") or name not in sent:
            raise urllib.error.URLError("no network here")
        return Answer(request.full_url, sent[name])

    monkeypatch.setattr(urllib.request, "urlopen", urlopen)
    return sent, asked


@pytest.fixture
def mnist(network, monkeypatch):
    """The network has a small MNIST; gives what was asked of it."""
    sent, asked = network
    for name in NAMES:
        shape = (3, 28, 28) if "images" in name else (3,)
        content = bytes(2 * 784) + bytes([9]) * 784 if "images" in name else bytes([0, 1, 2])
        sent[f"{name}.gz"] = gzip.compress(struct.pack(f">HBB{len(shape)}I", 0, 8, len(shape), *shape) + content)
    resources = [(name, hashlib.md5(content).hexdigest()) for name, content in sent.items()]
    monkeypatch.setattr(torchvision.datasets.MNIST, "resources", resources)
    monkeypatch.setattr(torchvision.datasets.MNIST, "mirrors", ["https://broken/", "https://whole/"])
    return asked


def missing(name, root):
    with pytest.raises(Missing) as caught:
        registry.find("data", name)(root=str(root))
    return caught.value


@pytest.mark.parametrize(
    ("name", "looked_for"),
    [
        ("mnist", r"MNIST is not in .*MNIST/raw \(looked for train-images-idx3-ubyte"),
        ("fashion_mnist", "FashionMNIST is not in"),
        ("cifar10", "CIFAR10 is not in .*cifar-10-batches-bin or cifar-10-binary.tar.gz"),
        ("cifar100", "CIFAR100 is not in"),
    ],
)
def test_neither_there_nor_to_be_had(name, looked_for, network, tmp_path):
    what = missing(name, tmp_path / "data")
    assert not (tmp_path / "data").exists()  # who reads makes no folders
    with pytest.raises(
        LotteryError, match=f"(?s){looked_for}.*could not be downloaded .*set data.root=FOLDER"
    ) as caught:
        what.download(anywhere=True)
    assert len(str(caught.value).splitlines()) == 2
    assert not (tmp_path / "data").exists()  # nor does who could not fetch anything leave any


def test_downloaded_once_from_whoever_has_it(mnist, tmp_path, capfd):
    what = missing("mnist", tmp_path)
    (tmp_path / "MNIST" / "raw").mkdir(parents=True)
    (tmp_path / "MNIST" / "raw" / f"{NAMES[0]}.gz").symlink_to(tmp_path / "elsewhere")
    what.download(anywhere=True)
    assert registry.find("data", "mnist")(root=str(tmp_path)).test_labels.tolist() == [0, 1, 2]
    assert {address.split("/")[2] for address in mnist} == {"broken", "whole"}
    expected = sorted([*NAMES, *(f"{name}.gz" for name in NAMES)])
    assert sorted(path.name for path in (tmp_path / "MNIST" / "raw").iterdir()) == expected
    assert not (tmp_path / "elsewhere").exists()  # a link is replaced, and not written through
    out, err = capfd.readouterr()
    assert out == ""
    assert "MNIST is not in" in err


def test_what_is_there_is_kept(mnist, network, tmp_path):
    raw = tmp_path / "MNIST" / "raw"
    raw.mkdir(parents=True)
    own = struct.pack(">HBBI", 0, 8, 1, 3) + bytes([5, 5, 5])
    (raw / NAMES[1]).write_bytes(own)
    missing("mnist", tmp_path).download(anywhere=True)
    assert (raw / NAMES[1]).read_bytes() == own
    assert not [address for address in mnist if NAMES[1] in address]


def test_what_arrives_damaged_is_not_kept(mnist, network, tmp_path):
    sent, _ = network
    sent[f"{NAMES[2]}.gz"] = sent[f"{NAMES[2]}.gz"][:-1]
    with pytest.raises(LotteryError, match="could not be downloaded"):
        missing("mnist", tmp_path).download(anywhere=True)
    assert not [path for path in (tmp_path / "MNIST" / "raw").iterdir() if NAMES[2] in path.name or path.is_dir()]


def test_the_binary_version_is_asked_for(network, tmp_path):
    _, asked = network
    for name in ("cifar10", "cifar100"):
        with pytest.raises(LotteryError):
            missing(name, tmp_path).download(anywhere=True)
    assert {address.rpartition("/")[2] for address in asked} == {"cifar-10-binary.tar.gz", "cifar-100-binary.tar.gz"}
    assert {address.rpartition("/")[0].partition("://")[2] for address in asked} == {
        torchvision.datasets.CIFAR10.url.rpartition("/")[0].partition("://")[2]
    }


def write(path: Path, root: Path | str) -> Path:
    path.write_text(tiny().model_copy(update={"data": tiny(data={"name": "mnist", "root": str(root)}).data}).to_yaml())
    return path


def refused(result, outside, network) -> None:
    assert result.code == 2
    assert "outside the working directory, where nothing is downloaded to unasked" in result.err
    assert f"--set data.root={outside}" in result.err
    assert len([line for line in result.err.splitlines() if not line.startswith("loading ")]) == 2
    assert not outside.exists()
    assert network[1] == []


@pytest.mark.parametrize("command", ["train", "prune"])
def test_a_config_downloads_to_the_working_directory_alone(command, lottery, network, tmp_path, tmp_path_factory):
    outside = tmp_path_factory.mktemp("outside") / "new"
    config = write(tmp_path / "a.yaml", outside)
    refused(lottery(command, config), outside, network)
    (tmp_path / "link").symlink_to(outside.parent)
    result = lottery(command, write(tmp_path / "b.yaml", "link/new"))
    assert "outside the working directory" in result.err
    assert "outside the working directory" in lottery(command, write(tmp_path / "c.yaml", "../new")).err
    assert list(outside.parent.iterdir()) == []
    assert list(tmp_path.parent.glob("new")) == []
    assert "is not in data/MNIST/raw (" in lottery(command, write(tmp_path / "d.yaml", "data")).err
    assert network[1] != []
    for override in (f"data.root={outside}", f"data={{name: mnist, root: {outside}}}"):
        network[1].clear()
        assert "could not be downloaded" in lottery(command, config, "--set", override).err
        assert network[1] != []


@pytest.mark.parametrize(("key", "value"), [
    ("data.root", "{outside}"), ("data", {"name": "mnist", "root": "{outside}"}), ("data", {"root": "{outside}"}),
])  # fmt: skip
def test_from_python_it_is_the_caller_who_says_where_to(key, value, network, tmp_path, tmp_path_factory):
    outside = tmp_path_factory.mktemp("outside") / "new"
    config = write(tmp_path / "a.yaml", outside)
    said = {name: part.format(outside=outside) for name, part in value.items()} if isinstance(value, dict) else outside
    with pytest.raises(LotteryError, match="outside the working directory"):
        train(config, runs_dir=tmp_path / "runs", settings={"seed": 3}, progress=False)
    assert network[1] == []
    with pytest.raises(LotteryError, match="could not be downloaded"):
        train(config, runs_dir=tmp_path / "runs", settings={key: said}, progress=False)
    assert network[1] != []


@pytest.mark.parametrize("command", [["resume"], ["prune", "--iterations", "1"], ["rewind", "--level", "1"]])
def test_a_strangers_run_downloads_to_the_working_directory_alone(
    command, lottery, network, finished, tmp_path, tmp_path_factory
):
    outside = tmp_path_factory.mktemp("outside") / "new"
    run = Run(Path(shutil.copytree(finished.path, tmp_path / "run")))
    run.write_config(run.config.model_copy(update={"data": tiny(data={"name": "mnist", "root": str(outside)}).data}))
    if command == ["resume"]:
        run.update(status="interrupted")
    refused(lottery(*command, run.path), outside, network)
    assert "could not be downloaded" in lottery(*command, run.path, "--set", f"data.root={outside}").err
    assert network[1] != []  # asked for by whom it belongs to


def test_data_that_are_there_are_read_from_anywhere(lottery, mnist, tmp_path, tmp_path_factory):
    outside = tmp_path_factory.mktemp("outside")
    missing("mnist", outside).download(anywhere=True)
    config = write(tmp_path / "a.yaml", outside)
    asked = len(mnist)
    overrides = ["--set", "data.validation=1", "--set", "train.batch_size=2"]
    assert lottery("train", config, "--dry-run", *overrides).code == 0
    assert len(mnist) == asked


def test_nothing_is_downloaded_outside_unless_it_is_said(mnist, tmp_path, tmp_path_factory, monkeypatch):
    outside = tmp_path_factory.mktemp("outside")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(LotteryError, match="outside the working directory"):
        prepare(tiny(data={"name": "mnist", "root": str(outside)}))
    assert not mnist
    assert not list(outside.iterdir())


@pytest.mark.parametrize("change", [[], ["--set", "data.validation=60000"]], ids=["planned", "failed"])
def test_a_dry_run_downloads_and_writes_nothing(change, mnist, lottery, tmp_path):
    """Of data that are missing it knows how many and how large they are."""
    config = write(tmp_path / "a.yaml", "data")
    before = sorted(tmp_path.rglob("*"))
    result = lottery("prune", config, "--dry-run", *change)
    assert result.code == (2 if change else 0)
    assert "MNIST is not in data/MNIST/raw" in result.err
    assert "it would be downloaded" in result.err
    assert mnist == []
    assert sorted(tmp_path.rglob("*")) == before


def test_a_dry_run_says_what_would_not_be_downloaded(network, lottery, tmp_path, tmp_path_factory):
    outside = tmp_path_factory.mktemp("outside") / "new"
    refused(lottery("prune", write(tmp_path / "a.yaml", outside), "--dry-run"), outside, network)


def test_a_dry_run_of_a_run_wants_its_data(mnist, lottery, finished, tmp_path):
    run = Run(Path(shutil.copytree(finished.path, tmp_path / "run")))
    run.write_config(run.config.model_copy(update={"data": tiny(data={"name": "mnist", "root": "data"}).data}))
    before = sorted(tmp_path.rglob("*"))
    for command in (["prune", "run", "--iterations", "1"], ["rewind", "run", "--level", "1"]):
        result = lottery(*command, "--dry-run")
        assert result.code == 2
        assert "name its folder by --set data.root=FOLDER, or have it downloaded without --dry-run" in result.err
    assert (mnist, sorted(tmp_path.rglob("*"))) == ([], before)


@pytest.mark.parametrize("name", ["mnist", "fashion_mnist", "cifar10", "cifar100"])
def test_what_stands_for_missing_data_has_their_size(name, tmp_path):
    sketch = missing(name, tmp_path).sketch()
    images = {"mnist": 60_000, "fashion_mnist": 60_000}.get(name, 50_000)
    assert (len(sketch.train_images), len(sketch.test_labels)) == (images, 10_000)
    assert sketch.shape == ((1, 28, 28) if "mnist" in name else (3, 32, 32))
    assert sketch.classes == (100 if name == "cifar100" else 10)
    assert len(sketch.mean) == len(sketch.std) == sketch.shape[0]
