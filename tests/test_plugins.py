"""Users' own files: what they register, what a run keeps of them, and what is said of a plugin that won't do."""

import os
import re
import sys
from pathlib import Path

import pytest
from conftest import tensor_files

import lottery as package
from lottery import plugins, registry
from lottery.config.file import load
from lottery.errors import LotteryError
from lottery.store.run import Run
from lottery.studies import same_code

OWN = '''
"""A model, data, a score, an arm."""
import torch
from torch import nn
import lottery
from lottery.data import Dataset, moments
from lottery.networks.network import Network
from beside import negated


@lottery.register("scores")
def inverse(subject, generator, *, power: float = 1.0):
    """Keep the smallest."""
    return {name: negated(weight.abs() ** power) for name, weight in subject.weights.items()}


@lottery.register("models", variants={"own_deep": {"depth": 2}})
class own(nn.Module):
    """A network of a user's own."""

    def __init__(self, shape, classes, *, depth: int = 1):
        super().__init__()
        size = shape[0] * shape[1] * shape[2]
        self.layers = nn.Sequential(*(nn.Linear(size, size) for _ in range(depth)))
        self.output = nn.Linear(size, classes)

    def forward(self, images):
        return self.output(self.layers(images.flatten(1)).relu())


@lottery.register("data")
def stripes(*, images: int = 300):
    """Three kinds of stripes."""
    drawn = torch.Generator().manual_seed(0)
    labels = torch.arange(images) % 3
    pixels = torch.randint(0, 120, (images, 1, 6, 6), generator=drawn).to(torch.uint8)
    for label in range(3):
        pixels[labels == label, :, 2 * label] += 100
    half = images // 2
    mean, std = moments(pixels[:half])
    return Dataset(pixels[:half], labels[:half], pixels[half:], labels[half:], 3, mean, std)


@lottery.register("arms", order=4, words="as the ticket", traits={"fresh"})
def twin(ticket, fresh, generator):
    """The ticket, drawn anew."""
    return Network(fresh(), ticket.mask)
'''

BESIDE = "def negated(values):\n    return -values\n"

STUDY = """
data: {name: stripes, images: 240, validation: 40}
model: own_deep
train: {length: 20it, batch_size: 20, evaluate_every: 10it, optimizer: {name: adam, lr: 1.0e-2}}
pruning: {score: {name: inverse, power: 2.0}, iterations: 1, fraction: 0.5, arms: [twin]}
replicates: 2
device: cpu
workers: 1
"""


@pytest.fixture(autouse=True)
def nothing_stays(monkeypatch, tmp_path):
    """What a test registers is gone after it."""
    monkeypatch.setattr(sys, "path", [*sys.path])
    monkeypatch.setattr(registry, "_registered", {kind: {} for kind in registry.KINDS})
    yield
    forgotten(tmp_path)


@pytest.fixture
def folder(tmp_path) -> Path:
    """A folder with a plugin, a file that it imports, and a study."""
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "own_methods.py").write_text(OWN)
    (tmp_path / "mine" / "beside.py").write_text(BESIDE)
    (tmp_path / "study.yaml").write_text(STUDY)
    return tmp_path


def only_run(folder: Path) -> Run:
    (path,) = (folder / "runs").iterdir()
    return Run.open(path)


def forgotten(folder: Path) -> None:
    """As in a new process, which has loaded nothing of what is in the folder."""
    for name, module in [*sys.modules.items()]:
        if str(getattr(module, "__file__", None)).startswith(str(folder)):
            registry.forget(name)
            del sys.modules[name]


def test_a_study_of_own_methods_is_interrupted_resumed_extended_rewound_and_reported(folder, lottery, monkeypatch):
    given = ("--plugin", "mine/own_methods.py")
    assert lottery("prune", "study.yaml", *given).code == 0
    whole = only_run(folder)
    (folder / "runs").rename(folder / "whole")
    whole = Run.open(folder / "whole" / whole.path.name)
    (used,) = whole.record["plugins"]
    assert used["path"] == str(folder / "mine" / "own_methods.py")
    assert used["entries"] == ["arms.twin", "data.stripes", "models.own_deep", "scores.inverse"]

    # Interrupted between two steps, as by Ctrl-C.
    from lottery.display import attended

    questions = iter([False] * 30)

    def interrupting(run, study, watcher, stop):
        execute(run, study, watcher, lambda: next(questions, True))

    execute = attended.execute
    with monkeypatch.context() as patched:
        patched.setattr(attended, "execute", interrupting)
        stopped = lottery("prune", "study.yaml", *given)
    assert stopped.code == 130
    assert f"--plugin {folder / 'mine' / 'own_methods.py'}" in stopped.err
    run = only_run(folder)
    assert run.record["plugins"] == whole.record["plugins"]

    forgotten(folder)
    without = lottery("resume", "latest")
    assert without.code == 2
    assert f"which isn't loaded: add --plugin {folder / 'mine' / 'own_methods.py'}" in without.err
    assert without.err.count("\n") == 1
    assert lottery("resume", "latest", *given).code == 0
    assert tensor_files(run) == tensor_files(whole)

    # What was recorded is enough for a report.
    told = lottery("report", "latest").out
    forgotten(folder)
    assert lottery("report", "latest").out == told
    assert "twin" in told
    assert "3" in lottery("report", "latest", "--csv").out

    for command in (("prune", "latest", "--iterations", "1"), ("rewind", "latest", "--level", "1")):
        refused = lottery(*command)
        assert refused.code == 2
        assert "isn't loaded" in refused.err
        forgotten(folder)
        assert lottery(*command, "--dry-run", *given).code == 0
        forgotten(folder)


@pytest.mark.parametrize("changed", ["own_methods.py", pytest.param("beside.py", marks=pytest.mark.slow), "deeper.py"])
def test_a_plugin_that_changed_since_is_refused(folder, lottery, changed):
    (folder / "mine" / "beside.py").write_text(f"import deeper\n{BESIDE}")
    (folder / "mine" / "deeper.py").write_text("")
    assert lottery("train", "study.yaml", "--plugin", "mine/own_methods.py").code == 0
    forgotten(folder)
    file = folder / "mine" / changed
    before = file.read_text()
    file.write_text(f"{before}\n# changed")
    result = lottery("prune", "latest", "--iterations", "1", "--plugin", "mine/own_methods.py")
    assert result.code == 2
    assert "which has changed since, or a file that it imports; put it back" in result.err
    file.write_text(before)
    # Elsewhere, under another name, it's the same.
    (folder / "mine" / "own_methods.py").rename(folder / "mine" / "own_methods_2.py")
    forgotten(folder)
    assert lottery("prune", "latest", "--iterations", "1", "--plugin", "mine/own_methods_2.py").code == 0


@pytest.mark.parametrize(
    ("good", "slip", "workers"),
    [
        ("return {name: negated(weight", "return {name: negated(weight[7, 7, 7]", 1),
        ("return {name: negated(weight", "raise SystemExit(0) or {name: negated(weight", 1),
        ("return self.output(self", "called.append(0); [0][len(called) > 30]; return self.output(self", 1),
        ("return self.output(self", "called.append(0); [0][len(called) > 30]; return self.output(self", 2),
    ],
)
def test_a_slip_in_a_plugin_is_told_and_mended(folder, lottery, good, slip, workers):
    file = folder / "mine" / "own_methods.py"
    before = file.read_text() + "\n\ncalled = []\n"
    assert good in before
    slipped = before.replace(good, slip)
    line = next(number for number, text in enumerate(slipped.splitlines(), start=1) if slip in text)
    file.write_text(slipped)
    given = ("--plugin", "mine/own_methods.py")
    failed = lottery("prune", "study.yaml", *given, "--set", f"workers={workers}")
    assert failed.code == 1, failed.err
    assert "Traceback" not in failed.err
    assert re.search(rf"failed: .*own_methods\.py:{line}: (IndexError: |SystemExit: 0)", failed.err)
    assert "lottery resume RUN --accept-changes" in failed.err
    run = only_run(folder)
    assert run.record["status"] == "failed"
    if workers == 2:
        return

    forgotten(folder)
    file.write_text(before)
    assert "--accept-changes" in lottery("resume", "latest", *given).err
    assert lottery("resume", "latest", *given, "--accept-changes").code == 0
    assert {line["level"] for line in run.levels()} == {0, 1}
    first, second = run.record["plugins"]
    assert first["entries"] == second["entries"]
    assert first["sha256"] != second["sha256"]
    # What it was last counts.
    forgotten(folder)
    assert lottery("prune", "latest", "--iterations", "1", "--dry-run", *given).code == 0
    file.write_text(before.replace(good, slip))
    forgotten(folder)
    assert lottery("prune", "latest", "--iterations", "1", "--dry-run", *given).code == 2


@pytest.mark.parametrize("arms", ["twin, reinit", "reinit, twin"])
def test_whichever_of_several_arms_is_a_plugins_is_recorded(folder, arms):
    plugins.load([folder / "mine" / "own_methods.py"])
    (used,) = same_code.used(load(folder / "study.yaml", [f"pruning.arms=[{arms}]"]))
    assert used["entries"] == ["arms.twin", "data.stripes", "models.own_deep", "scores.inverse"]


def test_a_name_that_is_lotterys_by_now_is_of_another_method(tmp_path, config_file):
    (tmp_path / "mine.py").write_text(score())
    plugins.load([tmp_path / "mine.py"])
    (used,) = same_code.used(load(config_file, ["pruning.score=mine"]))
    same_code.require({"id": "run", "plugins": [used]})
    with pytest.raises(LotteryError, match=r"scores\.mine, scores\.magnitude of .*, which has changed since"):
        same_code.require({"id": "run", "plugins": [used | {"entries": ["scores.mine", "scores.magnitude"]}]})


def test_what_a_config_does_not_use_is_not_recorded(folder, lottery):
    (folder / "study.yaml").write_text("data: digits\ntrain: {length: 5it}\ndevice: cpu\n")
    assert lottery("train", "study.yaml", "--plugin", "mine/own_methods.py").code == 0
    assert "plugins" not in only_run(folder).record


def test_what_a_plugin_prints_is_no_result(folder, lottery):
    file = folder / "mine" / "own_methods.py"
    text = file.read_text().replace("    half = images // 2\n", "    half = images // 2\n    print('read')\n")
    file.write_text(
        text.replace("    return {name: negated", "    print('rated')\n    return {name: negated") + "print('mine')\n"
    )
    pruned = lottery("prune", "study.yaml", "--plugin", "mine/own_methods.py")
    assert pruned.code == 0
    for word in ("mine\n", "read\n", "rated\n"):
        assert word in pruned.err
        assert word not in pruned.out


def test_nothing_compiled_is_written_or_read(folder, lottery, monkeypatch):
    monkeypatch.setattr(sys, "dont_write_bytecode", False)
    file = folder / "one.py"
    for docstring in ("First.", "Again."):  # of one length, and of one time
        file.write_text(score(docstring=f"'''{docstring}'''"))
        os.utime(file, (1e9, 1e9))
        plugins.load_file(file)
        assert registry.find("scores", "mine").summary == docstring
        forgotten(folder)
    assert lottery("prune", "study.yaml", "--plugin", "mine/own_methods.py", "--dry-run").code == 0
    assert not [*folder.rglob("__pycache__")]
    assert not sys.dont_write_bytecode


def test_the_environment_names_plugins(folder, lottery, monkeypatch):
    (folder / "second.py").write_text(
        "import lottery\n@lottery.register('schedules')\n"
        "def halved(step, length, epoch):\n    '''Half the rate.'''\n    return 0.5\n"
    )
    monkeypatch.setenv("LOTTERY_PLUGINS", os.pathsep.join(["mine/own_methods.py", str(folder / "second.py")]))
    shown = lottery("config", "study.yaml", "--set", "train.schedule=halved")
    assert shown.code == 0, shown.err
    assert "name: halved" in shown.out


def test_what_a_run_goes_on_with_is_named_however_it_was_loaded(folder, lottery, monkeypatch):
    """Here by another plugin, which the environment of this one command names."""
    (folder / "all of it.py").write_text(f"import sys\nsys.path.append({str(folder / 'mine')!r})\nimport own_methods\n")
    monkeypatch.setenv("LOTTERY_PLUGINS", "all of it.py")
    assert lottery("train", "study.yaml", "--set", "train.length=1it").code == 0
    words = same_code.flags(only_run(folder).record)
    assert words == [f"--plugin {folder / 'mine' / 'own_methods.py'}"]
    forgotten(folder)
    monkeypatch.delenv("LOTTERY_PLUGINS")
    assert lottery("resume", "latest", *words[0].split()).code == 0


def test_an_installed_package_brings_its_own(folder, lottery, monkeypatch):
    (folder / "site-packages" / "ours" / "deep").mkdir(parents=True)
    (folder / "site-packages" / "ours" / "__init__.py").write_text("")
    (folder / "site-packages" / "ours" / "deep" / "__init__.py").write_text(BESIDE)
    text = OWN.replace("from beside", "from ours.deep")
    (folder / "site-packages" / "ours" / "methods.py").write_text(text)
    about = folder / "site-packages" / "ours-1.0.dist-info"
    about.mkdir()
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: ours\nVersion: 1.0\n")
    (about / "entry_points.txt").write_text("[lottery.plugins]\nours = ours.methods\nbroken = ours.nowhere\n")
    monkeypatch.syspath_prepend(str(folder / "site-packages"))
    result = lottery("train", "study.yaml")
    assert result.code == 0, result.err
    assert "plugin broken (ours.nowhere) is left out: ModuleNotFoundError" in result.err
    (used,) = only_run(folder).record["plugins"]
    assert used["path"] == str(folder / "site-packages" / "ours" / "methods.py")
    assert same_code.flags(only_run(folder).record) == []
    # What its other modules say counts, too.
    (folder / "site-packages" / "ours" / "deep" / "__init__.py").write_text(BESIDE + "# changed\n")
    forgotten(folder)
    assert "has changed since" in lottery("prune", "latest", "--iterations", "1").err


SCORE = (
    "import lottery\n@lottery.register('scores'{constants})\ndef {name}({parameters}):\n    {docstring}\n    return 0\n"
)


def score(constants="", name="mine", parameters="subject, generator", docstring="'''Mine.'''"):
    return SCORE.format(constants=constants, name=name, parameters=parameters, docstring=docstring)


@pytest.mark.parametrize("option", ["kind", "options", "entry", "traits", "self", "values"])
def test_an_option_may_be_called_what_configs_do_not_know(tmp_path, lottery, option, config_file, nothing_brought):
    (tmp_path / "my.py").write_text(score(parameters=f"subject, generator, *, {option}: int = 1"))
    shown = lottery("config", config_file, "--plugin", "my.py", "--set", f"pruning.score={{name: mine, {option}: 3}}")
    assert shown.code == 0, shown.err
    assert f"    {option}: 3\n" in shown.out
    assert option in lottery("methods", "scores", "mine").out
    assert registry.find("scores", "mine")(None, None, **{option: 3}) == 0


def test_files_that_import_one_another_are_run_once(tmp_path, lottery, nothing_brought):
    own = "import lottery, cyc_b\nprint('run')\n@lottery.register('scores')\ndef mine(subject, generator):\n    'M.'\n"
    (tmp_path / "cyc_a.py").write_text(own)
    (tmp_path / "cyc_b.py").write_text("import cyc_a\ndef later():\n    import cyc_a\n    return cyc_a.mine\n")
    result = lottery("methods", "scores", "mine", "--plugin", "cyc_a.py")
    assert (result.code, result.err.count("run\n")) == (0, 1), result.err
    assert sys.modules["cyc_b"].later() is registry.find("scores", "mine").function
    (tmp_path / "cyc_a.py").write_text(own.replace("'M.'", "'Other.'"))
    assert "Other." in lottery("methods", "scores", "mine", "--plugin", "cyc_a.py").out
    assert sys.modules["cyc_b"].later() is registry.find("scores", "mine").function
    (tmp_path / "cyc_a.py").write_text(f"{own}1 / 0\n")
    assert "line 6: ZeroDivisionError" in lottery("methods", "--plugin", "cyc_a.py").err
    assert sys.modules["cyc_b"].later() is registry.find("scores", "mine").function


def test_a_plugin_called_like_a_library_hides_it_from_nobody(tmp_path, lottery, nothing_brought, monkeypatch):
    monkeypatch.delitem(sys.modules, "this", raising=False)
    (tmp_path / "this.py").write_text("import this as library\nassert library.d\n")
    assert lottery("methods", "--plugin", "this.py").code == 0
    assert not str(sys.modules["this"].__file__).startswith(str(tmp_path))


@pytest.mark.parametrize("name", ["loop.py", "~nobody_of_that_name/my.py", "nowhere.py"])
def test_a_plugin_that_can_not_be_read_is_told_in_one_line(tmp_path, lottery, name):
    (tmp_path / "loop.py").symlink_to("loop.py")
    result = lottery("methods", "--plugin", name)
    assert (result.code, result.err.count("\n")) == (2, 2)
    assert f"error: plugin {name}: can't be read: " in result.err


def entry(kind, parameters, name="f", said=""):
    return f"import lottery\n\n@lottery.register('{kind}', {said})\ndef {name}{parameters}:\n    'One.'\n"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (score(docstring=""), r"my\.py:2: mine: has no docstring"),
        (score(parameters="subject"), r"my\.py:2: mine\(subject\): write mine\(subject, generator, \*, OPTION"),
        (score(parameters="subject, generator, **more"), r"mine\(subject, generator, \*\*more\): write"),
        (score(parameters="subject, generator, *, power=1"), "option power has no type"),
        (score(parameters="subject, generator, *, power: object() = 1"), "an option can't be written in a config"),
        (
            score(parameters="subject, generator, *, power: int = 10**5000"),
            "an option can't be written in a config: Exc",
        ),
        (score(parameters="subject, generator, *, name: int = 1"), r"my\.py:2: mine: no option can be called name"),
        (score(parameters="subject, generator, *, model_config: int = 1"), "no option can be called model_config"),
        (score(parameters="subject, generator, *, copy: int = 1"), "no option can be called copy"),
        (score(parameters="subject, generator, *, _x: int = 1"), "no option can be called _x"),
        (entry("models", "(shape, classes, *, exclude: int = 1)"), "no option can be called exclude"),
        (entry("data", "(*, validation: int = 1)"), "no option can be called validation"),
        (entry("topology", "(moment, *, interval: int = 1)"), "no option can be called interval"),
        (entry("arms", "(t, fresh, g)", name="ticket"), "what studies call a network of their own"),
        (entry("arms", "(t, fresh, g)", said="order=0"), r"my\.py:3: f: order is 0; write order=4"),
        (entry("arms", "(t, fresh, g)", said="order='x'"), "order is 'x'; write order=4"),
        (entry("arms", "(t, fresh, g)", said="words=3"), "words is 3; write words="),
        (score(constants=", traits=3"), r"my\.py:2: mine: traits is 3; write traits=\{\"data\"\}"),
        (score(constants=", traits='data'"), "traits is 'data'"),
        (
            score(constants=", traits={'dada'}"),
            r"traits: 'dada' is none of scores's \(did you mean 'data'\?\): data, tr",
        ),
        (score(constants=", traits={3}"), "traits: 3 is none of scores's"),
        (score(constants=", rounds='x'"), "rounds is 'x'; write rounds=100"),
        (score(constants=", rounds=0"), "rounds is 0; write"),
        (score(constants=", rounds=10**5000"), "rounds is a value of type int; write"),
        (score(constants=", variants=[1, 2]"), r"variants is \[1, 2\]; write variants="),
        (score(constants=", variants={1: 2}"), r"variants is \{1: 2\}; write"),
        (score(constants=", variants={'x': {1: 2}}"), "x: variants: there is no option 1"),
        (
            score(", variants={'x': {'nope': 2}}", parameters="subject, generator, *, note: int = 1"),
            r"my\.py:2: x: variants: there is no option 'nope' \(did you mean 'note'",
        ),
        (
            score(", variants={'x': {'note': 'a'}}", parameters="subject, generator, *, note: int, other: int"),
            "x: variants: note: input should be a valid integer",
        ),
        (score(constants=", variants={'': {}}"), r"my\.py:2: '': no config can name it"),
        (score(constants=", variants={'a\\n\\x1bb': {}}"), r"my\.py:2: a\\n\\x1bb: no config can name it"),
        (score(name="__"), "my.py:2: '': no config can name it"),
        (score(name="null"), "my.py:2: null: no config can name it"),
        ("import lottery\nlottery.register('scores')(lambda s, g: 0)\n", r"my\.py:2: <lambda>: no config can name it"),
        ("import lottery\nlottery.register('scores')(OSError)\n", "OSError: .*"),
        (score(name="magnitude"), "lottery has scores of that name already"),
        (score(constants=", variants={'magnitude': {}}"), r"my\.py:2: magnitude: lottery has scores of that name alre"),
        (score(constants=", trait={'data'}"), r"register\('scores', trait=...\): .*did you mean 'traits'"),
        ("import lottery\n@lottery.register('score')\ndef a(): ...\n", "there is no such kind.*did you mean 'scores'"),
        ("import lottery\n@lottery.register\ndef a(): ...\n", "write @lottery.register"),
        ("import lottery\nlottery.register('scores')(3)\n", "3 is neither a function nor a class"),
        (
            "import lottery, torch\n@lottery.register('models')\nclass Own(torch.nn.Module):\n"
            "    def __init__(self, shape, classes): ...\n",
            r"my\.py:2: Own: has no docstring",
        ),
        ("import nothing_of_that_name\n", r"line 1: ModuleNotFoundError: No module named"),
        ("def broken(:\n", "line 1: SyntaxError"),
        ("\n\nraise SystemExit(3)\n", "line 3: SystemExit: 3"),
        ("\x00", "SyntaxError|ValueError"),
    ],
)
def test_a_plugin_that_will_not_do_is_told_in_one_line(tmp_path, lottery, text, said):
    (tmp_path / "my.py").write_text(text)
    result = lottery("methods", "--plugin", "my.py")
    assert result.code == 2
    assert re.search(said, result.err), result.err
    assert "my.py" in result.err
    assert result.err.startswith("loading my.py\nerror: ")
    assert result.err.count("\n") == 2
    assert not registry.brought()


@pytest.mark.parametrize("file", ["absent.py", "folder", "text.txt"])
def test_what_is_no_python_file_is_refused(tmp_path, file):
    (tmp_path / "folder").mkdir()
    (tmp_path / "text.txt").write_text("import lottery\n")
    with pytest.raises(LotteryError, match=f"plugin .*{file}: "):
        plugins.load([tmp_path / file])


def test_two_plugins_of_one_name_are_told(tmp_path):
    for name in ("one.py", "two.py"):
        (tmp_path / name).write_text(score())
    with pytest.raises(LotteryError, match=r"two\.py:2: mine: .*one\.py:2 registers scores of that name already"):
        plugins.load([tmp_path / "one.py", tmp_path / "two.py"])
    assert [entry.name for entry in registry.brought()] == ["mine"]


def test_a_file_is_run_once_and_again_when_it_has_changed(tmp_path):
    file = tmp_path / "mine.py"
    file.write_text(score(docstring="'''First.'''"))
    first = plugins.load_file(file)
    assert plugins.load_file(file) is first
    assert registry.find("scores", "mine").summary == "First."
    file.write_text(score(docstring="'''Second.'''") + score(name="more"))
    plugins.load_file(file)
    assert registry.find("scores", "mine").summary == "Second."
    file.write_text(score(name="other"))
    plugins.load_file(file)
    assert [entry.name for entry in registry.brought()] == ["other"]
    file.write_text("broken(")
    with pytest.raises(LotteryError):
        plugins.load_file(file)
    assert [entry.name for entry in registry.brought()] == ["other"]


def test_neither_a_config_nor_a_run_loads_code(folder, lottery):
    study = folder / "study.yaml"
    study.write_text(f"plugins: [{folder / 'mine' / 'own_methods.py'}]\n{STUDY}")
    result = lottery("train", "study.yaml")
    assert result.code == 2
    assert "a config loads no code; name it on the command line, by --plugin FILE" in result.err
    assert "own_methods" not in "".join(sys.modules)


def test_a_function_of_this_session_is_an_entry_too(monkeypatch, config_file, capsys):
    def session(step: int, length: int, epoch: int) -> float:
        """The rate of a session."""
        return 1.0

    monkeypatch.setattr(session, "__module__", "__main__")
    package.register("schedules")(session)
    package.register("schedules")(session)  # a cell that is run twice
    (used,) = same_code.used(load(config_file, ["train.schedule=session"]))
    assert used["path"] is None
    about = {"id": "run", "plugins": [used]}
    same_code.require(about)
    one_lacks = used | {"entries": ["schedules.session", "schedules.of_yesterday"]}
    with pytest.raises(LotteryError, match=r"schedules\.of_yesterday of a Python session, which isn't loaded"):
        same_code.require(about | {"plugins": [one_lacks]})

    def other(step: int, length: int, epoch: int) -> float:
        """The rate of a session."""
        return 0.5

    other.__name__, other.__module__ = "session", "__main__"
    package.register("schedules")(other)
    with pytest.raises(LotteryError, match=r"schedules\.session of a Python session, which has changed since"):
        same_code.require(about)
    same_code.note_changes(about)  # where the run is read alone
    assert "schedules.session of a Python session, which has changed since" in capsys.readouterr().err
    registry.forget("__main__")
    with pytest.raises(LotteryError, match=r"schedules.session of a Python session, which isn't loaded: go on there"):
        same_code.require(about)


@pytest.mark.parametrize(
    ("returned", "said"),
    [
        ("3", "data: poor returns a int; return lottery.Dataset.from_tensors(...)"),
        ("(x, y)", "data: poor returns a tuple; return lottery.Dataset.from_tensors(...)"),
        ("Dataset(x / 255, y, x / 255, y, 3, (0.4,), (0.3,))", "are of images in 0..1, and these are in 0..255"),
        ("Dataset(0 * x + 7, y, x, y, 3, (7.0,), (1.0,))", "the training images are 7 in every pixel"),
        ("Dataset(x, y + 1, x, y, 3, (60.0,), (30.0,))", "labels go up to 3, of 3 classes"),
        ("Dataset(x, y, x, y, 3, (60.0, 6.0), (30.0, 6.0))", "mean and std are one number for each channel"),
        ("Dataset(x, y, x, y, 3, (float('nan'),), (30.0,))", "mean nan and std 30.0: each has to be a number"),
        ("Dataset(x, y, x, y, 3, (60.0,), (float('nan'),))", "mean 60.0 and std nan: each has to be a number"),
        ("Dataset(x, y, x, y, 3, (60.0,), (1e-320,))", "std from 1e-06 on; lottery.Dataset.from_tensors finds them"),
        ("Dataset(x, y, x, y, 2.5, (60.0,), (30.0,))", "classes is 2.5; give a whole number"),
        ("Dataset(x, y, x, y, 10**9, (60.0,), (30.0,))", "two at least, and at most 16,777,216"),
        ("Dataset(x, 3 * y, x, y, 3, (60.0,), (30.0,))", "labels go up to 6, of 3 classes"),
        ("Dataset(x, y.float(), x, y, 3, (60.0,), (30.0,))", "labels are float32 [60]; give a whole number for each"),
        (
            "Dataset(x, y, x[..., 1:], y, 3, (60.0,), (30.0,))",
            "are (1, 6, 6) and test images (1, 6, 5)",
        ),
        ("Dataset(x, y, x, y[1:], 3, (60.0,), (30.0,))", "60 test images and 59 labels"),
        ("Dataset(x.to('meta'), y, x, y, 3, (60.0,), (30.0,))", "give a tensor or an array"),
        ("{}['images']", "poor.py:8: KeyError: 'images'"),
        ("torch.zeros(2) @ torch.zeros(3)", "poor.py:8: RuntimeError: "),
        ("open('nowhere')", "poor.py:8: FileNotFoundError: "),
        ("exit(1)", "poor.py:8: SystemExit: 1"),
    ],
)
def test_data_that_are_none_are_told_before_training(returned, said, folder, lottery):
    (folder / "poor.py").write_text(
        "import torch, lottery\nfrom lottery import Dataset\n@lottery.register('data')\ndef poor():\n    'Poor data.'\n"
        "    y = torch.arange(60) % 3\n    x = torch.arange(60 * 36).remainder(120).to(torch.uint8).view(60, 1, 6, 6)\n"
        f"    return {returned}\n"
    )
    wrong = lottery(
        "train", "study.yaml", "--plugin", "mine/own_methods.py", "--plugin", "poor.py", "--set", "data=poor"
    )
    assert wrong.code == 2
    assert said in wrong.err.splitlines()[-1]
    assert "Traceback" not in wrong.err
    assert not (folder / "runs").exists()


@pytest.mark.parametrize(
    ("returned", "said"),
    [
        ("{}['layers']", "error: model: {folder}/poor.py:5: KeyError: 'layers'"),
        ("1 / 0", "poor.py:5: ZeroDivisionError: division by zero"),
        ("exit(1)", "poor.py:5: SystemExit: 1"),
        ("torch.nn.Linear(-1, 2)", "poor.py:5: RuntimeError: "),
        ("None", "error: model: poor returns a NoneType; return a torch.nn.Module"),
        ("lambda images: images", "error: model: poor returns a function; return a torch.nn.Module"),
        ("torch.nn.Linear(3, 2)", "error: model: images don't go through it: "),
        ("Fails()", "poor.py:8: KeyError: 'forward'"),
    ],
)
def test_a_model_that_is_none_is_told_before_training(returned, said, folder, lottery):
    (folder / "poor.py").write_text(
        "import torch, lottery\n@lottery.register('models')\ndef poor(shape, classes):\n    'A poor model.'\n"
        f"    return {returned}\nclass Fails(torch.nn.Linear):\n    def __init__(self): super().__init__(36, 3)\n"
        "    def forward(self, images): raise KeyError('forward')\n"
    )
    wrong = lottery(
        "train", "study.yaml", "--plugin", "mine/own_methods.py", "--plugin", "poor.py", "--set", "model=poor"
    )
    assert wrong.code == 2, wrong.err
    assert said.format(folder=folder) in wrong.err.splitlines()[-1]
    assert "Traceback" not in wrong.err
    assert not (folder / "runs").exists()


@pytest.mark.parametrize(
    ("option", "said"),
    [
        ("", "gives weights of layers.0.weight no number; take another score, or mend its function"),
        (", *, power: float = 1.0", "no number; set its options (power) to others, or mend its function"),
    ],
)
def test_a_score_without_numbers_is_told_what_it_can_do(option, said, folder, lottery):
    (folder / "hollow.py").write_text(
        f"import lottery\n@lottery.register('scores')\ndef hollow(subject, generator{option}):\n    'Nothing.'\n"
        "    return {name: 0 * weight / 0 for name, weight in subject.weights.items()}\n"
    )
    plugins = ("--plugin", "mine/own_methods.py", "--plugin", "hollow.py")
    wrong = lottery("prune", "study.yaml", *plugins, "--set", "pruning.score=hollow", "--set", "train.length=1it")
    assert wrong.code == 2
    assert said in wrong.err.splitlines()[-1]
