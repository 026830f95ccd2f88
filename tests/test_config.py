import json
from pathlib import Path

import pytest
import yaml
from conftest import tiny

from lottery.config.file import load
from lottery.config.pruning import Pruning
from lottery.config.python import of, setting
from lottery.config.schema import Config
from lottery.config.values import Duration
from lottery.errors import LotteryError

CONFIGS = sorted((Path(__file__).parents[1] / "configs").glob("*.yaml"))


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.stem)
def test_shipped_configs_load_and_say_their_own_name(path):
    assert load(path).name == path.stem


def test_resolved_config_is_complete_and_loads_to_itself(config_file):
    loaded = load(config_file)
    assert loaded == tiny()
    config_file.write_text(loaded.to_yaml())
    assert load(config_file) == loaded
    assert "beta_1: 0.9" in loaded.to_yaml()
    assert "warmup: 0it" in loaded.to_yaml()


def test_short_and_long_form_of_a_choice_are_one():
    assert tiny(pruning__score="random") == tiny(pruning__score={"name": "random"})


def test_name_defaults_to_the_files(tmp_path):
    path = tmp_path / "my-study.yaml"
    path.write_text("replicates: 3\n")
    assert load(path).name == "my-study"
    assert load(path).replicates == 3


def test_overrides_are_yaml_and_reach_into_short_forms(config_file):
    overrides = [
        "pruning.arms=[reinit]", "train.schedule=cosine", "train.schedule.warmup=5it", "train.optimizer.lr=1e-4",
        "pruning.fractions={output: 0.1}", "pruning.allocation=uniform",
    ]  # fmt: skip
    loaded = load(config_file, overrides)
    assert loaded.pruning.arms == ("reinit",)
    assert (loaded.train.schedule.name, loaded.train.schedule.warmup) == ("cosine", "5it")
    assert loaded.train.optimizer.options["lr"] == 1e-4
    assert loaded.pruning.fractions == {"output": 0.1}


def test_a_mapping_changes_its_own_keys_alone(config_file):
    expected = tiny(train__batch_size=30, train__optimizer__lr=0.02)
    assert load(config_file, ["train={batch_size: 30, optimizer: {lr: 0.02}}"]) == expected
    from_python = setting("train", {"batch_size": 30, "optimizer": {"lr": 0.02}})
    assert of(yaml.safe_load(config_file.read_text()), [from_python]) == expected
    assert load(config_file, ["data=digits", "data={validation: 50}"]).data.validation == 50


def test_a_mapping_with_a_name_or_an_empty_one_replaces(config_file):
    adamw = load(config_file, ["train={optimizer: {name: adamw, lr: 0.1}}", "pruning={}"])
    assert adamw.train.optimizer == tiny(train__optimizer={"name": "adamw", "lr": 0.1}).train.optimizer
    assert adamw.train.batch_size == 32
    assert adamw.pruning == Pruning()
    by_layer = ["pruning.allocation=uniform", "pruning.fractions={output: 0.1}"]
    assert load(config_file, [*by_layer, "pruning.fractions={hidden.weight: 0.3}"]).pruning.fractions == {
        "output": 0.1, "hidden.weight": 0.3,
    }  # fmt: skip
    assert load(config_file, [*by_layer, "pruning.fractions={}"]).pruning.fractions == {}


def test_what_a_merged_mapping_leaves_alone_is_the_files(config_file):
    config_file.write_text(config_file.read_text().replace("batch_size", "batchsize"))
    with pytest.raises(LotteryError, match=r"tiny\.yaml:\d+: train\.batchsize: unknown key"):
        load(config_file, ["train={length: 3it}"])
    config_file.write_text(config_file.read_text().replace("batchsize", "batch_size"))
    with pytest.raises(LotteryError, match=r"--set: train\.lenght: unknown key"):
        load(config_file, ["train={lenght: 3it}"])


@pytest.mark.parametrize(
    ("override", "expected"),
    [
        ("pruning.iteration=3", "pruning.iteration: unknown key (did you mean 'iterations'?)"),
        ("prunning.iterations=3", "prunning: unknown key (did you mean 'pruning'?)"),
        ("pruning.score=magnitud", "pruning.score: 'magnitud' is none of the scores (did you mean 'magnitude'?)"),
        ("train.optimizer.lrr=3", "train.optimizer.lrr: unknown key (did you mean 'lr'?)"),
        ("train.optimizer.lr=-1", "train.optimizer.lr: input should be greater than 0, not -1"),
        ("pruning.fraction=1.5", "pruning.fraction: input should be less than 1, not 1.5"),
        ("pruning.fraction=0", "pruning.fraction: input should be greater than 0"),
        ("train.length=5", "train.length: '5' is not a duration: write steps as 2000it, epochs as 3ep"),
        ("train.length=0it", "length: must be more than 0"),
        ("pruning.rewind=later", "pruning.rewind: 'later' is not a duration"),
        ("pruning.arms=[reinit, foo]", "pruning.arms.1: 'foo' is none of the arms; there are random, reinit, shuffle"),
        ("pruning.arms=[reinit, reinit]", "an arm is named twice"),
        ("replicates=0", "replicates: input should be greater than or equal to 1"),
        ("data=5", "data: write the name of one of the data"),
        (
            "sparse={density: 0.5, score: {power: abc}}",
            "sparse.score: none of the scores is named yet; write `name` beside power",
        ),
        ("train=fast", "train: write a mapping of length, stretch, batch_size"),
        ("data.name=image_folder", "data.root: field required"),
        ("model=resnet_21", "'resnet_21' is none of the models (did you mean 'resnet_"),
        ("model.name=resnet_20", "model.widths: unknown key"),
        ("model={name: resnet_20, depth: 32}", "model.depth: unknown key"),
        ("name=../x", "name: string should match pattern"),
        ("device=gpu", "device: string should match pattern"),
        ("data.validation=2.5", "data.validation: write a whole number, or a fraction below 1"),
        ("train.optimizer={name: sgd, nesterov: true}", "optimizer.nesterov: needs a momentum above 0"),
        ("pruning.fractions={output: 0.1}", "write allocation: uniform"),
        ("pruning.retrain=2ep", "goes with rewind: learning_rate or finetune"),
        ("sparse.density=[]", "sparse.density: input should be a valid number, or tuple should have at least 1 item"),
        ("sparse.density=[0.5, 2]", "sparse.density.1: input should be less than or equal to 1, not 2"),
        ("sparse.density=0", "sparse.density: input should be greater than 0, not 0"),
        ("nonsense", "write key.path=value"),
        ("seed={", "not valid YAML"),
    ],
)
def test_what_is_wrong_is_said_in_one_line(override, expected, config_file):
    with pytest.raises(LotteryError) as caught:
        load(config_file, [override])
    assert expected in str(caught.value)
    assert "\n" not in str(caught.value)
    # Said of the override that brought it in, or of the line of the file that no longer fits.
    assert str(caught.value).startswith(("--set: ", f"--set {override}: ", f"{config_file}:"))


def test_errors_in_the_file_name_its_line(tmp_path):
    path = tmp_path / "wrong.yaml"
    path.write_text("model: lenet_300_100\ntrain:\n  length: 3ep\n  batchsize: 60\n")
    with pytest.raises(LotteryError, match=r"wrong\.yaml:4: train\.batchsize: unknown key \(did you mean 'batch_size'"):
        load(path)
    path.write_text("train:\n  optimizer: {name: sgd,\n    lr: fast}\n")
    with pytest.raises(LotteryError, match=r"wrong\.yaml:3: train\.optimizer\.lr: .*not 'fast'"):
        load(path)
    path.write_text("train:\n  length: 5it\n  length_x: 5it\n")
    with pytest.raises(LotteryError, match=r"wrong\.yaml:3: train\.length_x: unknown key"):
        load(path, ["train.length=20it"])


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a: [", "not valid YAML"),
        ("- 1", "a config is a mapping"),
        ("", "a config is a mapping"),
        ("!!python/object/apply:os.system [echo]", "not valid YAML"),
    ],
)
def test_files_that_are_no_config(text, expected, tmp_path):
    path = tmp_path / "x.yaml"
    path.write_text(text)
    with pytest.raises(LotteryError, match=expected):
        load(path)
    with pytest.raises(LotteryError, match="is not there"):
        load(tmp_path / "missing.yaml")
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(LotteryError, match="not a UTF-8 text"):
        load(path)


def test_durations():
    assert Duration.parse("2000it").steps(100) == 2000
    assert Duration.parse("3ep").steps(100) == 300
    for wrong in ("3", "ep", "-1it", "1.5ep", "01it", "1 it", "1it\n", ""):
        with pytest.raises(ValueError, match="not a duration"):
            Duration.parse(wrong)


def test_schema_knows_every_name_and_option():
    schema = json.dumps(Config.model_json_schema())
    for word in ("lenet_300_100", "milestones", "magnitude", "beta_2", "learning_rate", "image_folder"):
        assert word in schema
    data = Config.model_json_schema()["$defs"]["Data"]["anyOf"]
    assert "digits" in data[0]["enum"]
    assert "image_folder" not in data[0]["enum"]  # it needs a root
    folder = next(shape for shape in data[1:] if shape["properties"]["name"] == {"const": "image_folder"})
    assert folder["required"] == ["name", "root"]
    assert "validation" in folder["properties"]


def test_configs_are_frozen():
    with pytest.raises(ValueError, match="frozen"):
        tiny().replicates = 3


@pytest.mark.parametrize(
    "value",
    ['!!int ""', '!!float ""', '!!int "-"', '!!bool "foo"', '!!timestamp "foo"', '"\\UFFFFFFFF"', "0x" + 5000 * "f"],
)
def test_values_that_yaml_has_no_errors_of_its_own_for_are_refused(value, tmp_path):
    path = tmp_path / "x.yaml"
    path.write_text(f"name: x\nseed: {value}\n")
    with pytest.raises(LotteryError, match=r"x\.yaml"):
        load(path)
