"""What tests share: a tiny study, and the command line called in this process."""

from __future__ import annotations

import gzip
import hashlib
import os
import shutil
import signal
import struct
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import chain, repeat
from pathlib import Path
from typing import IO, TextIO

import numpy as np
import pytest
import torch

from lottery import cli, models, registry
from lottery.config.schema import Config
from lottery.data._download import Missing
from lottery.errors import Interrupted, LotteryError
from lottery.networks.key import Key
from lottery.networks.network import Network
from lottery.networks.parameters import prunable
from lottery.store.reader import Reader
from lottery.store.run import Run
from lottery.studies.chunk import make_trainer
from lottery.studies.execute import execute
from lottery.studies.kinds import KINDS, study_of
from lottery.studies.plan import Level
from lottery.studies.prepare import prepare
from lottery.studies.setting import Setting
from lottery.studies.watcher import Watcher
from lottery.training.batches import Batches
from lottery.training.loop import Trainer
from lottery.training.recipe import Member


def pytest_xdist_auto_num_workers(config: pytest.Config) -> int | None:
    """Return 0 (all in this process) where files, a mark or output are asked for, else None: one process for each core.

    Processes side by side compute with one thread each: more would wait for each other.
    """
    if config.option.file_or_dir or config.option.capture == "no" or "-m" in config.invocation_params.args:
        return 0
    os.environ["OMP_NUM_THREADS"] = "1"  # theirs, and that of what they start
    return None


def tiny(**changes: object) -> Config:
    """A study of seconds: digits, 64-16-10, two replicates. `changes` are dotted keys with __ for the dot."""
    values: dict = {
        "name": "tiny",
        "data": {"name": "digits", "validation": 100},
        "model": {"name": "fcn", "widths": [16]},
        "train": {
            "length": "30it",
            "batch_size": 32,
            "optimizer": {"name": "adam", "lr": 0.01},
            "evaluate_every": "10it",
        },
        "pruning": {"iterations": 2, "fraction": 0.5, "arms": ["reinit", "random", "shuffle"]},
        "replicates": 2,
        "device": "cpu",
        "workers": 1,
    }
    for key, value in changes.items():
        *parents, last = key.split("__")
        target = values
        for parent in parents:
            target = target.setdefault(parent, {})
        target[last] = value
    return Config.model_validate(values)


def sketch(name: str, shape: tuple[int, int, int], classes: int = 10, **options: object) -> torch.nn.Module:
    """A model without numbers."""
    with torch.random.fork_rng(devices=[]), torch.device("meta"):
        return registry.find("models", name)(shape, classes, **options)


def count(model: torch.nn.Module) -> int:
    """Weights of its convolutions and linear layers."""
    return sum(shape.numel() for shape in prunable(model).values())


class Quiet:
    """A watcher that watches nothing."""

    def planned(self, levels, work, how): ...

    def training(self, members, done): ...

    def advanced(self, members, steps): ...

    def evaluated(self, lines): ...

    def trained(self, members): ...

    def noted(self, text): ...


def plan(setting: Setting, study: str) -> list[Level]:
    """The levels of a study of this kind."""
    return KINDS[study](setting).levels


def main(replicate: int, level: int) -> Key:
    """The dense network of a replicate, or the ticket of a level."""
    return Key(replicate, level, "ticket" if level else "dense")


def new_trainer(
    setting: Setting,
    networks: Sequence[Network],
    replicates: Sequence[int],
    *,
    start: int = 0,
    execution: str = "looped",
    level: int = 0,
) -> Trainer:
    """A trainer of these networks, each of one of `replicates`, by the usual recipe from step `start` on."""
    recipe = replace(setting.recipe, start=start)
    members = [Member(setting.main(replicate, level), recipe) for replicate in replicates]
    return make_trainer(setting, list(networks), members, execution)


def batches_of(setting: Setting, replicates: Sequence[int]) -> Batches:
    """The training batches of some replicates, in their usual order."""
    return Batches(setting.data, [(one, 0) for one in replicates], setting.recipe.batch_size, setting.config.seed)


def carry_on(
    run: Run, setting: Setting, watcher: Watcher | None = None, stop: Callable[[], bool] = lambda: False
) -> None:
    """Do what of a run isn't done yet."""
    execute(run, study_of(run, setting), watcher or Quiet(), stop)


def carry_out(config: Config, folder: Path, study: str = "prune", stop: Callable[[], bool] = lambda: False) -> Run:
    """Create a run and execute it."""
    run = Run.create(folder, config, {"study": study})
    carry_on(run, prepare(config), stop=stop)
    return run


def interrupted_and_resumed(config: Config, folder: Path, study: str, questions: int = 40) -> Run:
    """Create a run, execute it until it has asked so often whether to stop, and then to its end."""
    asked = chain(repeat(False, questions), repeat(True))
    with pytest.raises(Interrupted):
        carry_out(config, folder, study, lambda: next(asked))
    (run,) = (Run(path) for path in folder.iterdir())
    carry_on(run, prepare(config))
    return run


FILE_EVENTS = {"open", "os.rename", "os.remove", "os.rmdir", "os.mkdir", "os.truncate"}


def killed_at(run: Run, work: Config | Callable[[], object], moment: int) -> int | None:
    """Work on `run`, of this config or as this says, in a process that is killed right before its `moment`-th access.

    Python's own audit events tell of every file that is opened, renamed or removed, whatever code does it. Returns the
    number of accesses if the study came to its end before, None if the process was killed.
    """
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            left, me = moment, os.getpid()

            def watch(event, arguments):
                nonlocal left
                if event in FILE_EVENTS and str(run.path) in str(arguments[0]) and os.getpid() == me:
                    left -= 1
                    if left == 0:
                        os.kill(me, signal.SIGKILL)

            sys.addaudithook(watch)
            work() if callable(work) else carry_on(run, prepare(work))
            os.write(write, str(moment - left).encode())
            os._exit(0)
        except BaseException:
            traceback.print_exc()
            os._exit(1)
    os.close(write)
    _, status = os.waitpid(child, 0)
    with os.fdopen(read) as pipe:
        said = pipe.read()
    if os.WIFSIGNALED(status):
        assert os.WTERMSIG(status) == signal.SIGKILL
        return None
    assert os.WEXITSTATUS(status) == 0, "the study failed by itself"
    return int(said)


class Forked:
    """The command line in a process of its own, which torch and all else needn't be imported in once more.

    Attributes:
        pid: of the process.
        out, err: what it had written to standard output and standard error when it ended.
    """

    out = err = ""

    def __init__(self, folder: Path, *arguments: object, before: Callable[[], object] = lambda: None) -> None:
        """Call `lottery` with these arguments in a folder; `before` is done in the process first."""
        self._files = [tempfile.TemporaryFile("w+") for _ in range(2)]  # noqa: SIM115
        self._code: int | None = None
        sys.stdout.flush()
        self.pid = os.fork()
        if self.pid:
            return
        code = 1
        try:
            os.chdir(folder)
            for number, file in enumerate(self._files, 1):
                os.dup2(file.fileno(), number)
            before()
            sys.stdout, sys.stderr = (_stream(number) for number in (1, 2))
            sys.argv = ["lottery", *map(str, arguments)]
            torch.set_num_threads(1)  # others that its parent had are not there
            cli.main()
        except SystemExit as stop:
            code = int(stop.code or 0)
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(code)

    def poll(self) -> int | None:
        """Return how it ended, or None."""
        if self._code is None:
            ended, status = os.waitpid(self.pid, os.WNOHANG)
            if ended:
                self._code = os.waitstatus_to_exitcode(status)
                self.out, self.err = map(_read, self._files)
        return self._code

    def wait(self, seconds: float = 60) -> int:
        """Return how it ended; fail where it doesn't in so many seconds."""
        deadline = time.monotonic() + seconds
        while (code := self.poll()) is None:
            assert time.monotonic() < deadline
            time.sleep(0.01)
        return code

    def send_signal(self, number: int) -> None:
        if self.poll() is None:
            os.kill(self.pid, number)

    def end(self) -> None:
        """End it, if it hasn't."""
        self.send_signal(signal.SIGKILL)
        self.wait()


def _read(file: IO[str]) -> str:
    with file:
        file.seek(0)
        return file.read()


def _stream(number: int) -> TextIO | None:
    """Return what Python makes of a number as it starts: a stream, or None where it is closed."""
    try:
        return open(number, "w", closefd=False)
    except OSError:
        return None


def tensor_files(run: Run) -> dict[str, str]:
    """Every tensor file of a run but checkpoints: relative path -> digest of its bytes."""
    return {
        str(path.relative_to(run.path)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(run.path.glob("replicate-*/**/*.safetensors"))
        if path.is_file()
    }


def lines(run: Run) -> list[str]:
    """All lines without what is measured in seconds, in an order of their own: chunks finish in any."""
    both = [*run.whole_metrics(), *run.levels(), *run.whole_probes()]
    return sorted(repr({key: value for key, value in line.items() if "seconds" not in key}) for line in both)


def same(run: Run, other: Run) -> bool:
    """Whether two runs hold the same tensors, to the byte, and the same lines."""
    return tensor_files(run) == tensor_files(other) and lines(run) == lines(other)


@contextmanager
def one_thread() -> Iterator[None]:
    """Compute with one thread: a member's sums don't depend on where it is trained, and forked processes don't hang."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@dataclass
class Result:
    code: int
    out: str
    err: str


@pytest.fixture
def lottery(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Callable[..., Result]:
    """Call the command line in an empty folder; gives exit code, stdout and stderr."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.setattr("gc.freeze", lambda: None)  # of what other tests left, whose libraries want it back at exit

    def call(*arguments: str | Path) -> Result:
        monkeypatch.setattr(sys, "argv", ["lottery", *map(str, arguments)])
        code = 0
        try:
            cli.main()
        except SystemExit as stop:
            code = int(stop.code or 0)
        captured = capsys.readouterr()
        return Result(code, captured.out, captured.err)

    return call


@pytest.fixture
def config_file(tmp_path: Path) -> Path:
    """The tiny study as a YAML file."""
    path = tmp_path / "tiny.yaml"
    path.write_text(tiny().to_yaml())
    return path


@pytest.fixture
def own_models(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The networks of `tests/models` beside those that lottery has."""
    folder = str(Path(__file__).parent / "models")
    monkeypatch.setattr(models, "__path__", [*models.__path__, folder])
    forget_entries()
    yield
    monkeypatch.undo()
    forget_entries()


@pytest.fixture
def nothing_brought(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    """What a test registers from files in its folder is gone after it."""
    monkeypatch.setattr(sys, "path", [*sys.path])
    monkeypatch.setattr(registry, "_registered", {kind: {} for kind in registry.KINDS})
    yield
    for name, module in [*sys.modules.items()]:
        if str(getattr(module, "__file__", None)).startswith(str(tmp_path)):
            del sys.modules[name]


def forget_entries() -> None:
    """Have the registry look into its folders again."""
    registry._own.cache_clear()


def measured(accuracy: float | None, images: int = 10_000, loss: float | None = 0.3) -> dict:
    """What a network came to on one split, with the right answers that an accuracy says."""
    right = None if accuracy is None else round(images * accuracy)
    share = {
        "value": None if right is None else right / images,
        "right": right,
        "of": None if right is None else images,
    }
    return {"loss": loss, "metrics": {"accuracy": share}}


def accuracy(measured: dict) -> float:
    """The accuracy among what was measured on one split."""
    return measured["metrics"]["accuracy"]["value"]


def summary(replicate: int = 0, level: int = 0, arm: str | None = None, **changes: object) -> dict:
    """A line of levels.jsonl; `changes` name measured things as flat records do: test_accuracy, early_stop_step, ..."""
    flat = {
        "test_accuracy": 0.9, "test_images": 10_000, "test_loss": 0.3, "validation_accuracy": 0.9,
        "validation_images": 10_000, "validation_loss": 0.3, "early_stop_step": 20, "early_stop_test_accuracy": 0.88,
    }  # fmt: skip
    flat |= {key: changes.pop(key) for key in [*changes] if key.startswith(("test_", "validation_", "early_stop_"))}
    early = {"step": flat["early_stop_step"], "test": measured(flat["early_stop_test_accuracy"], flat["test_images"])}
    validation = measured(flat["validation_accuracy"], flat["validation_images"], flat["validation_loss"])
    return {
        "replicate": replicate, "level": level, "arm": arm or main(0, level).arm, "order": 0, "density": 0.5,
        "nonzero": 5, "total": 10, "parameters": 12, "flops": 10, "dense_flops": 20, "start_step": 0, "stop_step": 30,
        "test": measured(flat["test_accuracy"], flat["test_images"], flat["test_loss"]),
        "validation": None if flat["validation_accuracy"] is None else validation,
        "early_stop": None if flat["early_stop_step"] is None else early,
        "evaluate_every": 10, "train_seconds": 1.5, "train_flops": 1000, "diverged": None, "collapsed": [],
    } | changes  # fmt: skip


def evaluation(replicate: int = 0, level: int = 0, arm: str | None = None, **changes: object) -> dict:
    """A line of metrics.jsonl."""
    own = measured(changes.pop("accuracy", 0.9))
    return {
        "replicate": replicate, "level": level, "arm": arm or main(0, level).arm, "order": 0, "step": 10, "epoch": 0.5,
        "split": "test", "lr": 0.1, "seconds": 1.5,
    } | own | changes  # fmt: skip


def recorded(folder: Path, config: Config, lines: Iterable[dict], study: str = "prune", **record: object) -> Run:
    """A finished run directory with these lines of levels.jsonl, and networks of one weight: nothing is trained."""
    run = Run.create(folder, config, {"study": study, **record})
    network = Network({"w": torch.zeros(1)}, {"w": torch.ones(1, dtype=torch.bool)})
    for line in lines:
        run.write_network(network, line)
        own = {"order": line["order"], "step": line["stop_step"]}
        run.append_metrics([evaluation(line["replicate"], line["level"], line["arm"], **own)])
        run.append_levels([line])
    run.finish("finished")
    return run


def networks(accuracies: Sequence[float], level: int, arm: str | None = None, **changes: object) -> list[dict]:
    """Lines of levels.jsonl: one for each accuracy, by replicate; of other keys a value, or a list of each one's."""
    lines = []
    for replicate, accuracy in enumerate(accuracies):
        own = {key: value[replicate] if isinstance(value, list) else value for key, value in changes.items()}
        lines.append(summary(replicate, level, arm, **({"density": 0.8**level, "test_accuracy": accuracy} | own)))
    return lines


def write_idx(folder: Path, compress: bool = False, count: int = 3, seed: int = 0) -> dict[str, np.ndarray]:
    """Write small files as MNIST has them; returns the images of `train` and `t10k`."""
    folder.mkdir(parents=True)
    generator = np.random.default_rng(seed)
    parts = {}
    for split in ("train", "t10k"):
        images = generator.integers(0, 256, (count, 28, 28), dtype=np.uint8)
        labels = (np.arange(count) % 10).astype(np.uint8)
        for name, array in ((f"{split}-images-idx3-ubyte", images), (f"{split}-labels-idx1-ubyte", labels)):
            data = struct.pack(f">HBB{array.ndim}I", 0, 8, array.ndim, *array.shape) + array.tobytes()
            if compress:
                (folder / f"{name}.gz").write_bytes(gzip.compress(data))
            else:
                (folder / name).write_bytes(data)
        parts[split] = images
    return parts


def refused(name: str, root: Path, **options: object) -> str:
    """Return the one line that is said where a data set can't be read."""
    with pytest.raises(LotteryError) as caught:
        registry.find("data", name)(root=str(root), **options)
    assert not isinstance(caught.value, Missing)
    assert len(str(caught.value).splitlines()) == 1
    return str(caught.value)


def spoiled(path: Path, kind: str) -> None:
    """Put something that is no file, or hardly one, in the place of one."""
    if kind == "pipe":
        os.mkfifo(path)
    elif kind == "folder":
        path.mkdir()
    elif kind == "huge":
        with path.open("wb") as file:
            file.truncate(1 << 40)
    elif kind == "loop":
        path.symlink_to(path)
    elif kind == "device":
        path.symlink_to("/dev/zero")
    else:
        path.symlink_to(path.with_name("nowhere"))


@pytest.fixture(scope="session")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A finished run of the tiny study. Not to be changed."""
    return carry_out(tiny(), tmp_path_factory.mktemp("runs"))


@pytest.fixture(scope="session")
def browser():
    """Chromium, without a head; tests that want it skip where there is none, or no playwright."""
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    if chromium is None:
        pytest.skip("there is no Chromium here")
    flags = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-sync", "--disable-quic"]
    with playwright.sync_playwright() as driver:
        found = driver.chromium.launch(executable_path=chromium, args=flags)
        yield found
        found.close()


@pytest.fixture(scope="session")
def page_file(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """Write the page of some runs, once for each group of them."""
    from lottery.reporting.html import page

    folder, written = tmp_path_factory.mktemp("pages"), dict[tuple[Path, ...], Path]()

    def write(*runs: Reader) -> Path:
        paths = tuple(run.path for run in runs)
        if paths not in written:
            written[paths] = folder / f"{len(written)}.html"
            written[paths].write_text(page(runs))
        return written[paths]

    return write


@pytest.fixture
def opened(browser, page_file):
    """Open the page of some runs; what the console says and what is asked of the network are kept."""
    pages = []

    def open_page(*runs, **options):
        file = page_file(*runs)
        context = browser.new_context(**options)
        tab = context.new_page()
        tab.said, tab.asked = [], []
        tab.on("console", lambda message: tab.said.append(message.text))
        tab.on("pageerror", lambda error: tab.said.append(str(error)))
        tab.on("request", lambda request: tab.asked.append(request.url))
        tab.goto(file.as_uri())
        pages.append(context)
        return tab

    yield open_page
    for context in pages:
        context.close()


@pytest.fixture(scope="session")
def mnist_root() -> Path:
    """A folder with the real MNIST in it; tests that want it skip where there is none."""
    root = Path(os.environ.get("LOTTERY_TEST_DATA", Path(__file__).parents[2] / "shared" / "data"))
    if not (root / "MNIST" / "raw").is_dir():
        pytest.skip(f"no MNIST in {root}; name its folder with LOTTERY_TEST_DATA")
    return root


@pytest.fixture(autouse=True)
def global_generator_untouched():
    """Nothing in the package draws from torch's global generator."""
    before = torch.get_rng_state()
    yield
    assert torch.equal(before, torch.get_rng_state())
