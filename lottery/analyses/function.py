"""The analysis `function` compares networks by what they answer, rather than by their weights."""

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from functools import partial
from itertools import combinations
from statistics import fmean
from typing import Literal

from torch import Tensor

from lottery import arms
from lottery.analyses._lines import written
from lottery.config.values import Few
from lottery.exhibits import Chart, Curve, Exhibit, Findings, Line, Table
from lottery.explaining import agreement
from lottery.explaining.outputs import Outputs
from lottery.explaining.piece import Piece
from lottery.explaining.retrained import called, draws, is_retrained
from lottery.explaining.trained import Trained
from lottery.networks.key import Key
from lottery.statistics import estimate, jackknifed


def function(trained: Trained, *, bins: Few = 15) -> Iterator[Piece]:
    """Compare what networks answer on the test data (Fort et al. 2019; Evci et al. 2022).

    Of copies, which differ in the order of batches alone, or in their draw, too, and of the same network of all
    replicates: accuracy, expected calibration error and negative log likelihood of each, and of their ensemble, which
    answers by the mean of their softmax; and on how many images two of them disagree. Of copies and the solution that
    their mask was pruned from, and of a level's network and that of the level before: on how many images they disagree.

    Args:
        bins: of the calibration error, of equal width.
    """

    def piece(key: Key, among: str, find: Callable[[], Findings], **of: int) -> Piece:
        start = trained.lines[key]["start_step"]
        return Piece({"among": among, "level": key.level, "arm": key.arm, "start": start, **of}, find)

    outputs = Outputs(trained)
    solved: dict[tuple[int, int], bool] = {}
    for keys in _groups(trained.keys, lambda key: (*key[:3], trained.lines[key]["start_step"])):
        key, place, of = keys[0], keys[0][:2], {"replicate": keys[0].replicate, "networks": len(keys)}
        yield piece(key, "copies", partial(_alike, trained, outputs, keys, bins), **of)
        solved[place] = solved[place] if place in solved else is_retrained(trained, key)
        if solved[place]:
            pruned = partial(outputs.solution, key)
            yield piece(key, "solution", partial(_with, trained, outputs, keys, pruned), **of)
    usual = [key for key in trained.keys if not key.order]
    for keys in _groups(usual, lambda key: (key.level, key.arm)):
        if len(keys) > 1:
            yield piece(keys[0], "replicates", partial(_alike, trained, outputs, keys, bins), networks=len(keys))
    for key in usual:
        before = trained.main(key.replicate, key.level - 1)
        if before is not None and arms.is_main(key.arm):
            scores = partial(outputs.end, before)
            yield piece(key, "levels", partial(_with, trained, outputs, [key], scores), replicate=key.replicate)


def _groups(keys: Iterable[Key], name: Callable[[Key], tuple[object, ...]]) -> list[list[Key]]:
    """Return keys of one name together, groups and keys in the order in which they come."""
    groups: dict[tuple[object, ...], list[Key]] = defaultdict(list)
    for key in keys:
        groups[name(key)].append(key)
    return list(groups.values())


def _about(trained: Trained, key: Key) -> dict[str, str | float]:
    """Return what networks are called in a report, and their density: of a retrained ticket, what it started from."""
    copies = "draws" if draws(trained) > 1 else "copies"
    return {"name": called(trained, key), "copies": copies, "density": trained.lines[key]["density"]}


def _alike(trained: Trained, outputs: Outputs, keys: Sequence[Key], bins: int) -> Findings:
    labels = outputs.labels
    together = agreement.ensemble(outputs.end(key) for key in keys)
    answers = [outputs.end(key).argmax(-1) for key in keys]
    return _about(trained, keys[0]) | {
        "images": len(labels),
        "accuracies": [agreement.accuracy(outputs.end(key), labels) for key in keys],
        "disagreements": [agreement.disagreement(*pair) for pair in combinations(answers, 2)],
        "calibration_errors": [agreement.calibration_error(outputs.end(key), labels, bins) for key in keys],
        "log_likelihoods": [agreement.log_likelihood(outputs.end(key), labels) for key in keys],
        "ensemble_accuracy": agreement.accuracy(together, labels),
        "ensemble_calibration_error": agreement.calibration_error(together, labels, bins),
        "ensemble_log_likelihood": agreement.log_likelihood(together, labels),
    }


def _with(trained: Trained, outputs: Outputs, keys: Sequence[Key], other: Callable[[], Tensor]) -> Findings:
    scores = other()
    return _about(trained, keys[0]) | {
        "accuracy": agreement.accuracy(scores, outputs.labels),
        "disagreements": [agreement.disagreement(outputs.end(key).argmax(-1), scores.argmax(-1)) for key in keys],
    }


_HEADINGS = (
    "networks", "weights, %", "accuracy, %", "ensemble, %", "disagree, %", "with pruning solution, %",
    "calibration error", "ensemble's calibration error", "negative log likelihood",
    "ensemble's negative log likelihood",
)  # fmt: skip
_AMONG = {
    "copies": "copies, with each other",
    "replicates": "replicates, with each other",
    "solution": "with the pruning solution",
    "levels": "with the level before",
}
"""Whom a network is compared with -> words."""
_SCALES: tuple[Literal["log"], Literal["linear"]] = ("log", "linear")
_IMAGES = "images on which they disagree, %"
_Group = Mapping[str, Sequence[Line]]
"""Among whom -> what was found of one network, of each replicate."""
_Groups = Mapping[tuple[int, str, int], _Group]
"""Level, arm, first step -> the same of that network."""


def SHOWN(lines: Sequence[Line]) -> Exhibit:  # noqa: N802
    """Show Evci et al.'s table, with calibration, and at each density how far networks agree."""
    groups = _by_network(lines)
    return Exhibit(
        title="What networks answer",
        answers=_answers(groups),
        charts=_charts(groups),
        table=Table(_HEADINGS, [row for group in groups.values() for row in _rows(group)]),
        meaning="Copies differ in the order of batches alone, draws in their first weights, too, replicates in all. "
        "Two networks disagree on an image that they put into different classes; an ensemble answers by its networks' "
        "mean softmax (Evci et al. 2022). Expected calibration error: Guo et al. 2017; negative log likelihood in "
        "nats. ±: the 95 % interval over replicates, of which a single one, and their one ensemble, have none; of "
        "pairs of replicates the jackknife's.",
    )


def _by_network(lines: Sequence[Line]) -> _Groups:
    """Return the lines of each network of a level; of groups that have grown, those of the largest."""
    largest: dict[tuple[object, ...], Line] = {}
    for line in sorted(lines, key=lambda line: line["of"].get("networks", 1)):
        largest[tuple(line["of"].get(part) for part in ("among", "level", "arm", "start", "replicate"))] = line
    groups: dict[tuple[int, str, int], dict[str, list[Line]]] = defaultdict(lambda: defaultdict(list))
    places = sorted(largest.values(), key=lambda line: (line["of"]["level"], arms.order(line["of"]["arm"])))
    for line in places:
        of = line["of"]
        groups[of["level"], of["arm"], of["start"]][of["among"]].append(line["values"])
    return groups


def _rows(group: _Group) -> list[list[str]]:
    pruned = [one["disagreements"] for one in group["solution"]]
    rows = []
    if len(group["copies"][0]["accuracies"]) > 1 or not group["replicates"]:
        rows.append(_row(group["copies"], pruned, group["copies"][0]["copies"]))
    if group["replicates"]:
        rows.append(_row(group["replicates"], [[first] for first, *_ in pruned], "replicates"))
    return rows


def _row(found: Sequence[Line], pruned: Sequence[Sequence[float]], among: str) -> list[str]:
    one, many = found[0], len(found[0]["accuracies"])
    return [
        f"{one['name']}, {many} {among}" if many > 1 else one["name"],
        f"{100 * one['density']:.2f}",
        _spread(_each(found, "accuracies", among)),
        _spread([each["ensemble_accuracy"]] for each in found) if many > 1 else "",
        _spread(_each(found, "disagreements", among)),
        _spread(pruned),
        _spread(_each(found, "calibration_errors", among), 1, 4),
        _spread(([each["ensemble_calibration_error"]] for each in found), 1, 4) if many > 1 else "",
        _spread(_each(found, "log_likelihoods", among), 1, 4),
        _spread(([each["ensemble_log_likelihood"]] for each in found), 1, 4) if many > 1 else "",
    ]


def _each(found: Sequence[Line], name: str, among: str) -> list[Sequence[float | None]]:
    """Return each replicate's values; of replicates that are compared with each other, the line has one of each."""
    if among != "replicates":
        return [each[name] for each in found]
    values = found[0][name]
    if name == "disagreements":
        values = jackknifed(dict(zip(combinations(range(len(found[0]["accuracies"])), 2), values, strict=True)))
    return [[value] for value in values]


def _spread(values: Iterable[Sequence[float | None]], scale: float = 100, digits: int = 2) -> str:
    """Return the mean of each replicate's values, and its interval over replicates; nothing where there are none."""
    known = [[scale * value for value in own if value is not None] for own in values]
    means = [fmean(own) for own in known if own]
    return written(estimate(means) if means else None, digits)


def _answers(groups: _Groups) -> list[str]:
    """Return what holds of the sparsest network that the study is about, and of its controls."""
    level = max(level for level, _, _ in groups)
    beside = {arm: group for (own, arm, _), group in groups.items() if own == level and group["copies"]}
    group = next((beside[arm] for arm in beside if arms.is_main(arm)), next(iter(beside.values())))
    one = group["copies"][0]
    answers = []
    for among, words in (("copies", one["copies"]), ("replicates", "replicates")):
        many = len(group[among][0]["accuracies"]) if group[among] else 1
        if many > 1:
            answers.append(
                f"{many} {words} of {one['name']}, at {100 * one['density']:.3g} % of the weights, disagree on "
                f"{_disagreement(group[among], among)} of the test images; each is right on "
                f"{_spread(_each(group[among], 'accuracies', among))} %, their ensemble on "
                f"{_spread([found['ensemble_accuracy']] for found in group[among])} %."
            )
    solved = [own for own in beside.values() if own["solution"]]
    if solved:
        pruned = ", ".join(f"{own['copies'][0]['name']} on {_disagreement(own['solution'])}" for own in solved)
        answers.append(f"They disagree with the solution that the mask was pruned from: {pruned}.")
    before = [fmean(100 * one["disagreements"][0] for one in own["levels"]) for own in groups.values() if own["levels"]]
    if before:
        least, most = f"{min(before):.2f}", f"{max(before):.2f}"
        extent = most if least == most else f"{least} to {most}"
        answers.append(f"From a level to the next, networks change their answers on {extent} % of the images.")
    sure = _spread((found["calibration_errors"] for found in group["copies"]), 100, 2)
    return [*answers, f"How sure {one['name']} is differs from how often it is right by {sure} points on average."]


def _disagreement(found: Sequence[Line], among: str = "copies") -> str:
    return f"{_spread(_each(found, 'disagreements', among))} %"


def _charts(groups: _Groups) -> list[Chart]:
    """Return how far networks agree at each density, where there are several: main ones; all with the pruned."""
    names = arms.in_order({arm for _, arm, _ in groups})
    main = [arm for arm in names if arms.is_main(arm)]
    among = [_curve(groups, main, *pair, place) for place, pair in enumerate(_AMONG.items())]
    pruned = [_curve(groups, [arm], "solution", arm, arms.order(arm)) for arm in names]
    charts = (
        ("disagreement", "On how many images networks disagree", among),
        ("pruned", "On how many images they disagree with the pruning solution", pruned),
    )
    return [
        Chart(name, title, "weights remaining, %", _IMAGES, curves, _SCALES, sparser_right=True, limits=(0, 100))
        for name, title, own in charts
        if (curves := [curve for curve in own if len(curve.x) > 1])
    ]


def _curve(groups: _Groups, own: Collection[str], among: str, label: str, place: int) -> Curve:
    """Return the curve, over densities, of how far networks of these arms disagree with whom they are compared with."""
    points = {}
    for (_, arm, _), group in groups.items():
        values = [100 * fmean(one["disagreements"]) for one in group[among] if one["disagreements"]]
        if arm in own and values:
            points[100 * group[among][0]["density"]] = values
    return Curve(label, list(points), list(points.values()), place, points=True)
