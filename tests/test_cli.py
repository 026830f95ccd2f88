import re
import resource
import shutil
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest
import yaml
from conftest import Forked, carry_out, networks, recorded, tensor_files, tiny

from lottery import __version__, registry
from lottery.cli import app
from lottery.config.schema import Config
from lottery.errors import LotteryError
from lottery.networks.key import Key
from lottery.store.finding import find_run, runs_called, study_name
from lottery.store.run import Run


def only_run(folder: Path) -> Run:
    (path,) = (folder / "runs").iterdir()
    return Run.open(path)


def test_the_main_job(lottery, config_file, tmp_path):
    result = lottery("prune", config_file, "--iterations", "1", "--seed", "3", "--replicates", "2")
    assert result.code == 0, result.err
    run = only_run(tmp_path)
    assert run.config.seed == 3
    assert run.record["command"][:2] == ["lottery", "prune"]
    assert "test accuracy at the end" in result.out
    assert "level 1 (50.0% of weights) of 1" in result.err
    (folder, names) = re.search(r"figures in (\S+): (.*)", result.out).groups()
    assert [Path(folder, name).is_file() for name in names.split(", ")] == [True, True]
    # The report can be had again, by name, by path, and for the latest run.
    for name in (run.path.name, run.path, "latest"):
        again = lottery("report", name)
        assert again.code == 0
        tables = [text.partition("figures in")[0] for text in (again.out, result.out)]
        assert tables[0] == tables[1]
    listed = lottery("runs")
    assert run.path.name in listed.out
    assert "finished" in listed.out


def test_a_run_is_extended_by_further_rounds(lottery, config_file, tmp_path, finished):
    assert lottery("prune", config_file, "--iterations", "1").code == 0
    run = only_run(tmp_path)
    plan = lottery("prune", run.path, "--iterations", "1", "--dry-run").out
    assert re.search(r"\n│ +2 │ +25\.0 │", plan)
    assert not re.search(r"\n│ +1 │", plan)
    result = lottery("prune", run.path, "--iterations", "1")
    assert result.code == 0, result.err
    assert run.config.pruning.iterations == 2
    assert tensor_files(run) == tensor_files(finished)


def test_train_then_rewind_then_resume(lottery, config_file, tmp_path, finished):
    assert lottery("train", config_file, "--runs-dir", "trained").code == 0
    (path,) = (tmp_path / "trained").iterdir()
    assert {line["level"] for line in Run.open(path).levels()} == {0}
    done = lottery("resume", path)
    assert done.code == 0
    assert "finished already" in done.err
    result = lottery("rewind", finished.path, "--level", "1", "--to", "10it", "--weights", "reinit", "--mask", "invert")
    assert result.code == 0, result.err
    run = only_run(tmp_path)
    assert run.record["parent"] == str(finished.path.resolve())
    assert run.record["rewind"] == {"level": 1, "to": 10, "weights": "reinit", "mask": "invert"}
    assert "retrained from" in result.out
    assert [line["start_step"] for line in run.levels()] == [10, 10]
    assert "│" in lottery("rewind", finished.path, "--level", "2", "--dry-run").out
    assert only_run(tmp_path).path == run.path


def test_dry_run_prints_the_plan_and_makes_nothing(lottery, config_file, tmp_path):
    result = lottery("prune", config_file, "--dry-run")
    assert result.code == 0
    assert "ticket, reinit, random, shuffle" in result.out
    assert "18 networks, 540 steps" in result.out
    # 3 * 2 * weights * batch * steps
    assert f"{3 * 2 * 1184 * 32 * 540:.2e} FLOPs" in result.out
    assert not (tmp_path / "runs").exists()


def test_config_and_schema(lottery, config_file):
    shown = lottery("config", config_file, "--set", "train.batch_size=7").out
    assert yaml.safe_load(shown)["train"]["batch_size"] == 7
    assert '"$defs"' in lottery("config", "--schema").out


def shell_of_runs(folder, *names):
    """Empty directories that are taken for runs until they are opened."""
    for name in names:
        (folder / name).mkdir(parents=True)
        (folder / name / "run.json").touch()


def test_a_run_is_called_by_its_name_or_how_that_begins(tmp_path, finished, capsys):
    folder = tmp_path / "runs"
    for stamp in ("2026-01-01_00-00-00", "2026-01-02_00-00-00"):
        shutil.copytree(finished.path, folder / f"{stamp}_lenet")
    shutil.copytree(finished.path, folder / "2026-01-03_00-00-00_vgg")
    first, second, third = sorted(folder.iterdir())
    for name in ("vgg", "vg", third.name, third.name[:12], str(third), f"{folder}/vgg", "latest"):
        assert find_run(name, folder).path == third
    assert find_run(f"{folder}/vgg", tmp_path / "elsewhere").path == third
    assert find_run("lenet", folder, newest=True).path == second
    assert capsys.readouterr().err == f"lenet: {second.name}, the newest of 2 runs of that name\n"
    # Where a name may mean several, what changes a run asks; and what only shows one doesn't complete it by the newest.
    for name, newest in [("lenet", False), ("len", False), ("len", True), ("2026-01", True)]:
        with pytest.raises(LotteryError, match=r"may mean . runs: .*_lenet, .*; write out which one") as caught:
            find_run(name, folder, newest=newest)
        assert str(caught.value).index(second.name) < str(caught.value).index(first.name)
    with pytest.raises(LotteryError, match=r"lenett is not there \(did you mean 'lenet'\?\); `lottery runs`"):
        find_run("lenett", folder)


def test_what_rewind_made_of_a_study_is_not_meant_by_its_name(tmp_path, lottery):
    folder = tmp_path / "runs"
    study = recorded(folder, tiny(), networks([0.9], 0)).path
    about = {"parent": str(study), "rewind": {"level": 1, "to": 0, "weights": "reinit", "mask": "keep"}}
    rewound = Run(recorded(folder, tiny(), networks([0.8], 1), "rewind", **about).path)
    for name in ("tiny", "ti", "runs/tiny"):
        assert {find_run(name, folder, newest=newest).path.name for newest in (False, True)} == {study.name}
    assert find_run(rewound.path.name, folder).path == rewound.path
    with pytest.raises(LotteryError, match="may mean 2 runs"):
        find_run(study.name[:8], folder)  # of both stamps
    assert f"runs/{study.name} is finished already" in lottery("resume", "tiny").err
    rewound.update(status="interrupted")
    said = f"tiny: {rewound.path.name}, the one of 2 runs that isn't finished\n"
    assert said in lottery("resume", "tiny").err
    shutil.rmtree(study)
    assert find_run("tiny", folder).path == rewound.path


def test_a_study_of_the_same_second_is_no_study_of_another_name(tmp_path):
    shell_of_runs(tmp_path, "2026-01-01_00-00-00_a", "2026-01-01_00-00-00_a-2", "2026-01-02_00-00-00_a-2", "b")
    assert [study_name(run) for run in sorted(tmp_path.iterdir())] == ["a", "a", "a-2", "b"]
    assert [run.name[8:] for run in runs_called("a-2", tmp_path)] == ["02_00-00-00_a-2"]
    assert len(runs_called("a", tmp_path)) == 2
    assert runs_called("", tmp_path) == []


@pytest.fixture
def narrow(lottery, monkeypatch):
    """The words of `lottery methods ...` in 80 columns, which it keeps to."""
    monkeypatch.setenv("COLUMNS", "80")

    def ask(*arguments):
        result = lottery("methods", *arguments)
        assert result.code == 0, result.err
        assert max(map(len, result.out.splitlines())) <= 80
        return result.out

    return ask


def test_methods_of_all_kinds_and_of_one(narrow):
    everything = narrow()
    for kind in registry.KINDS:
        assert f"{kind}: {registry.KINDS[kind]}" in " ".join(everything.split())
        assert set(registry.names(kind)) <= set(re.findall(r"\w+", everything))
    assert "\n  conv_2, conv_4, conv_6: conv with depth 2, 4, 6\n" in everything
    assert narrow("scores") == narrow("score")
    own = narrow("sched")
    assert "milestones=[], factor=0.1" in own
    assert "written as train.schedule" in own
    assert "kaiming_uniform" not in own


def test_a_method_in_full(narrow):
    """What its section takes, too; and the config that is shown is one."""
    text = narrow("topology", "rigl")
    for words in (
        "(Evci et al. 2020)",
        "a number above 0, below 1; default 0.3",
        "one of none, gradient",
        "lottery/topology/rigl.py",
    ):
        assert words in text
    for option in ("interval", "start", "end", "growth"):
        assert re.search(rf"\n  {option} +\w", text)
    assert narrow("rigl") == text
    written = yaml.safe_load(textwrap.dedent(text.partition("in a config\n")[2].partition("written as")[0]))
    assert written["sparse"]["topology"]["name"] == "rigl"
    Config.model_validate({"name": "x", "sparse": {"density": 0.1} | written["sparse"]})
    assert "root  a text; needed" in narrow("data", "image_folder")
    assert "resnet with depth 20" in narrow("model", "resnet_20")
    lenet = narrow("model", "lenet_5")
    assert "a choice: glorot_normal" in lenet
    assert "needed" not in lenet


def test_an_own_method_is_listed_with_its_file(narrow, tmp_path, monkeypatch):
    monkeypatch.setattr(registry, "_registered", {kind: {} for kind in registry.KINDS})
    file = tmp_path / "mine.py"
    file.write_text(
        'import lottery\n\n\n@lottery.register("schedules")\ndef slow(step, length, epoch):\n    """Be slow."""\n'
    )
    assert "slow (mine.py)" in " ".join(narrow("--plugin", file).split())
    assert "Be slow." in narrow("schedules", "slow", "--plugin", file)


LONG = "a" * 300
BAD = {
    "missing file": (["prune", "nothing.yaml"], "nothing.yaml is not there"),
    "missing config": (["train", "nothing.yaml"], "nothing.yaml is not there"),
    "wrong type": (["train", "{config}", "--set", "replicates=many"], "valid integer"),
    "unknown key": (["train", "{config}", "--set", "train.batchsize=3"], "did you mean 'batch_size'"),
    "unknown method": (["prune", "{config}", "--set", "pruning.score=magic"], "none of the scores"),
    "density": (["prune", "{config}", "--set", "pruning.fraction=1.2"], "less than 1"),
    "device word": (["train", "{config}", "--device", "gpu"], "device"),
    "device": (["train", "{config}", "--device", "cuda:99"], "not on this machine; there are: "),
    "no run": (["report", "nothing"], "is not there"),
    "misspelt config": (["prune", "tiny.yml"], "tiny.yaml'?)"),
    "no run directory": (["report", "."], "not a run directory"),
    "no level": (["rewind", "{run}", "--level", "9"], "no finished level 9"),
    "no duration": (["rewind", "{run}", "--level", "1", "--to", "soon"], "not a duration"),
    "outside": (["rewind", "{run}", "--level", "1", "--to", "999it"], "outside training"),
    "set on run": (["prune", "{run}", "--iterations", "1", "--set", "seed=3"], "keeps its config; only data.root may"),
    "seed of a run": (
        ["prune", "{run}", "--iterations", "1", "--seed", "3"],
        "and --set data.root=FOLDER may be given",
    ),
    "set in a resumed run": (["resume", "{run}", "--set", "data=mnist"], "keeps its config; only data.root may be set"),
    "set in a rewound run": (["rewind", "{run}", "--level", "1", "--set", "name=x"], "probes and analyses"),
    "a place of data without one": (["rewind", "{run}", "--level", "1", "--set", "data.root=x"], "digits has none"),
    "no place at all": (["rewind", "{run}", "--level", "1", "--set", "data.root=3"], "data.root"),
    "no number": (["prune", "{run}"], "--iterations N"),
    "too small": (["train", "{config}", "--set", "model=vgg_16"], "at least 16 pixels"),
    "no data": (["train", "{config}", "--set", "data={name: image_folder, root: none}"], "is not there"),
    "validation": (["train", "{config}", "--set", "data.validation=1437"], "leave none to train on"),
    "batch": (["train", "{config}", "--set", "train.batch_size=9999"], "train.batch_size"),
    "late rewind": (["prune", "{config}", "--set", "pruning.rewind=30it"], "not before the end"),
    "pattern": (["prune", "{config}", "--set", "pruning.exclude=[fc]"], "no layer is called 'fc'"),
    "all excluded": (["prune", "{config}", "--set", "pruning.exclude=['*']"], "no layer to prune"),
    "long retrain": (
        ["prune", "{config}", "--set", "pruning.rewind=learning_rate", "--set", "pruning.retrain=99it"],
        "longer than training",
    ),
    "nothing left": (
        ["prune", "{config}", "--set", "pruning.fraction=0.999"],
        "leaves not a single weight at level 2; the last level with a network is 1: lower pruning.fraction, or",
    ),
    "nothing left at once": (
        ["prune", "{config}", "--set", "pruning.fraction=0.9999", "--dry-run"],
        "leaves not a single weight at level 1; the last level with a network is 0: lower pruning.fraction\n",
    ),
    "nothing left of a run": (
        ["prune", "{run}", "--iterations", "10"],
        "at level 12; the last level with a network is 11: lower pruning.fraction, or pruning.iterations to 11",
    ),
    "no kind": (["methods", "scoers"], "did you mean 'scores'"),
    "several kinds": (["methods", "s"], "there are sparse_initializers, schedules, scores"),
    "a name of several kinds": (["methods", "random"], "no kind 'random'; there are scores, arms"),
    "no method": (["methods", "scores", "snop"], "did you mean 'snip'"),
    "no runs": (["runs"], "is not there"),
    "no latest": (["report", "latest"], "no runs in"),
    "no config": (["config"], "name a config file"),
    "runs-dir": (["train", "{config}", "--runs-dir", "{config}"], "can't be made"),
    "line end in a value": (["train", "{config}", "--set", "name=a\nb"], r"name=a\nb: write it in one line"),
    "control character": (["train", "{config}", "--runs-dir", "a\x1bb"], r"a\x1bb: write it in one line"),
    "no UTF-8": (["train", "{config}", "--runs-dir", "a\udcff"], r"a\udcff: write it in one line"),
    "long config": (["train", LONG], "too long"),
    "long config to prune": (["prune", LONG], "too long"),
    "long run": (["report", LONG], "too long"),
    "long run to resume": (["resume", LONG, "--runs-dir", LONG], "too long"),
    "long run to rewind": (["rewind", LONG, "--level", "1"], "too long"),
    "long runs-dir": (["train", "{config}", "--runs-dir", LONG], "too long"),
    "long runs-dir to list": (["runs", "--runs-dir", LONG], "too long"),
    "long name": (["train", "{config}", "--set", f"name={LONG}"], "name: string should match"),
    "no end": (["train", "{config}", "--set", "train.stretch=1e300"], "train.stretch: input should be less"),
    "no end in steps": (["train", "{config}", "--set", "train.length=999999999999ep"], "more than anybody can train"),
    "no end of retraining": (
        ["prune", "{config}", "--set", "pruning.rewind=finetune", "--set", "pruning.retrain=999999999999ep"],
        "pruning.retrain: 40,999,999,999,959 steps are more",
    ),
    "no end of rounds": (
        ["prune", "{run}", "--iterations", "999"],
        "iterations: 999: input should be less than or equal",
    ),
    "more than a float": (
        ["train", "{config}", "--set", "train.optimizer.lr=1e308"],
        "train.optimizer.lr: input should be less than",
    ),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_input_is_answered_in_two_lines_and_leaves_nothing(case, lottery, config_file, finished, tmp_path):
    arguments, message = BAD[case]
    known = {"{config}": config_file, "{run}": finished.path}
    before, config = sorted(finished.path.parent.iterdir()), finished.config
    result = lottery(*(known.get(argument, argument) for argument in arguments))
    assert result.code == 2
    assert message in result.err
    assert len(result.err.strip().splitlines()) <= 2
    assert not (tmp_path / "runs").exists()
    assert sorted(finished.path.parent.iterdir()) == before
    assert finished.config == config


@pytest.mark.parametrize(
    "arguments", [["prune"], ["frobnicate"], ["rewind", "x", "--level", "one"], ["train", "x", "-q"]]
)
def test_wrong_usage_exits_with_2(arguments, lottery):
    result = lottery(*arguments)
    assert result.code == 2
    assert "Traceback" not in result.err


def test_a_failed_run_exits_with_1(lottery, config_file):
    result = lottery("train", config_file, "--set", "train.optimizer={name: sgd, lr: 1.0e+30}")
    assert result.code == 1
    assert "diverged" in result.err
    assert len([line for line in result.err.splitlines() if line.startswith("failed:")]) == 1


def test_an_unfinished_run_is_not_extended(lottery, tmp_path):
    run = carry_out(tiny(pruning__iterations=1), tmp_path / "runs")
    run.forget_network(Key(1, 1, "ticket"))
    run.settle(lambda record: False)
    run.update(status="interrupted")
    result = lottery("prune", run.path, "--iterations", "1")
    assert result.code == 2
    assert "finish it first: lottery resume" in result.err


def test_a_damaged_run_does_not_hide_the_others(lottery, tmp_path):
    carry_out(tiny(pruning__iterations=1), tmp_path / "runs")
    broken = carry_out(tiny(pruning__iterations=1), tmp_path / "runs")
    (broken.path / "run.json").write_text("{")
    result = lottery("runs")
    assert result.code == 0
    assert "finished" in result.out
    assert "damaged" in result.out


COMMANDS = [name for section in app.COMMANDS.values() for name in section]


def test_help_is_instant(tmp_path):
    """It names all commands in less than 0.3 s of a processor, for which torch and others can't be imported."""
    code = (
        "import sys; sys.argv = ['lottery', '--help']\nfrom lottery.cli import main\ntry: main()\n"
        "finally: assert not {'torch', 'pydantic', 'numpy'} & set(sys.modules)"
    )
    seconds = []
    for _ in range(3):  # the least: a busy machine costs time, too
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=tmp_path)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        assert result.returncode == 0, result.stderr
        seconds.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
    assert all(f"\n  {name} " in result.stdout for name in COMMANDS)
    assert min(seconds) < 0.3


def test_the_package_is_a_command(tmp_path):
    told = subprocess.run([sys.executable, "-m", "lottery", "--version"], capture_output=True, text=True, cwd=tmp_path)
    assert (told.returncode, told.stdout) == (0, f"lottery {__version__}\n"), told.stderr


@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_is_explained_without_torch(command):
    code = (
        f"import sys; sys.argv = ['lottery', '{command}', '--help']\nfrom lottery.cli import main\ntry: main()\n"
        "finally: assert not {'torch', 'numpy', 'matplotlib'} & set(sys.modules)"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
    assert result.stdout.startswith(f"Usage: lottery {command}")


@pytest.mark.slow  # torchvision takes seconds to be imported; other errors are tried all over these tests
def test_an_error_stays_one_line_where_torchvision_was_imported(config_file):
    """With its bindings that look for leaks when the process ends."""
    wrong = "model={name: torchvision, model: resnet19}"
    command = [sys.executable, "-c", "from lottery.cli import main; main()", "train", config_file, "--set", wrong]
    result = subprocess.run(command, capture_output=True, text=True, cwd=config_file.parent)
    assert result.returncode == 2
    *before, error = result.stderr.splitlines()
    assert "did you mean 'resnet18'" in error
    assert [line.partition(" ")[0] for line in before] == ["reading", "loading"], "what is begun is said, no more"


@pytest.mark.parametrize(
    ("moment", "command", "said"),
    [
        ("lottery.studies.prepare.prepare", ["train", "{config}"], "interrupted before anything was trained"),
        ("lottery.display.found.show", ["resume", "{run}"], "interrupted; all is trained: lottery report {run}"),
        ("lottery.display.found.show", ["report", "{run}"], "interrupted"),
    ],
)
def test_ctrl_c_beside_training_says_what_there_is(moment, command, said, lottery, config_file, finished, monkeypatch):
    def press(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(moment, press)
    known = {"config": config_file, "run": finished.path}
    result = lottery(*(word.format(**known) for word in command))
    assert (result.code, result.err.splitlines()[-1]) == (130, said.format(**known))


@pytest.mark.parametrize(("number", "workers"), [(signal.SIGINT, 1), (signal.SIGTERM, 2)])
def test_a_real_signal_and_resume_end_in_the_same_bytes(number, workers, lottery, tmp_path):
    config = tiny(
        train__length="600it", train__evaluate_every="100it", pruning__iterations=1, pruning__arms=["reinit"],
        workers=workers,
    )  # fmt: skip
    straight = carry_out(config, tmp_path / "straight")
    path = tmp_path / "long.yaml"
    path.write_text(config.to_yaml())
    process = Forked(tmp_path, "prune", path)
    deadline = time.monotonic() + 60
    while not any(path.stat().st_size for path in tmp_path.glob("runs/*/metrics.jsonl")):
        assert time.monotonic() < deadline
        time.sleep(0.01)
    process.send_signal(number)
    code, errors = process.wait(), process.err
    assert code == 130, errors
    run = only_run(tmp_path)
    assert f"lottery resume runs/{run.path.name}" in errors
    assert "Traceback" not in errors
    assert run.record["status"] == "interrupted"
    # On a busy machine the signal may come when all that was under way has just been trained.
    assert list(run.path.glob("checkpoint/*")) or run.levels()
    result = lottery("resume", run.path)
    assert result.code == 0, result.err
    assert tensor_files(run) == tensor_files(straight)
