"""What the shell offers at the tab key: by its own protocol, from words as bash cuts them."""

import os
import subprocess
import sys

import pytest

from lottery import outlines, registry
from lottery.config.keys import config_keys
from lottery.config.schema import Config

CONFIG = "model: resnet_20\ntrain: {optimizer: {name: adam}}\nsparse: {density: 0.1, topology: rigl}\n"


@pytest.fixture
def offered(lottery, tmp_path, monkeypatch):
    """Ask as bash does: the words of the line, of which the last is to be completed."""
    (tmp_path / "study.yaml").write_text(CONFIG)
    for name in ("2026-01-01_00-00-00_lenet", "2026-01-02_00-00-00_lenet", "2026-01-03_00-00-00_vgg"):
        (tmp_path / "runs" / name / "replicate-0" / "level-01").mkdir(parents=True)
        (tmp_path / "runs" / name / "replicate-0" / "level-00").mkdir()
        (tmp_path / "runs" / name / "run.json").write_text('{"schema": 3}')
        (tmp_path / "runs" / name / "config.yaml").touch()

    def ask(*words: str) -> list[str]:
        monkeypatch.setenv("_LOTTERY_COMPLETE", "complete_bash")
        monkeypatch.setenv("COMP_WORDS", "\n".join(["lottery", *words]))
        monkeypatch.setenv("COMP_CWORD", str(len(words)))
        result = lottery()
        assert (result.code, result.err) == (0, "")
        return [line for line in result.out.splitlines() if line]

    return ask


def test_commands_runs_and_configs(offered):
    assert offered("res") == ["resume"]
    assert offered("report", "") == ["vgg", "lenet", "latest"]
    assert offered("report", "vgg", "l") == ["lenet", "latest"]
    assert offered("resume", "2026-01-02") == ["2026-01-02_00-00-00_lenet"]
    assert offered("resume", "--runs-dir", "elsewhere", "") == []
    assert offered("train", "") == ["study.yaml"]  # and none that a run keeps
    assert offered("prune", "") == ["study.yaml", "vgg", "lenet", "latest"]
    assert offered("train", "./st") == ["./study.yaml"]
    assert offered("init", "qu") == ["quickstart"]
    assert offered("methods", "sc") == ["schedules", "scores"]
    assert offered("methods", "score", "sn") == ["snip"]
    assert offered("train", "x.yaml", "--stop-on", "U") == ["USR1", "USR2"]


def test_keys_and_values_as_bash_cuts_them(offered):
    assert offered("train", "study.yaml", "--set", "pruning.sc") == [
        "pruning.score=",
        *values("pruning.score", "scores"),
    ]
    assert offered("train", "study.yaml", "--set", "pruning.score", "=", "small_i") == [
        "small_init",
        "small_init_small_final",
    ]
    assert offered("train", "--set", "train.cuda_graph", "=") == ["false", "true"]
    assert offered("train", "--set", "train.cuda_graph", "=", "") == ["false", "true"]
    assert offered("train", "--set", "train.precision", "=", "b") == ["bf16"]
    assert offered("train", "--set", "=", "train.cuda_graph", "=", "t") == ["true"]
    assert offered("train", "--set", "pruning.arms", "=", "[reinit,s") == ["[reinit,shuffle"]
    assert offered("train", "--set", "train.batch_") == ["train.batch_size=", "train.batch_size=128"]
    assert offered("train", "--set", "name", "=", "x") == []


def values(key: str, kind: str) -> list[str]:
    return [f"{key}={name}" for name in registry.names(kind)]


def test_options_are_those_of_the_entry_that_is_chosen(offered):
    def own(*words: str) -> set[str]:
        return {one.rpartition(".")[2] for one in offered("train", *words)}

    assert own("study.yaml", "--set", "train.optimizer.b") == {"beta_1=", "beta_2="}
    assert own("study.yaml", "--set", "sparse.topology.redistribute", "=") == {"none", "gradient"}
    sgd = ("study.yaml", "--set", "train.optimizer", "=", "sgd", "--set")
    assert own(*sgd, "train.optimizer.n") == {"name=", "nesterov="}
    assert own(*sgd, "train.optimizer.ne") == {"nesterov=", "nesterov=false", "nesterov=true"}
    assert own(*sgd, "train.optimizer.b") == set()
    named = ("study.yaml", "--set", "train.optimizer.name", "=", "sgd", "--set")
    assert own(*named, "train.optimizer.n") == {"name=", "nesterov="}
    assert "widths=" not in own("study.yaml", "--set", "model.")
    assert own("nowhere.yaml", "--set", "train.optimizer.b") == set()


def test_options_of_a_plugin(offered, tmp_path, monkeypatch):
    decorator = "@lottery.register('scores', variants={'far': {'power': 2}})"
    (tmp_path / "mine.py").write_text(f"{decorator}\ndef near(subject, generator, *, power: int = 1): ...")
    monkeypatch.setenv("LOTTERY_PLUGINS", "mine.py")
    assert {"near", "far"} <= set(offered("train", "--set", "pruning.score", "="))
    assert offered("train", "--set", "pruning.score", "=", "near", "--set", "pruning.score.p") == [
        "pruning.score.power=",
        "pruning.score.power=1",
    ]


def test_what_a_shell_would_obey_is_not_offered(offered, tmp_path):
    """Shells put it into the line as it is."""
    words = [f"a{one}b" for one in "`;'\"\\|&>< \n\x1b~{#*?!^()"]
    for name in ("$(touch PWNED)", *words):
        (tmp_path / f"evil{name}.yaml").touch()
        run = tmp_path / "runs" / f"2026-01-01_00-00-00_{name}"
        run.mkdir()
        (run / "run.json").touch()
    (tmp_path / "--plugin=x.yaml").touch()
    (tmp_path / "größe-0.1+a@b%c,d=e:f.yaml").touch()
    assert offered("train", "") == ["größe-0.1+a@b%c,d=e:f.yaml", "study.yaml"]
    assert offered("resume", "") == ["vgg", "lenet", "latest"]
    assert offered("resume", "2026-01-01") == ["2026-01-01_00-00-00_lenet"]
    assert offered("train", "evil$") == []


@pytest.mark.parametrize(
    "text",
    [
        "@lottery.register('scores', variants=[1, 2])\ndef f(): ...",
        "@lottery.register('scores', variants={1: 2, 'x': 3, 4: {}})\ndef f(): ...",
        "@lottery.register('scores', variants={[]: 2})\ndef f(): ...",
        "-" * 100_000,
        f"@x{'.y' * 50_000}('scores')\ndef f(): ...",
    ],
    ids=["list", "numbers", "unhashable", "dashes", "dots"],
)
def test_no_plugin_can_break_the_tab_key(offered, tmp_path, monkeypatch, text):
    (tmp_path / "bad.py").write_text(text)
    (tmp_path / "good.py").write_text("@lottery.register('scores')\ndef near(): ...")
    os.mkfifo(tmp_path / "pipe.py")
    monkeypatch.setenv("LOTTERY_PLUGINS", os.pathsep.join(["bad.py", "pipe.py", "/dev/zero", "good.py"]))
    assert offered("train", "--set", "pruning.score", "=", "ne") == ["near"]


def test_folders_and_pipes_of_any_name(offered, tmp_path, monkeypatch):
    (tmp_path / "runs" / "2026-01-03_00-00-00_vgg" / "replicate-0" / "level-1x").mkdir()
    assert offered("rewind", "vgg", "--level", "") == ["0", "1"]
    assert offered("prune", "pipe.yaml", "--set", "mod") == offered("prune", "--set", "mod")
    monkeypatch.setattr(registry, "KINDS", None)  # whatever else may go wrong
    assert offered("methods", "sc") == []


def test_a_class_of_a_plugin(offered, tmp_path):
    (tmp_path / "mine.py").write_text(
        "import lottery\n\n\n@lottery.register('models')\nclass Mixer(nn.Module):\n"
        "    def __init__(self, shape, classes, *, width: int = 32, gated: bool = False): ...\n"
        "    def forward(self, images, *, other: int = 1): ...\n"
    )
    mine = ("train", "--plugin", "mine.py", "--set")
    assert offered(*mine, "model", "=", "Mi") == ["Mixer"]
    assert offered(*mine, "model", "=", "Mixer", "--set", "model.w") == ["model.width=", "model.width=32"]
    assert offered(*mine, "model", "=", "Mixer", "--set", "model.gated", "=") == ["false", "true"]
    assert offered(*mine, "model", "=", "Mixer", "--set", "model.o") == []


def test_a_choice_is_made_by_its_name_too(offered):
    assert offered("train", "--set", "model.name", "=", "lenet_") == ["lenet_300_100", "lenet_5"]
    assert offered("train", "--set", "model.na") == ["model.name=", *values("model.name", "models")]
    assert offered("train", "--set", "train.optimizer.name", "=", "sgd", "--set", "train.optimizer.nest")[0] == (
        "train.optimizer.nesterov="
    )


def test_devices_and_levels(offered):
    assert offered("train", "study.yaml", "--device", "c")[:2] == ["cpu", "cuda"]
    assert offered("train", "study.yaml", "--device", "=", "cp") == ["cpu"]
    assert offered("rewind", "vgg", "--level", "") == ["0", "1"]
    assert offered("rewind", "lenet", "--level", "") == []  # which of them?


def test_the_text_of_the_entries_says_what_they_are():
    """Names and options that are read off the files are those that are found by importing them."""
    for kind in registry.KINDS:
        found = outlines.outlines(kind)
        assert list(found) == registry.names(kind)
        for name, outline in found.items():
            fields = registry.find(kind, name).options.model_fields
            assert list(outline.options) == list(fields)
            for option, words in outline.options.items():
                default = fields[option].default
                if isinstance(default, str | int | float):
                    assert words[0] == outlines.yaml_word(default)


def test_every_key_of_a_config_is_known():
    written = Config.model_validate({"name": "x", "sparse": {"density": 0.1, "latent": "supermask"}}).model_dump()

    def there(path: str) -> bool:
        at = written
        for part in path.split("."):
            if part not in at:
                return False
            at = at[part]
        return True

    keys = [key.path for key in config_keys()]
    assert [path for path in keys if not there(path)] == []
    assert {"sparse.topology.interval", "train.schedule.warmup", "model.initializer", "data.augment.crop"} <= set(keys)
    assert len(keys) == len(set(keys))


def test_the_shell_is_answered_at_once(tmp_path):
    """Without torch, in a process of its own; and the script that it is asked by is there."""
    code = (
        "import sys; sys.argv = ['lottery']\nfrom lottery.cli import main\ntry: main()\n"
        "finally: assert not {'torch', 'numpy', 'matplotlib', 'rich'} & set(sys.modules)"
    )
    words = "lottery\ntrain\n--plugin\nx.py\n--set\npruning.score\n=\nmagnitude_"
    asked = os.environ | {"_LOTTERY_COMPLETE": "complete_bash", "COMP_WORDS": words, "COMP_CWORD": "7"}
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=tmp_path, env=asked)
    assert (result.returncode, result.stdout.strip(), result.stderr) == (0, "magnitude_increase", "")


def test_the_script_is_shown(lottery, monkeypatch):
    monkeypatch.setenv("_TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION", "1")  # there is no shell above tests
    script = lottery("--show-completion", "bash").out
    assert "_LOTTERY_COMPLETE=complete_bash" in script
