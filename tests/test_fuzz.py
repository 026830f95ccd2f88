"""Configs and run directories changed at random: an error of one or two lines, or the right result; never a traceback.

The default tests try some. Thousands:

    pytest -m slow tests/test_fuzz.py -s
"""

from __future__ import annotations

import contextlib
import copy
import itertools
import json
import os
import random
import shutil
from pathlib import Path

import pytest
import torch
import yaml
from conftest import carry_on, carry_out, plan, tensor_files, tiny
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lottery.config.file import load, parse
from lottery.config.schema import Config
from lottery.display.console import results_console
from lottery.errors import LotteryError, RunFailed
from lottery.reporting.tables import run_tables
from lottery.store import files
from lottery.store.run import Run
from lottery.store.tensor_files import read_tensors_about, write_tensors
from lottery.studies.asked import Asked
from lottery.studies.forecast import forecast
from lottery.studies.prepare import prepare
from lottery.studies.rewind import Rewind

SHIPPED = sorted((Path(__file__).parents[1] / "configs").glob("*.yaml"))
NASTY = [
    None, True, 0, -1, 1, 10**30, -(10**30), 0.5, 1e308, float("inf"), float("nan"), "", " ", "auto", "0it", "3ep",
    "-1it", "1e5it", "९it", "magnitude", "../../etc/passwd", "\x1b[31m", "a" * 5000, "<script>", "{}", [], {}, [[]],
    {"name": None}, {"name": "fcn", "widths": [10**9]}, {"name": "fcn", "widths": []}, {"name": []}, {"": ""}, {1: 2},
    {None: None}, [1, "x", None], {"name": "sgd", "lr": "fast"}, {"name": "resnet", "depth": 9}, "2001-13-45", b"\xff",
    {"a": {"b": {}}},
]  # fmt: skip


def change(tree, draw):
    """One change at a random place of a config: a value, a key, an entry more or less."""
    places = []

    def walk(node):
        for key in node if isinstance(node, dict) else range(len(node)):
            places.append((node, key))
            if isinstance(node[key], dict | list):
                walk(node[key])

    walk(tree)
    if not places:
        return
    node, key = draw(st.sampled_from(places))
    kind = draw(st.sampled_from(["value", "value", "key", "drop", "more"]))
    if kind == "value" or isinstance(node, list):
        node[key] = copy.deepcopy(draw(st.sampled_from(NASTY)))
    elif kind == "key":
        node[draw(st.sampled_from(["nmae", "x", "name", 3, None, "lr"]))] = node.pop(key)
    elif kind == "drop":
        del node[key]
    else:
        node[draw(st.sampled_from(["extra", "name", "rewind", "seed"]))] = copy.deepcopy(draw(st.sampled_from(NASTY)))


@st.composite
def texts(draw):
    """The text of a config with changes in its tree, its characters, or both."""
    text = draw(st.sampled_from(SHIPPED)).read_text()
    if draw(st.booleans()):
        tree = yaml.safe_load(text)
        for _ in range(draw(st.integers(1, 4))):
            change(tree, draw)
        text = yaml.dump(tree, allow_unicode=True)
    for _ in range(draw(st.integers(0, 3))):
        place = draw(st.integers(0, len(text)))
        text = text[:place] + draw(st.text(max_size=4)) + text[place + draw(st.integers(0, 3)) :]
    return text


def one_config(text, path, fits):
    path.write_text(text, encoding="utf-8", errors="surrogatepass")
    try:
        config = load(path)
    except LotteryError as error:
        assert 1 <= len(str(error).splitlines()) <= 2, error
        assert len(str(error)) < 1000, error
        assert "\x1b" not in str(error)
        return
    assert parse(config.to_yaml(), "again", "again") == config
    small = config.model_copy(update={"data": tiny().data, "device": "cpu", "replicates": min(config.replicates, 2)})
    with contextlib.suppress(LotteryError):
        prepare(small)
    fits.append(config)


def fuzz_configs(count, folder):
    seen, fits = [], []

    @settings(
        max_examples=count, deadline=None, database=None, suppress_health_check=list(HealthCheck), derandomize=True
    )
    @given(texts())
    def run(text):
        seen.append(text)
        one_config(text, folder / "fuzz.yaml", fits)

    run()
    print(f"\nconfigs fuzzed: {len(seen)}, of which {len(fits)} are valid")
    assert len(seen) >= count
    return len(fits)


def test_configs_changed_at_random(tmp_path):
    assert fuzz_configs(150, tmp_path) > 5


@pytest.mark.slow
def test_thousands_of_configs_changed_at_random(tmp_path):
    fuzz_configs(5000, tmp_path)


EXTREMES = [
    "0", "-1", "1e-300", "1.0e-300", "5e-324", "1.0e+300", "0.9999999999999999", str(10**30), "9" * 400, ".inf", ".nan",
    "0it", "999999999999it", "999999999999ep", "[1000000000000]",
]  # fmt: skip


def numbers(tree, path=""):
    """Dotted keys of all numbers and durations of a config."""
    if isinstance(tree, dict):
        for key, inner in tree.items():
            yield from numbers(inner, f"{path}.{key}" if path else key)
    elif isinstance(tree, int | float) or (isinstance(tree, str) and tree[:1].isdigit()):
        yield path


def extreme_numbers(study, tmp_path, every):
    sparse = {"density": 0.1, "rounds": 2, "topology": {"name": "rigl", "interval": "2it"}}
    config = tiny(
        train__schedule={"name": "step", "milestones": ["5it"], "warmup": "2it"}, pruning__rewind="finetune",
        pruning__retrain="5it", checkpoint={"steps": "7it"}, **({"sparse": sparse} if study == "train" else {}),
    )  # fmt: skip
    (tmp_path / "config.yaml").write_text(config.to_yaml())
    keys = [*numbers(config.model_dump(mode="json"))]
    assert len(keys) > 15
    for key, value in [*itertools.product(keys, EXTREMES)][::every]:
        try:
            setting = prepare(load(tmp_path / "config.yaml", [f"{key}={value}"]))
            forecast(setting, plan(setting, study))
        except LotteryError as error:
            assert len(str(error).splitlines()) <= 2, (key, value)
            assert len(str(error)) < 1000, (key, value)


@pytest.mark.parametrize("study", ["prune", "train"])
def test_extreme_numbers_here_and_there(study, tmp_path):
    extreme_numbers(study, tmp_path, 4)


@pytest.mark.slow
@pytest.mark.parametrize("study", ["prune", "train"])
def test_extreme_numbers_anywhere(study, tmp_path):
    extreme_numbers(study, tmp_path, 1)


EXTREMES_OF_TRAINING = {
    "grasp": {"pruning__score": {"name": "grasp", "temperature": 1e-300}},
    "top_kast": {"sparse": {"density": 0.1, "latent": {"name": "top_kast", "penalty": 1e30}}},
    "learning rate": {"train__optimizer": {"name": "adamw", "lr": 1e30, "weight_decay": 1e30}},
    "every step": {"train__evaluate_every": "1it", "checkpoint": {"steps": "1it", "minutes": 1e-30}},
    "never": {"train__evaluate_every": "999999999999ep", "checkpoint": {"steps": "999999999999ep", "minutes": 1e30}},
    "a large seed": {"seed": (1 << 63) - 1},
}


@pytest.mark.parametrize("changes", EXTREMES_OF_TRAINING.values(), ids=EXTREMES_OF_TRAINING.keys())
def test_extreme_numbers_in_training(changes, tmp_path):
    config = tiny(train__length="3it", pruning__iterations=1, pruning__arms=[], **changes)
    with contextlib.suppress(LotteryError, RunFailed):
        carry_out(config, tmp_path, "train" if config.sparse else "prune")
    (path,) = tmp_path.iterdir()
    run = Run.open(path)
    run.whole_metrics()
    assert run.config == config


HOSTILE = {
    "a bomb of aliases": "a: &a [x,x,x,x,x,x,x,x,x]\n"
    + "".join(f"{n}: &{n} [{', '.join(['*' + p] * 9)}]\n" for p, n in zip("abcdefgh", "bcdefghi", strict=True)),
    "contains itself": "name: &a [*a]\n",
    "deep": "[" * 5000,
    "deeper mappings": "".join(" " * depth + "a:\n" for depth in range(500)),
    "python": "name: !!python/object/apply:os.system ['true']\n",
    "a long number": "seed: " + "9" * 6000 + "\n",
    "a date there is not": "name: 2021-13-45\n",
    "binary": "name: !!binary x\n",
    "a tag": "!<tag:yaml.org,2002:python/none> x",
    "nul": "name: a\0b\n",
    "many": "\n".join(f"k{index}: 1" for index in range(30_000)),
    "two documents": "a: 1\n---\nb: 2\n",
}


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE.keys())
def test_hostile_yaml_is_refused_at_once(text, tmp_path):
    (tmp_path / "hostile.yaml").write_text(text)
    with pytest.raises(LotteryError) as caught:
        load(tmp_path / "hostile.yaml")
    assert len(str(caught.value).splitlines()) <= 2
    with pytest.raises(LotteryError):
        load(SHIPPED[0], [f"train={text}"])


def test_a_huge_file_is_not_read(tmp_path):
    with (tmp_path / "huge.yaml").open("wb") as file:
        file.truncate(1 << 33)
    with pytest.raises(LotteryError, match="larger than any config"):
        load(tmp_path / "huge.yaml")


# Run directories


def damage(path: Path, draw: random.Random) -> str:
    """One change to one file of a run, as disks, people and strangers make them."""
    candidates = sorted(file for file in path.rglob("*") if file.is_file() and ".lock" not in file.name)
    file = draw.choice(candidates)
    data = file.read_bytes()
    kind = draw.choice(
        ["flip", "flip", "truncate", "empty", "delete", "garbage", "append", "zeros", "folder", "link", "pipe", "copy",
         "swap", "lines", "forge", "tensors"]
    )  # fmt: skip
    if kind == "flip" and data:
        place = draw.randrange(len(data))
        file.write_bytes(data[:place] + bytes([data[place] ^ 1 << draw.randrange(8)]) + data[place + 1 :])
    elif kind == "truncate":
        file.write_bytes(data[: draw.randrange(len(data) + 1)])
    elif kind == "empty":
        file.write_bytes(b"")
    elif kind == "garbage":
        file.write_bytes(draw.randbytes(draw.randrange(1, 2000)))
    elif kind == "append":
        file.write_bytes(data + draw.choice([b"{}\n", b"\n", draw.randbytes(50), b'{"level": 1e999}\n']))
    elif kind == "zeros":
        file.write_bytes(bytes(len(data)))
    elif kind == "lines" and b"\n" in data:
        lines = data.splitlines(keepends=True)
        draw.choice([lambda: lines.pop(), lambda: lines.insert(0, lines[-1]), lines.reverse])()
        file.write_bytes(b"".join(lines))
    elif kind == "copy":
        file.write_bytes(draw.choice(candidates).read_bytes())
    elif kind == "swap":
        other = draw.choice(candidates)
        theirs = other.read_bytes()
        other.write_bytes(data)
        file.write_bytes(theirs)
    elif kind == "forge" and file.suffix == ".json":  # with a checksum that is right
        record = files.read_json(file)
        record[draw.choice(list(record))] = draw.choice(
            [None, -1, 1e300, "\x1b[31m", [], {"x": 1}, "ticket/../..", 10**40]
        )
        files.write_json(file, record)
    elif kind == "tensors" and file.suffix == ".safetensors":
        tensors, about = read_tensors_about(file)
        name = draw.choice(list(tensors))
        tensors[name] = draw.choice([torch.zeros(0), torch.zeros(3, 3), tensors[name].int(), torch.zeros(())])
        write_tensors(file, tensors, about)
    else:
        file.unlink()
        if kind == "folder":
            file.mkdir()
        elif kind == "link":
            file.symlink_to("/etc/passwd")
        elif kind == "pipe":
            os.mkfifo(file)
    return f"{kind} {file.relative_to(path)}"


def said(error: Exception) -> None:
    assert 1 <= len(str(error).splitlines()) <= 3, error
    assert "\x1b" not in str(error)


def table(run: Run) -> str:
    console = results_console()
    with console.capture() as written:
        console.print(run_tables(run))
    run.whole_metrics()
    return written.get()


FORGED = ("forge", "tensors")
"""Kinds of damage with a checksum that is right: their numbers are what the forger wrote, and nobody could tell."""


def one_run(path: Path, what: str, config: Config, expected: dict[str, str]) -> str:
    """Report, rewind and resume a damaged run; `refused`, `as before` or `repaired`."""
    try:
        run = Run.open(path)
        shown = table(run)
        Rewind.of_parent(run, prepare(run.config), Asked(1, 0)).read(run)
    except (LotteryError, RunFailed) as error:
        said(error)
        shown = None
    try:
        run = Run.open(path)
        carry_on(run, prepare(run.config))
    except (LotteryError, RunFailed) as error:
        said(error)
        return "refused"
    if what.split()[0] not in FORGED and run.config == config:
        now = tensor_files(run)
        different = {name for name in expected.keys() | now.keys() if expected.get(name) != now.get(name)}
        # A network that is done and needed by nobody is not read again; its file then can't be read either.
        for name in different:
            with pytest.raises(LotteryError):
                run._read_tensors(run.path / name, None)
    return "as before" if shown is not None else "repaired"


def fuzz_runs(count, folder):
    config = tiny(train__length="12it", train__evaluate_every="6it", pruning__arms=["reinit"], replicates=2)
    whole = carry_out(config, folder)
    expected, shown = tensor_files(whole), table(whole)
    outcomes: dict[str, int] = {}
    for seed in range(count):
        draw = random.Random(seed)
        path = Path(shutil.copytree(whole.path, folder / f"damaged-{seed}"))
        if draw.random() < 0.5:  # half of them are to be finished yet
            shutil.rmtree(path / "replicate-1" / "level-02")
            run = Run(path)
            run.settle(lambda record: False)
            run.update(status="running")
        what = damage(path, draw)
        try:
            outcome = one_run(path, what, config, expected)
        except BaseException:
            print(f"\nseed {seed}: {what}")
            raise
        outcomes[outcome] = outcomes.get(outcome, 0) + 1
        shutil.rmtree(path)
    print(f"\nrun directories damaged: {count}: {outcomes}")
    assert shown
    return outcomes


def test_run_directories_damaged_at_random(tmp_path):
    outcomes = fuzz_runs(40, tmp_path)
    assert outcomes["refused"] > 5


@pytest.mark.slow
def test_hundreds_of_run_directories_damaged_at_random(tmp_path):
    fuzz_runs(600, tmp_path)


def test_a_forged_record_is_json(finished):
    """The fuzzer's forgeries are read as any record: what it changes is what is checked."""
    assert json.loads((finished.path / "run.json").read_text())["checksum"]
