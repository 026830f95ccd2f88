"""Several runs side by side: which repeat one another, in what the others differ, how they stand by density."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from statistics import fmean

from lottery import words
from lottery.arms import is_main
from lottery.config.wording import yaml_text
from lottery.escape import visible
from lottery.reporting import given
from lottery.reporting.entries import Costed, mean_of, with_costs
from lottery.reporting.quantities import at_end, metrics_of, unit_of_differences, with_unit
from lottery.reporting.series import by_level, has_dense, readings, shown, whole
from lottery.reporting.verdicts import matches
from lottery.statistics import Answer, Estimate, Reading, difference
from lottery.store.flat import dotted
from lottery.store.reader import Reader
from lottery.tasks import Metric

_CHANGES_NO_RESULT = {
    "name", "seed", "replicates", "orders", "device", "workers", "execution", "checkpoint", "deterministic", "trackers",
    "analyses",
}  # fmt: skip
"""Settings of a study that its results don't depend on but by chance and rounding."""
_SMALL = "model.small_dense"
_MOST_SETTINGS = 3
"""That a label says: more make it no name any longer."""
_ROOT = "data.root"
_CONTENTS = "data.contents"
"""A digest; where the data are stands beside it, if they differ."""


def conditions(run: Reader) -> dict[str, object]:
    """Return what a run's results depend on: dotted key of the config -> value; and what `rewind` was asked for."""
    config = run.config.model_dump(mode="json", exclude=_CHANGES_NO_RESULT)
    flat = dotted(config | {"rewind": run.record.get("rewind", {}), "fork": run.record.get("fork", {})})
    flat.pop("pruning.iterations")  # a longer study begins as a shorter one
    if (data := run.record.get("data")) is not None:  # the same data elsewhere are the same, and others there are not
        flat.pop(_ROOT, None)
        flat[_CONTENTS] = data["sha256"][:8]
    return given.told(flat, run.config)


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
    """Return what tells groups from one another: the study's name, and the settings in which it differs from others.

    From those of its name alone, where all differ in more settings than a label says; and where that doesn't tell them
    apart, the runs' ids.
    """
    firsts = [group[0] for group in groups]
    names = [run.config.name for run in firsts]
    settings = settings_of(firsts)
    if groups and len(settings[0]) > _MOST_SETTINGS:
        for name in dict.fromkeys(names):
            places = [place for place, other in enumerate(names) if other == name]
            for place, own in zip(places, settings_of([firsts[place] for place in places]), strict=True):
                settings[place] = own
    found = []
    for run, name, own in zip(firsts, names, settings, strict=True):
        told = [f"{key}={value}" for key, value in own.items() if value][:_MOST_SETTINGS]
        told += [made] if (made := words.of_descent(run.record)) else []
        alike = len(set(names)) == 1
        found.append(", ".join(told) if told and alike else f"{name} ({', '.join(told)})" if told else name)
    ids = [" + ".join(_title(run) for run in group) for group in groups]
    return [visible(one if found.count(one) == 1 else by_id) for one, by_id in zip(found, ids, strict=True)]


def settings_of(runs: Sequence[Reader], *also: str) -> list[dict[str, str]]:
    """Return, for each run, what its config says where the others' say something else, by short names: `lr`.

    An empty text stands for null; `also` is as for `values_apart`. What only some configs have is left out: options
    of methods, in whose names they differ, and whole sections.
    """
    found, everyones = values_apart(runs, *also), [_settings(run, also) for run in runs]
    shared = [key for key in found if all(key in own for own in everyones)]
    keys = [key for key in shared if key != _ROOT and not key.startswith(("rewind.", "fork."))]
    short = {key: _short(key, keys) for key in keys}
    return [{short[key]: _text(found[key][place]) for key in keys} for place in range(len(runs))]


def _settings(run: Reader, also: Collection[str]) -> dict[str, object]:
    return {key: getattr(run.config, key) for key in also} | conditions(run)


def _short(key: str, others: Sequence[str]) -> str:
    """Return as much of the end of a dotted key as tells it from others; `name` alone says nothing."""
    parts = key.removesuffix(".name").split(".")
    rest = [other.removesuffix(".name").split(".") for other in others if other != key]
    for count in range(1, len(parts)):
        if all(other[-count:] != parts[-count:] for other in rest):
            return ".".join(parts[-count:])
    return ".".join(parts)


def _text(value: object) -> str:
    return "" if value is None else yaml_text(value)


def _title(run: Reader) -> str:
    own, made = run.record["id"], words.of_descent(run.record)
    return f"{own} ({made})" if made else own


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
    return {key: [_text(value) or "-" for value in values] for key, values in values_apart(runs).items()}


def values_apart(runs: Sequence[Reader], *also: str) -> dict[str, list[object]]:
    """Return dotted key -> each run's value, None for one that it lacks, of the conditions in which runs differ.

    Args:
        also: keys that count, too, though results depend on them by chance alone: `seed`.
    """
    everyones = [_settings(run, also) for run in runs]
    keys = dict.fromkeys(key for own in everyones for key in own)
    values = {key: [own.get(key) for own in everyones] for key in keys}
    differing = {key: found for key, found in values.items() if len(set(map(repr, found))) > 1}
    if _CONTENTS in differing:  # which says little to a reader
        differing[_ROOT] = [run.config.data.options.get("root") for run in runs]
    return given.without_digests(differing)


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
