"""What the functions of `lottery.api` are given is made into what studies take."""

import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import wraps
from os import PathLike
from pathlib import Path
from typing import ParamSpec, Self, TypeVar

from torch import nn
from torch.utils.data import Dataset as TorchDataset

from lottery import arguments
from lottery import plugins as plugin_files
from lottery.config import python
from lottery.config.file import load
from lottery.config.keys import LOOKING_ON
from lottery.config.schema import Config
from lottery.data import Dataset
from lottery.data import _own as own_data
from lottery.display.attended import carry_out
from lottery.display.onlooker import Onlooker
from lottery.errors import LotteryError
from lottery.escape import shown
from lottery.models import _own as own_model
from lottery.models._own import Given
from lottery.results import Results
from lottery.store.reader import Reader
from lottery.studies import undertaking
from lottery.studies.prepare import prepare
from lottery.studies.same_data import refuse_no_place
from lottery.studies.setting import Setting
from lottery.studies.study import Study
from lottery.studies.undertaking import Undertaking

ConfigLike = str | PathLike[str] | Mapping[str, object]
"""A config: the path of a YAML file, or a dict of the same keys."""
Model = Callable[..., nn.Module]
"""What makes a network: of no arguments, or of (shape, classes)."""
Data = Dataset | Sequence[TorchDataset[object]]
"""A data set, or a pair of torch's: (training, test)."""
Plugins = str | PathLike[str] | Iterable[str | PathLike[str]]
"""A file, or several, with methods of the caller's own."""


P = ParamSpec("P")
T = TypeVar("T")
_one = threading.RLock()


def one_at_a_time(function: Callable[P, T]) -> Callable[P, T]:
    """Return a function that waits for another thread's study: they share torch's settings and global random state."""

    @wraps(function)
    def wait(*arguments: P.args, **options: P.kwargs) -> T:
        with _one:
            return function(*arguments, **options)

    return wait


@dataclass(frozen=True)
class Call:
    """What all functions of the API are given: how a config is made real, and who looks on."""

    model: Given | None
    data: Dataset | None
    device: str | None
    onlooker: Onlooker
    accept_changes: bool = False

    @classmethod
    def of(
        cls,
        model: object,
        data: object,
        device: str | None,
        plugins: Plugins,
        progress: bool,
        stop: Callable[[], bool] | None,
        *,
        accept_changes: bool = False,
    ) -> Self:
        """Return what a function was given; raise LotteryError where it can't be used."""
        files = arguments.paths(plugins, "plugins")
        if stop is not None and not callable(stop):
            raise LotteryError(f"stop is {shown(stop)}; give a function that says whether to stop")
        plugin_files.load(files)
        again = [f"{name}=..." for name, given in (("model", model), ("data", data)) if given is not None]
        again += [f"plugins={[*map(str, files)]}"] if files else []
        onlooker = Onlooker(
            go_on=lambda run: f"lottery.resume({', '.join([repr(str(run.path)), *again])})",
            stop=stop or (lambda: False),
            quiet=not progress,
        )
        made = None if model is None else own_model.given(model)
        own = None if data is None else own_data.given(data)
        return cls(made, own, device, onlooker, accept_changes)

    def config(
        self, config: ConfigLike, settings: Mapping[str, object] | None, flags: Mapping[str, object]
    ) -> tuple[Config, bool]:
        """Return a config with what is changed in it, and whether it is the caller who says where the data are."""
        said = arguments.settings(settings) | {key: value for key, value in flags.items() if value is not None}
        changes = [python.setting(key, value) for key, value in said.items()]
        for kind, given in (("data", self.data), ("model", self.model)):
            if given is not None:
                changes.append(python.standing_in(kind))
        if isinstance(config, Mapping):
            return python.of(config, changes), True
        return load(arguments.path(config, "config"), changes=changes), not {"data", "data.root"}.isdisjoint(said)

    def setting(self, config: Config, of: Reader | None = None, *, download_anywhere: bool = False) -> Setting:
        """Return the setting of a config, or of a run's."""
        config = config if self.device is None else config.model_copy(update={"device": self.device})
        for kind, given in (("data", self.data), ("model", self.model)):
            if given is not None and getattr(config, kind).name != "given":
                raise LotteryError(f"{kind}: the run takes its own, {getattr(config, kind).name}; leave {kind}= out")
        return prepare(
            config,
            self.data,
            self.model,
            of=of,
            download_anywhere=download_anywhere,
            accept_changes=self.accept_changes,
        )

    def remake(self, settings: Mapping[str, object] | None, *, anew: bool = False) -> undertaking.Make:
        """Return how the config of a run is made real, its data wherever `settings` say that they are now.

        Args:
            anew: whether a new run is made of it, in which other probes and analyses may look on.
        """
        said = arguments.settings(settings)
        for key in said:
            if key != "data.root" and not (anew and key in LOOKING_ON):
                more = f", and {' and '.join(LOOKING_ON)}" if anew else ""
                raise LotteryError(f"settings: {key}: a run keeps its config; only data.root may be set{more}")
        changes = [python.setting(key, value) for key, value in said.items()]
        moved = "data.root" in said

        def make(config: Config, run: Reader) -> Setting:
            if moved:
                refuse_no_place(config.data)
            if changes:
                config = python.of(config.model_dump(mode="json"), changes)
            return self.setting(config, run, download_anywhere=moved)

        return make

    def new(self, kind: Callable[[Setting], Study], config: tuple[Config, bool], runs_dir: Path) -> Results:
        """Carry out a study from its start."""
        read, download_anywhere = config
        study = kind(self.setting(read, download_anywhere=download_anywhere))
        return self.carry_out(undertaking.new(study), runs_dir)

    def carry_out(self, work: Undertaking, runs_dir: Path) -> Results:
        """Carry out a study, and return what was found."""
        return Results(carry_out(work, runs_dir, {}, self.onlooker).path)
