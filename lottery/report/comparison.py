"""Several runs side by side: which of them repeat one another, and in what the others differ."""

from collections.abc import Sequence

from lottery.escape import visible
from lottery.report.costs import Costed, with_costs
from lottery.report.series import has_dense, shown
from lottery.store.reader import Reader

_CHANGES_NO_RESULT = (
    "name", "seed", "replicates", "device", "workers", "execution", "checkpoint", "deterministic", "trackers",
)  # fmt: skip
"""Settings of a study that its results don't depend on but by chance and rounding."""
_SMALL = "model.small_dense"


def conditions(run: Reader) -> dict[str, object]:
    """Return what a run's results depend on: dotted key of the config -> value; and what `rewind` was asked for."""
    flat: dict[str, object] = {}

    def walk(value: object, path: str) -> None:
        if isinstance(value, dict):
            for key, inner in value.items():
                walk(inner, f"{path}.{key}" if path else key)
        else:
            flat[path] = value

    config = run.config.model_dump(mode="json")
    walk({key: value for key, value in config.items() if key not in _CHANGES_NO_RESULT}, "")
    flat.pop("pruning.iterations")  # a longer study begins as a shorter one
    walk(run.record.get("rewind", {}), "rewind")
    return flat


def repetitions(runs: Sequence[Reader]) -> list[list[Reader]]:
    """Return the runs in groups that differ in nothing but seed, name and device: further replicates of one study.

    A run with the seed of another holds the same replicates, not further ones: it stays by itself.
    """
    groups: list[tuple[dict[str, object], set[int], list[Reader]]] = []
    for run in runs:
        own, seed = conditions(run), run.config.seed
        for theirs, seeds, group in groups:
            if theirs == own and seed not in seeds:
                seeds.add(seed)
                group.append(run)
                break
        else:
            groups.append((own, {seed}, [run]))
    return [group for _, _, group in groups]


def pooled(group: Sequence[Reader]) -> list[Costed]:
    """Return what is shown of repetitions of one study, with replicates numbered through."""
    lines: list[Costed] = []
    offset = 0
    for run in group:
        lines += [{**line, "replicate": line["replicate"] + offset} for line in shown(with_costs(run))]
        offset += run.config.replicates
    return lines


def labels(groups: Sequence[Sequence[Reader]]) -> list[str]:
    """Return what tells groups from one another: the study's name where no other has it, else the runs' ids."""
    names = [group[0].config.name for group in groups]
    return [
        visible(name if names.count(name) == 1 else " + ".join(_title(run) for run in group))
        for name, group in zip(names, groups, strict=True)
    ]


def _title(run: Reader) -> str:
    record = run.record
    made = record.get("rewind")
    return f"{record['id']} ({made['mask']} mask, {made['weights']} weights)" if made else record["id"]


def dense_beside(groups: Sequence[Sequence[Reader]], prefer_own: bool = True) -> list[int | None]:
    """Return, for each group, the position of one that trained a dense network of its model and data, if any did.

    It is the group itself, if that has one and is preferred, else the first. A small dense network is none.
    """
    subjects = [
        {
            key: value
            for key, value in conditions(group[0]).items()
            if key.startswith(("model.", "data.", "task.")) and key != _SMALL
        }
        for group in groups
    ]
    there = [
        group[0].config.model.small_dense is None and any(has_dense(run.levels()) for run in group) for group in groups
    ]
    found: list[int | None] = []
    for own, subject in enumerate(subjects):
        peers = [other for other, theirs in enumerate(subjects) if there[other] and theirs == subject]
        found.append(own if prefer_own and own in peers else next(iter(peers), None))
    return found


def differences(runs: Sequence[Reader]) -> dict[str, list[str]]:
    """Return dotted key -> each run's value, of the conditions in which runs differ; `-` for one that a run lacks."""
    everyones = [conditions(run) for run in runs]
    keys = dict.fromkeys(key for own in everyones for key in own)
    values = {key: ["-" if own.get(key) is None else str(own[key]) for own in everyones] for key in keys}
    return {key: found for key, found in values.items() if len(set(found)) > 1}
