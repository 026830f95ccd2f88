"""From what is asked for to a study that can be carried out: anew, or on a run that is there.

Nothing is written before an undertaking is begun.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

from lottery.config.schema import Config
from lottery.config.values import Duration
from lottery.errors import LotteryError
from lottery.store.reader import Reader
from lottery.store.run import Run
from lottery.studies import same_code
from lottery.studies.asked import Asked
from lottery.studies.askings import check_probes
from lottery.studies.copies import Copies, first_replicates, retraining
from lottery.studies.forecast import check_disk
from lottery.studies.fork import Fork, Wanted
from lottery.studies.kinds import study_of
from lottery.studies.layout import Layout, choose, kept_layout
from lottery.studies.plan import Level, largest_group
from lottery.studies.prune import Prune, extended
from lottery.studies.rewind import Rewind
from lottery.studies.setting import Setting
from lottery.studies.study import Study

Make = Callable[[Config, Reader], Setting]
"""How the config of a run is made real, whose data have to be its own; see `lottery.studies.prepare`."""


@dataclass(frozen=True)
class Undertaking:
    """An undertaking is a study that is to be carried out; one whose probes can't be asked of its networks can't be.

    Attributes:
        levels: those with networks left to train.
        run: whose study it is; None where a new one is made.
        config: what the run's becomes; None where it stays as it is.
        layout: the only one that will do, and why; None where any will.
        parent: the run that a new one retrains networks of.
        record: what the run says of it beside that.
    """

    study: Study
    levels: Sequence[Level]
    run: Reader | None = None
    config: Config | None = None
    layout: tuple[Layout, str] | None = None
    parent: Reader | None = None
    record: Mapping[str, object] = field(default_factory=dict)

    def __post_init__(self) -> None:
        check_probes(self.study.setting, self.levels)

    def laid_out(self) -> tuple[Layout, str]:
        """Return the layout by which it will be carried out, and why."""
        if self.layout is not None:
            return self.layout
        setting = self.study.setting
        if self.run is not None and "layout" not in self.record:
            kept = kept_layout(self.run.record, setting)
            if kept is not None:
                return kept, self.run.record.get("layout_because", "as it began")
        return choose(setting, largest_group(self.study.levels))

    @contextmanager
    def begun(self, runs_dir: Path, about: Mapping[str, object]) -> Iterator[Run]:
        """Provide the run within the context; a new one is made in `runs_dir`, and says `about` of itself, too."""
        if self.run is None:
            yield self._create(runs_dir, about)
            return
        run = Run(self.run.path)
        if self.config is None:
            yield run
            return
        with run.working():
            # Not finished from now on: whatever comes between, the run can be resumed.
            run.update(**self.record)
            run.write_config(self.config)
            yield run

    def _create(self, runs_dir: Path, about: Mapping[str, object]) -> Run:
        study, record = self.study, dict(self.record)
        if used := same_code.used(study.setting.config):
            # A report does without them, and is told what only they know.
            metrics = [asdict(metric) for metric in study.setting.task.metrics]
            record |= {"plugins": used, "metrics": metrics}
        if self.parent is not None:
            study.read(self.parent)  # all is read before a run is made
        if self.layout is not None:
            record |= {"layout": asdict(self.layout[0]), "layout_because": self.layout[1]}
        folder = next(folder for folder in (runs_dir, *runs_dir.absolute().parents) if folder.exists())
        check_disk(folder, study.setting, study.levels)
        return Run.create(runs_dir, study.setting.config, {"study": study.name, **about, **record})


def new(study: Study) -> Undertaking:
    """Return the undertaking of a study from its start; raise LotteryError where it asks for analyses in vain."""
    _check_analyses(study)
    return Undertaking(study, study.levels)


def _check_analyses(study: Study) -> None:
    """Raise LotteryError where an analysis is asked for levels or arms that a study won't have."""
    there: dict[str, Sequence[object]] = {
        "levels": [level.number for level in study.levels],
        "arms": list(dict.fromkeys(member.key.arm for level in study.levels for member in level.members)),
    }
    for analysis in study.setting.config.analyses:
        for option, values in there.items():
            asked = analysis.options.get(option, ()) if analysis.entry.own else ()
            for one in asked:
                if one not in values:
                    known = ", ".join(map(str, values))
                    raise LotteryError(f"analyses: {analysis.name}: {option}: there is no {one}; there are {known}")


def extension(run: Reader, iterations: int, make: Make, *, accept_changes: bool = False) -> Undertaking:
    """Return the undertaking of so many further rounds of pruning of a run; raise LotteryError where it can't be.

    Args:
        accept_changes: whether plugins may be others than they were.
    """
    same_code.require(run.record, accept_changes=accept_changes)
    study = Prune(make(extended(run, iterations), run))
    trained = {line["level"] for line in run.levels()}
    record: dict[str, object] = {"status": "interrupted", **_plugins(run, study)}
    if run.record["study"] != study.name:
        record |= {"study": study.name, "layout": None}  # of larger groups
    return Undertaking(
        study,
        [level for level in study.levels if level.number not in trained],
        run,
        study.setting.config,
        record=record,
    )


def retrained(
    parent: Reader, asked: Asked, to: str, copies: Copies, make: Make, *, accept_changes: bool = False
) -> Undertaking:
    """Return the undertaking that retrains a level's masks of a run; raise LotteryError where it can't be.

    Args:
        asked: what to retrain, but for the step that retraining starts from.
        to: that step: `2000it`, `3ep`.
        accept_changes: whether plugins may be others than they were.
    """
    _refuse_descendant(parent)
    try:
        duration = Duration.parse(to)
    except ValueError as error:
        raise LotteryError(f"to: {error}") from None
    same_code.require(parent.record, accept_changes=accept_changes)
    setting = make(retraining(parent.config, copies, asked.draws), parent)
    asked = replace(asked, to=duration.steps(setting.epoch))
    study = Rewind.of_parent(parent, setting, asked)
    record = {"rewind": asked.record(), **_descent(parent)}
    return Undertaking(study, study.levels, layout=study.parent_layout(parent), parent=parent, record=record)


def forked(parent: Reader, wanted: Wanted, copies: Copies, make: Make, *, accept_changes: bool = False) -> Undertaking:
    """Return the undertaking that trains networks of a run anew, and copies of them; raise LotteryError if it can't be.

    Args:
        copies: how many leave at each step, `orders`, and of which replicates.
        accept_changes: whether plugins may be others than they were.
    """
    _refuse_descendant(parent)
    same_code.require(parent.record, accept_changes=accept_changes)
    replicates = first_replicates(parent.config, copies.replicates)
    setting = make(parent.config.model_copy(update={"orders": 1, "replicates": replicates}), parent)
    asked = wanted.forked(setting, copies.orders or 2)
    study = Fork.of_parent(parent, setting, asked)
    return Undertaking(study, study.levels, parent=parent, record={"fork": asked.record(), **_descent(parent)})


def _refuse_descendant(parent: Reader) -> None:
    if parent.record.get("parent") is not None:
        made = parent.record["study"]
        raise LotteryError(f"{parent.path} was itself made by {made}; take its parent, {parent.record.get('parent')}")


def _descent(parent: Reader) -> dict[str, object]:
    return {"parent": str(parent.path.resolve()), "parent_id": parent.record["id"]}


def resumption(run: Reader, make: Make, *, accept_changes: bool = False) -> Undertaking:
    """Return the undertaking of what is left of a run's study; raise LotteryError where it can't be.

    Args:
        accept_changes: whether plugins may be others than they were.
    """
    same_code.require(run.record, accept_changes=accept_changes)
    study, before = study_of(run, make(run.config, run)), run.config
    config, record = before.model_copy(update={"model": study.setting.config.model}), _plugins(run, study)
    return Undertaking(study, study.levels, run, config if record or config != before else None, record=record)


def _plugins(run: Reader, study: Study) -> dict[str, object]:
    """Return what a run says of its plugins, where they aren't what they were: what they are, behind that."""
    new = same_code.changes(run.record, study.setting.config)
    return {"plugins": [*run.record.get("plugins", []), *new]} if new else {}


def is_done(run: Reader) -> bool:
    """Return whether there is nothing left to train; then the run's lines are put in order.

    Raises:
        LotteryError: lines of a trained network have been lost; the message says how it is trained again.
    """
    if run.record["status"] != "finished" or run.lacks_networks():
        return False
    own = Run(run.path)
    with own.working():
        own.settle(lambda line: False)  # noqa: ARG005
    own.whole_metrics(), own.whole_probes()
    return True
