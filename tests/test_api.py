"""Studies from Python: the same as from a shell, with networks and data of one's own, in any thread."""

import threading
from dataclasses import replace
from itertools import chain, repeat
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml
from conftest import same, tensor_files, tiny
from PIL import Image
from sklearn.datasets import load_digits
from torch import nn
from torch.utils.data import TensorDataset

import lottery
from lottery import open_run, prune, registry, report, resume, rewind, train
from lottery.data import moments
from lottery.errors import Interrupted, LotteryError
from lottery.models import _own
from lottery.store.run import Run

DIGITS = load_digits()
IMAGES, LABELS = torch.from_numpy(DIGITS.images * 15).to(torch.uint8).unsqueeze(1), torch.from_numpy(DIGITS.target)
OWN = {
    "name": "own",
    "data": {"validation": 100},
    "train": {"length": "40it", "batch_size": 32, "optimizer": {"name": "adam", "lr": 0.01}, "evaluate_every": "20it"},
    "pruning": {"iterations": 2, "fraction": 0.5, "arms": ["reinit"]},
    "replicates": 2,
    "device": "cpu",
    "workers": 1,
}


class Net(nn.Module):
    """Of no arguments that have to be given, with dropout, a buffer, and a layer that no initializer draws."""

    def __init__(self, width: int = 16) -> None:
        super().__init__()
        self.hidden = nn.Linear(64, width)
        self.norm = nn.BatchNorm1d(width)
        self.gate = nn.Parameter(torch.randn(width))
        self.output = nn.Linear(width, 10)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        hidden = torch.relu(self.norm(self.hidden(x.flatten(1))))
        return self.output(nn.functional.dropout(hidden, 0.1, self.training) * self.gate)


class Loose(nn.Linear):
    """Of arguments that nobody can know."""

    def __init__(self, *arguments: int) -> None:
        super().__init__(*arguments)


def linear(shape: tuple[int, int, int], classes: int) -> nn.Module:
    return nn.Sequential(nn.Flatten(), nn.Linear(int(np.prod(shape)), classes))


@pytest.fixture(scope="module")
def data() -> lottery.Dataset:
    return lottery.Dataset.from_tensors(IMAGES[:1400], LABELS[:1400], IMAGES[1400:], LABELS[1400:])


@pytest.fixture(scope="module")
def own(data, tmp_path_factory) -> lottery.Results:
    """A finished run of a network and data of one's own. Not to be changed."""
    return lottery.prune(OWN, model=Net, data=data, runs_dir=tmp_path_factory.mktemp("own"), progress=False)


def refusal(function, *arguments, **options) -> str:
    """The one line that is said where something can't be done."""
    with pytest.raises(LotteryError) as caught:
        function(*arguments, **options)
    assert len(str(caught.value).splitlines()) == 1
    return str(caught.value)


class TestLikeTheShell:
    @pytest.fixture
    def shell(self, lottery, config_file) -> Run:
        assert lottery("prune", config_file, "--iterations", 1).code == 0
        return Run(*[path.parent for path in Path("runs").glob("*/run.json")])

    def test_same_bytes_of_a_file_of_a_dict_and_in_a_thread(self, shell, config_file):
        settings, found = {"pruning.iterations": 1}, []
        values = yaml.safe_load(config_file.read_text())
        thread = threading.Thread(
            target=lambda: found.append(lottery.prune(values, settings=settings, runs_dir="c", progress=False))
        )
        thread.start()
        of_file = lottery.prune(config_file, iterations=1, runs_dir="b", progress=False)
        thread.join()
        assert [one.about["status"] for one in (of_file, *found)] == ["finished"] * 2
        assert same(Run(of_file.path), shell)
        assert same(Run(found[0].path), shell)
        assert (found[0].path / "config.yaml").read_bytes() == (shell.path / "config.yaml").read_bytes()

    def test_extended_and_rewound(self, shell, lottery):
        extended = prune(shell.path.name, iterations=1, progress=False)
        assert {line["level"] for line in extended.levels} == {0, 1, 2}
        assert (
            lottery("rewind", shell.path, "--level", 1, "--to", "20it", "--weights", "reinit", "--runs-dir", "x").code
            == 0
        )
        (path,) = Path("x").iterdir()
        rewound = rewind(extended, level=1, to="20it", weights="reinit", runs_dir="y", progress=False)
        assert same(Run(rewound.path), Run(path))
        assert resume(rewound).path == rewound.path

    def test_report_prints_and_draws(self, finished, capsys):
        paths = lottery.report(finished.path, html=True)
        assert "verdicts" in capsys.readouterr().out
        assert {path.suffix for path in paths} == {".png", ".svg", ".html"}
        assert all(path.is_file() for path in paths)

    @pytest.mark.parametrize("files", ["absent.py", Path("absent.py"), ["absent.py"]])
    def test_plugins_are_one_file_or_several(self, files):
        assert refusal(lottery.train, OWN, plugins=files).startswith("plugin absent.py: can't be read")

    def test_an_argument_wins_over_settings(self, config_file, tmp_path):
        values = {"seed": 5, "train.length": "1it", "replicates": 1}
        found = lottery.train(config_file, seed=3, settings=values, runs_dir=tmp_path / "runs", progress=False)
        assert found.config["seed"] == 3

    def test_a_run_is_gone_on_with_on_the_device_that_is_asked_for(self, finished):
        assert refusal(rewind, finished.path, level=1, device="abacus").startswith("device 'abacus' is not on this")

    def test_plugins_are_named_where_a_run_is_gone_on_with(self, config_file, tmp_path, nothing_brought):
        file = tmp_path / "mine.py"
        file.write_text("import lottery\n@lottery.register('scores')\ndef mine(subject, generator):\n    'Mine.'\n")
        with pytest.raises(Interrupted) as caught:
            lottery.train(config_file, plugins=[file], runs_dir=tmp_path / "runs", progress=False, stop=lambda: True)
        assert f", plugins=[{str(file)!r}])" in str(caught.value)

    def test_progress_is_on_standard_error_or_nowhere(self, tmp_path, capsys):
        values = tiny(replicates=1, train__length="10it").model_dump(mode="json")
        lottery.train(values, runs_dir=tmp_path)
        out, err = capsys.readouterr()
        assert not out
        assert "run: " in err
        assert "level 0" in err
        lottery.train(values, runs_dir=tmp_path, progress=False)
        assert capsys.readouterr() == ("", "")


class TestOwnModelAndData:
    def test_the_run_says_what_it_was_made_of(self, own):
        assert own.config["model"]["name"] == own.config["data"]["name"] == "given"
        assert own.config["model"]["of"] == "test_api.Net"
        assert own.config["data"]["validation"] == 100
        assert {line["total"] for line in own.levels} == {64 * 16 + 16 * 10}

    def test_interrupted_and_resumed_in_the_same_bytes(self, own, data, tmp_path):
        asked = chain(repeat(False, 5), repeat(True))
        with pytest.raises(Interrupted, match=r"lottery\.resume\('.*', model=\.\.\., data=\.\.\.\)"):
            lottery.prune(OWN, model=Net, data=data, runs_dir=tmp_path, progress=False, stop=lambda: next(asked))
        (path,) = tmp_path.iterdir()
        resumed = lottery.resume(path, model=Net, data=data, progress=False)
        assert resumed.about["status"] == "finished"
        assert same(Run(resumed.path), Run(own.path))

    def test_ctrl_c_saves_and_raises(self, data, tmp_path):
        def press() -> bool:
            raise KeyboardInterrupt

        with pytest.raises(Interrupted, match=r"lottery\.resume"):
            lottery.train(OWN, model=Net, data=data, runs_dir=tmp_path, progress=False, stop=press)
        assert lottery.open_run(*tmp_path.iterdir()).about["status"] == "interrupted"

    def test_side_by_side_in_processes(self, own, data, tmp_path):
        """A function that nobody could send to another process: they are forked."""
        width = 16
        found = lottery.prune(
            OWN | {"workers": 2}, model=lambda: Net(width), data=data, runs_dir=tmp_path, progress=False
        )
        # Of as many networks; and of the same numbers but for rounding, as threads share sums out in another way.
        assert tensor_files(Run(found.path)).keys() == tensor_files(Run(own.path)).keys()
        torch.testing.assert_close(
            found.weights(0)["output.weight"], own.weights(0)["output.weight"], rtol=0, atol=0.02
        )

    def test_what_makes_the_network_may_be_told_shape_and_classes(self, data, tmp_path):
        values = OWN | {"model": {"initializer": "glorot_uniform"}, "replicates": 1}
        found = lottery.train(values, model=linear, data=data, runs_dir=tmp_path, progress=False)
        assert found.weights(0)["1.weight"].shape == (10, 64)
        assert found.config["model"]["initializer"]["name"] == "glorot_uniform"

    def test_what_other_processes_can_not_be_told_is_said(self):
        """On several GPUs workers aren't forked."""
        _own.given(Net).refuse_other_processes()
        assert "can't be sent to processes of several GPUs" in refusal(_own.given(lambda: Net()).refuse_other_processes)

    def test_torch_data_sets(self, own, data, tmp_path):
        """Of tensors in 0..1, and of Pillow's images."""
        train = TensorDataset(IMAGES[:1400] / 255, LABELS[:1400])
        test = [
            (Image.fromarray(image.squeeze(0).numpy()), int(label))
            for image, label in zip(IMAGES[1400:], LABELS[1400:], strict=True)
        ]
        found = lottery.train(OWN, model=Net, data=(train, test), runs_dir=tmp_path, progress=False)
        assert found.about["data"] == own.about["data"]

    def test_data_alone_or_a_network_alone(self, data, tmp_path, config_file):
        values = {"train.length": "5it", "replicates": 1}
        of_data = lottery.train(config_file, data=data, settings=values, runs_dir=tmp_path, progress=False)
        assert (of_data.config["data"]["name"], of_data.config["model"]["name"]) == ("given", "fcn")
        of_model = lottery.train(config_file, model=Net, settings=values, runs_dir=tmp_path, progress=False)
        assert (of_model.config["data"]["name"], of_model.config["model"]["name"]) == ("digits", "given")

    def test_mean_and_deviation_are_those_that_were_given(self, data, tmp_path):
        given, values = replace(data, mean=(7.0,), std=(9.0,)), {"train.length": "1it", "replicates": 1}
        found = lottery.train(OWN, model=Net, data=given, settings=values, runs_dir=tmp_path, progress=False)
        assert (found.about["data"]["mean"], found.about["data"]["std"]) == ([7.0], [9.0])

    def test_another_network_or_other_data_are_refused(self, own, data):
        other = lottery.Dataset.from_tensors(IMAGES[:1400], LABELS[:1400].flip(0), IMAGES[1400:], LABELS[1400:])
        again = {"level": 1, "progress": False}
        assert "another network than test_api.Net" in refusal(lottery.rewind, own, model=linear, data=data, **again)
        assert "of other contents" in refusal(lottery.rewind, own, model=Net, data=other, **again)
        assert "lottery.resume(run, data=..., model=...)" in refusal(lottery.rewind, own, model=Net, **again)
        assert "lottery.resume(run, model=..., data=...)" in refusal(lottery.rewind, own, data=data, **again)

    def test_a_network_of_other_code_is_refused(self, own, data, tmp_path):
        class Mirrored(Net):
            def forward(self, x):
                return super().forward(-x)

        class Plain(Net):
            def __init__(self):
                super().__init__()
                self.hidden = nn.Linear(64, 16, bias=False)

        again = {"level": 1, "progress": False, "data": data}
        assert "its code has changed since" in refusal(lottery.rewind, own, model=Mirrored, **again)
        assert "its code has changed since" in refusal(own.model, 1, model=Mirrored)
        lottery.rewind(own, model=Mirrored, accept_changes=True, runs_dir=tmp_path, **again)
        assert "its layers or tensors differ" in refusal(own.model, 1, model=Plain)
        own.model(1, model=lambda: Net(16))  # made in another way, it's the same

    def test_of_a_file_too_it_is_said_that_data_can_be_given(self, tmp_path):
        (tmp_path / "own.yaml").write_text(yaml.safe_dump(OWN))
        assert refusal(lottery.prune, tmp_path / "own.yaml", model=Net).endswith("or give data=...")

    def test_where_to_rewind_to_is_an_argument(self, own, data):
        again = {"level": 1, "model": Net, "data": data}
        assert refusal(rewind, own, to="bogus", **again).startswith("to: 'bogus' is not a duration")
        assert refusal(rewind, own, to="99it", **again).startswith("to: 99it is outside training")

    def test_what_the_run_names_is_not_replaced(self, finished, data):
        assert "leave data= out" in refusal(lottery.rewind, finished.path, level=1, data=data)
        assert "leave model= out" in refusal(lottery.rewind, finished.path, level=1, model=Net)

    def test_the_shell_says_where_to_go_on(self, own, lottery):
        said = lottery("rewind", own.path, "--level", 1)
        assert said.code == 2
        assert "error: data: given from Python" in said.err
        assert lottery("report", own.path).code == 0

    @pytest.mark.parametrize(
        ("wrong", "said"),
        [
            ({"model": Net()}, "which makes it anew for each replicate: model=lambda: Net(...)"),
            ({"model": 3}, "int is no function"),
            ({"model": lambda a, b, c: a}, "takes other arguments"),
            ({"model": lambda: 0}, "has to return a torch.nn.Module"),
            ({"model": lambda: nn.Linear(3, 10)}, "the images are 1x8x8"),
            ({"data": 3}, "lottery.Dataset.from_tensors"),
            ({"data": ([(IMAGES[0], 0)], [])}, "no image"),
            ({"data": ([IMAGES[0]], [])}, "item 0 of the training data is no pair (image, label)"),
            (
                {"data": ((IMAGES, LABELS), (IMAGES, LABELS))},
                "is no pair (image, label); of tensors or arrays make lott",
            ),
            ({"data": (IMAGES, LABELS)}, "these are tensors or arrays; give lottery.Dataset.from_tensors(train_images"),
            ({"data": (IMAGES.numpy(), LABELS.numpy())}, "lottery.Dataset.from_tensors(train_images"),
            (
                {"data": ([{"image": IMAGES[0], "label": 3}], [])},
                "item 0 of the training data is a dict with keys image, label; return (image, label)",
            ),
            ({"data": (TensorDataset(IMAGES, LABELS * 0.9), [])}, "a whole number (the label is tensor(0.9000"),
            ({"data": ([(IMAGES[0], 1), (IMAGES[1], 1.5)], [])}, "item 1 of the training data is no pair of an image"),
            ({"data": ([(IMAGES[0], 0), (IMAGES[0, :, 1:], 0)], [])}, "image 1 of the training data"),
            ({"model": Loose}, "fails when it is given none (Linear.__init__() missing 2 required"),
            ({"model": Loose}, "give a function, or a class, of no arguments or of (shape, classes)"),
            ({"data": None}, "none of the data is named yet; write `name` beside validation; or give data=..."),
            ({"data": None, "config": OWN | {"data": 5}}, "or a mapping with `name`; or give data=..."),
            ({"model": None, "config": OWN | {"model": {"exclude": ["x"]}}}, "beside exclude; or give model=..."),
            ({"settings": {"train": "x"}}, "config: train: write a mapping of length, stretch, batch_size, "),
            ({"settings": {"pruning.fractions": 3}}, "pruning.fractions: input should be a mapping, not 3"),
            ({"settings": {"train.lenght": "3it"}}, "did you mean 'length'?"),
            ({"config": OWN | {"model": {"name": "given", "small_dense": 0.5}}}, "small_dense"),
            ({"config": "nowhere.yaml"}, "nowhere.yaml is not there"),
        ],
    )
    def test_what_can_not_be_used_is_said_in_one_line(self, data, tmp_path, wrong, said):
        assert said in refusal(
            lottery.train, **({"config": OWN, "model": Net, "data": data, "runs_dir": tmp_path} | wrong)
        )
        assert not [*tmp_path.iterdir()]


class TestDataset:
    def test_of_tensors_of_arrays_of_numbers_in_0_to_1(self, data):
        assert (data.shape, data.classes) == ((1, 8, 8), 10)
        assert (data.mean, data.std) == moments(IMAGES[:1400])
        for images in (IMAGES.numpy(), IMAGES.squeeze(1), IMAGES.double() / 255, IMAGES.int()):
            again = lottery.Dataset.from_tensors(
                images[:1400], LABELS[:1400].numpy(), images[1400:], [*map(int, LABELS[1400:])]
            )
            assert torch.equal(again.train_images, data.train_images)
            assert torch.equal(again.test_labels, data.test_labels)

    @pytest.mark.parametrize(
        ("images", "labels", "said"),
        [
            (IMAGES.float(), LABELS, "0 to 240"),
            (IMAGES / 255 - 0.5, LABELS, "-0.5 to 0.4412"),
            (torch.full((9, 8, 8), torch.nan), LABELS[:9], "nan"),
            (IMAGES.int() * 2, LABELS, "0..255"),
            (torch.zeros(9, 32, 32, 3), LABELS[:9], "images.permute(0, 3, 1, 2)"),
            (torch.zeros(9, 64), LABELS[:9], "[N, C, H, W]"),
            ("images", LABELS, "of type str"),
            (IMAGES, LABELS[:5], "give each image its label"),
            (IMAGES, LABELS.float(), "a whole number for each image"),
            (IMAGES, nn.functional.one_hot(LABELS), "a whole number for each image"),
            (IMAGES, LABELS - 1, "go down to -1"),
            (IMAGES / 255**2, LABELS, "floating-point ones are taken to be in 0..1: scale them"),
            (IMAGES / 255e3, LABELS, "from 0 to 0.0009412, and as whole ones in 0..255 next to nothing is left"),
            (IMAGES * 0, LABELS, "the training images are 0 in every pixel: there is nothing to learn"),
            (IMAGES[:1].expand(1797, -1, -1, -1), LABELS, "the training images are all the same"),
            (IMAGES, LABELS % 3 + 1, "number classes from 0 on, or give lottery.Dataset.from_tensors(..., classes=4)"),
            (IMAGES, LABELS * 10**12, "no training image is of class 1"),
            (IMAGES, LABELS * 0, "two at least"),
            (IMAGES.to("meta"), LABELS, "(Cannot copy out of meta tensor; no data!); give a tensor or an array"),
            (IMAGES.to(torch.complex64), LABELS, "images are of complex numbers"),
            (torch.zeros(1, 1, 1, (1 << 20) + 1), LABELS[:1], "1,048,576 channels and pixels a side"),
        ],
    )
    def test_what_is_no_data_set_is_said_in_one_line(self, images, labels, said):
        assert said in refusal(lottery.Dataset.from_tensors, images, labels, IMAGES, LABELS)

    @pytest.mark.parametrize(
        "given",
        [
            IMAGES.to_sparse(), IMAGES.numpy().astype(np.uint16), IMAGES.numpy().astype(">i4"), IMAGES.to(torch.int16),
        ],
    )  # fmt: skip
    def test_numbers_of_any_type_are_taken(self, given):
        labels = given[:, 0, 0, 0] * 0 if isinstance(given, np.ndarray) else LABELS * 0
        found = lottery.Dataset.from_tensors(given, labels, given, labels, classes=2)
        assert torch.equal(found.train_images, IMAGES)

    @pytest.mark.parametrize("units", [(0.3, 0.3), (np.float32(0.3), torch.tensor(0.4)), (0, 0.5)])
    def test_mean_and_deviation_in_other_units_are_refused(self, units):
        mean, std = units
        said = refusal(lottery.Dataset, IMAGES, LABELS, IMAGES, LABELS, 10, (mean,), (std,))
        assert "are of images in 0..1, and these are in 0..255; give them in units of 0..255, or leave them" in said

    @pytest.mark.parametrize("given", [3.0, "ab", None])
    def test_mean_and_deviation_are_numbers(self, given):
        said = refusal(lottery.Dataset, IMAGES, LABELS, IMAGES, LABELS, 10, given, given)
        assert "mean and std are one number for each channel" in said

    def test_true_is_white(self):
        bright = IMAGES > 99
        found = lottery.Dataset.from_tensors(bright, LABELS, bright, LABELS)
        assert torch.equal(found.train_images, torch.where(bright, 255, 0).to(torch.uint8))

    @pytest.mark.parametrize("change", [torch.Tensor.zero_, lambda tensor: tensor.numpy().fill(0)])
    def test_what_becomes_of_the_callers_tensors_is_no_matter(self, change):
        given = [IMAGES.clone(), LABELS.clone(), IMAGES.clone(), LABELS.clone()]
        found = lottery.Dataset.from_tensors(*given)
        for tensor in given:
            change(tensor)
        for images, labels in ((found.train_images, found.train_labels), (found.test_images, found.test_labels)):
            assert torch.equal(images, IMAGES)
            assert torch.equal(labels, LABELS)

    def test_dark_images_have_a_small_mean_and_others_none_at_all(self):
        dark = lottery.Dataset.from_tensors(IMAGES // 100, LABELS, IMAGES // 100, LABELS)
        assert max(*dark.mean, *dark.std) < 1 < int(dark.train_images.max())
        assert lottery.Dataset(IMAGES, LABELS, IMAGES, LABELS, 10, (0.0,), (1.0,)).std == (1.0,)


class TestResults:
    def test_a_network_has_the_accuracy_that_was_recorded(self, own, data):
        for line in own.levels:
            network = own.model(line["level"], line["arm"], line["replicate"], model=Net)
            for images in (data.test_images, data.test_images / 255):
                with torch.no_grad():
                    answers = network(own.normalise(images)).argmax(1)
                assert int((answers == data.test_labels).sum()) == line["test_accuracy_right"]

    def test_a_run_is_opened_by_whatever_other_functions_take(self, finished):
        for run in (finished.path, str(finished.path), finished.path.name, "latest", "tiny", "2"):
            found = lottery.open_run(run, finished.path.parent)
            assert found.path == lottery.open_run(found).path == finished.path
        assert "'tiny'" in refusal(lottery.open_run, "tinny", finished.path.parent)

    def test_of_a_network_that_the_config_names_nothing_has_to_be_given(self, finished, monkeypatch):
        data = registry.find("data", "digits")()
        monkeypatch.setattr("sklearn.datasets.load_digits", None)  # no data are loaded
        results = lottery.open_run(finished.path)
        network = results.model(2, "random", 1)
        assert not network.training
        (line,) = [one for one in results.levels if (one["level"], one["arm"], one["replicate"]) == (2, "random", 1)]
        with torch.no_grad():
            right = network(results.normalise(data.test_images)).argmax(1) == data.test_labels
        assert int(right.sum()) == line["test_accuracy_right"]
        assert torch.equal(network.state_dict()["output.weight"] != 0, results.mask(2, "random", 1)["output.weight"])

    def test_what_makes_it_has_to_be_given_and_the_same(self, own):
        assert refusal(own.model, 1).endswith("model=test_api.Net")
        assert "another network" in refusal(own.model, 1, model=lambda: Net(17))

    def test_normalise_says_what_it_takes(self, own):
        assert "these go from 0 to 240" in refusal(own.normalise, IMAGES.float())
        assert "int64" in refusal(own.normalise, IMAGES.long())
        for wrong in (IMAGES.expand(-1, 3, -1, -1), IMAGES[:, 0], IMAGES[0, 0], IMAGES[:, :0]):
            assert "give [N, 1, H, W], as those that were learnt" in refusal(own.normalise, wrong)
        images = (IMAGES[:2] / 255).requires_grad_()
        own.normalise(images).sum().backward()
        assert (images.grad > 0).all()

    def test_numbers_between_255ths_are_normalised_as_the_nearest(self, own):
        assert torch.equal(own.normalise(IMAGES / 255 + 0.001), own.normalise(IMAGES))

    def test_a_run_says_what_it_is(self, own):
        assert repr(own) == f"Results({str(own.path)!r}: prune, finished, networks trained: 10)"


NAMED = OWN | {"data": {"name": "digits", "validation": 100}, "model": {"name": "fcn", "widths": [8]}}
WRONG = [
    *((f"config is {given!r}", "config", given) for given in (None, 3, [], b"x")),
    ("config is 'a\\x00b'; write it in one line, without control characters", "config", "a\0b"),
    *((f"runs_dir is {given!r}; give a path", "runs_dir", given) for given in (3, None, b"x")),
    *((f"runs_dir is {given!r}; write it in one line", "runs_dir", given) for given in ("a\0b", "a\nb", "\x1b[2J")),
    *((f"settings is {given!r}; write settings=", "settings", given) for given in ({1: 2}, [1], 3, "x")),
    (", not a value of type int", "settings", {"seed": 10**5000}),
    *((f"plugins is {given!r}; give a path", "plugins", given) for given in (3, None, b"x")),
    ("plugins is 3; give a path", "plugins", [3]),
    ("plugins is 'a\\x00b'; write it in one line", "plugins", ["a\0b"]),
    ("stop is 3; give a function", "stop", 3),
]


@pytest.mark.parametrize(("said", "name", "given"), WRONG, ids=map(str, range(len(WRONG))))
@pytest.mark.parametrize("call", [train, prune])
def test_what_can_not_be_is_told_in_one_line(call, said, name, given, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    first, options = (given, {}) if name == "config" else (NAMED, {name: given})
    with pytest.raises(LotteryError) as caught:
        call(first, progress=False, **options)
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)
    assert not list(tmp_path.iterdir())


def test_what_can_not_be_of_a_run_is_told_in_one_line(tmp_path):
    run = prune(NAMED, settings={"train.length": "10it", "pruning.arms": []}, runs_dir=tmp_path, progress=False)
    wrong = [
        *(("to is ", rewind, {"level": 1, "to": to}) for to in (3, None, b"3it")),
        *(("level is ", rewind, {"level": level}) for level in ("1", None, 1.5, True, -1)),
        *(("iterations is ", prune, {"iterations": rounds}) for rounds in ("2", 1.5, 0, True)),
        *(("settings is ", call, {"settings": given, "iterations": 1}) for call in (prune,) for given in ({1: 2}, [1])),
        *(("settings is ", resume, {"settings": given}) for given in ({1: 2}, [1], 3)),
        ("settings: seed: a run keeps its config", resume, {"settings": {"seed": 3}}),
    ]
    for said, call, options in wrong:
        with pytest.raises(LotteryError, match=said):
            call(run, runs_dir=tmp_path, progress=False, **options)
    for call in (resume, open_run, report):
        for given in (3, None, [], b"x", "a\0b"):
            with pytest.raises(LotteryError, match=r"^run is "):
                call(given)
        with pytest.raises(LotteryError, match=r"^runs_dir is "):
            call("latest", runs_dir=3)
    assert [one.name for one in tmp_path.iterdir()] == [run.path.name]
    assert resume(run, settings={"data.root": "elsewhere"}, progress=False).path == run.path
