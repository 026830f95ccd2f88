"""Several runs side by side: which repeat one another, in what the others differ, how they stand by density."""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean

from lottery import words
from lottery.arms import is_main
from lottery.escape import visible
from lottery.reporting.entries import Costed, mean_of, with_costs
from lottery.reporting.quantities import at_end, metrics_of, unit_of_differences, with_unit
from lottery.reporting.series import by_level, has_dense, readings, shown, whole
from lottery.reporting.statistics import Answer, Estimate, Reading, difference
from lottery.reporting.verdicts import matches
from lottery.store.flat import dotted
from lottery.store.reader import Reader
from lottery.tasks import Metric

_CHANGES_NO_RESULT = {
    "name", "seed", "replicates", "device", "workers", "execution", "checkpoint", "deterministic", "trackers",
}  # fmt: skip
"""Settings of a study that its results don't depend on but by chance and rounding."""
_SMALL = "model.small_dense"
_CONTENTS = "data.contents"
"""A digest; where the data are stands beside it, if they differ."""


def conditions(run: Reader) -> dict[str, object]:
    """Return what a run's results depend on: dotted key of the config -> value; and what `rewind` was asked for."""
    config = run.config.model_dump(mode="json", exclude=_CHANGES_NO_RESULT)
    flat = dotted(config | {"rewind": run.record.get("rewind", {})})
    flat.pop("pruning.iterations")  # a longer study begins as a shorter one
    if (data := run.record.get("data")) is not None:  # the same data elsewhere are the same, and others there are not
        flat.pop("data.root", None)
        flat[_CONTENTS] = data["sha256"][:8]
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
    own, made = run.record["id"], run.record.get("rewind")
    return f"{own} ({words.of_rewind(made)})" if made else own


def dense_beside(groups: Sequence[Sequence[Reader]], prefer_own: bool = True) -> list[int | None]:
    """Return, for each group, the position of one that trained a dense network of its model and data, if any did.

    It is the group itself, if that has one and is preferred, else the first. A small dense network is none.
    """
    of_subject = ("model.", "data.", "task.")
    everyones = [conditions(group[0]) for group in groups]
    subjects = [{key: own[key] for key in own if key.startswith(of_subject) and key != _SMALL} for own in everyones]
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
    differing = {key: found for key, found in values.items() if len(set(found)) > 1}
    if _CONTENTS in differing:  # which says little to a reader
        differing["data.root"] = [str(run.config.data.options.get("root", "-")) for run in runs]
    return differing


@dataclass(frozen=True)
class Standing:
    """A standing is what one study's networks of one density came to, controls left out.

    Attributes:
        density: kept share of the weights; of a small dense network, its size over that of the whole model.
        value: of the metric, on the test data at the end; None where all diverged.
        gain: how much better it is than the dense network's, paired by seed and replicate; None where they share none.
        matching: whether it is as good as the dense network's, but for the tolerance.
        flops: of one forward pass on one image.
        train_flops: of its training.
        total_train_flops: with the training of those it was pruned from; None where it isn't known.
    """

    label: str
    density: float
    metric: Metric
    value: Estimate | None
    gain: Estimate | None
    matching: Answer
    flops: float
    train_flops: float | None
    total_train_flops: float | None


def standings(groups: Sequence[Sequence[Reader]]) -> list[Standing]:
    """Return the standings of all studies at all densities, the densest first.

    Args:
        groups: of repetitions of one study each, as `repetitions` gives them.
    """
    found = []
    for name, group, peer in zip(labels(groups), groups, dense_beside(groups), strict=True):
        lines = [line for line in pooled(group) if is_main(line["arm"])]
        for level in sorted({line["level"] for line in lines}):
            own = [line for line in lines if line["level"] == level]
            found.append(_standing(name, group, own, None if peer is None else groups[peer]))
    return sorted(found, key=lambda one: -round(one.density, 3))  # stable: studies in the order they were named


def _standing(name: str, group: Sequence[Reader], own: Sequence[Costed], beside: Sequence[Reader] | None) -> Standing:
    metric, level, small = metrics_of(group[0])[0], own[0]["level"], group[0].config.model.small_dense
    apart = beside if level or small else None
    gain = None
    if apart is not None:
        sides = seeded(group, level, metric), seeded(apart, 0, metric)
        gain = difference(*sides, higher_is_better=metric.higher_is_better)
    return Standing(
        label=name,
        density=own[0]["density"] * (small or 1.0),
        metric=metric,
        value=by_level(own, at_end(metric)).get(level),
        gain=gain,
        matching=matches(metric, gain),
        flops=fmean(line["flops"] for line in own),
        train_flops=mean_of(own, "train_flops"),
        total_train_flops=mean_of(own, "total_train_flops"),
    )


def seeded(
    group: Sequence[Reader], level: int, metric: Metric, arm: str | None = None
) -> dict[tuple[int, int], Reading]:
    """Return readings by seed and replicate: networks that share both share split and batches, whatever their study."""
    return {
        (run.config.seed, replicate): reading
        for run in group
        for replicate, reading in readings(whole(shown(run.levels()), level, arm), metric).items()
    }


def headings(found: Sequence[Standing]) -> tuple[str, str]:
    """Return the headings of the columns of values and of gains."""
    metrics = list(dict.fromkeys(one.metric for one in found))
    if len(metrics) != 1:
        return "test metric", "better than dense"
    (metric,) = metrics
    against = "minus dense" if metric.higher_is_better else "less than dense"
    unit = unit_of_differences(metric)
    return f"test {with_unit(metric)}", f"{against}, {unit}" if unit else against
