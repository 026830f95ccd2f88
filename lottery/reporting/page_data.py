"""What the page's script draws, from the files of some runs."""

from collections.abc import Sequence

from lottery.reporting.comparison import dense_beside, headings, labels, pooled, standings
from lottery.reporting.entries import Costed, Entry, entries
from lottery.reporting.quantities import EARLY_STOP_STEP, SECONDS, Quantity, at_early_stop, at_end, limits, metrics_of
from lottery.reporting.series import Series, curves, series_of
from lottery.reporting.tickets import tickets, weights
from lottery.reporting.verdicts import Verdict
from lottery.statistics import Estimate, estimate
from lottery.store.reader import Reader
from lottery.tasks import Metric

Data = dict[str, object]
"""A JSON object; what `plain` turns into one may stand in it."""
_MOST_POINTS = 60
"""Of one learning curve: more than a screen shows, and twenty runs stay within some MB."""


def plain(value: object) -> object:
    """Return what stands for a dataclass in JSON: its fields but for functions; of an estimate what is shown."""
    if isinstance(value, Estimate):
        return {"mean": value.mean, "half_width": value.half_width, "values": value.values}
    return {name: field for name, field in vars(value).items() if not callable(field)}


def page_data(groups: Sequence[Sequence[Reader]], verdicts: Sequence[Sequence[Verdict]], with_masks: bool) -> Data:
    """Return a JSON object: each study's levels, verdicts, curves, and masks, and the table of all by density.

    Args:
        groups: of repetitions of one study each, as `repetitions` gives them.
        verdicts: of each.
        with_masks: whether to read the tickets' masks and weights, too.
    """
    series = series_of(line for group in groups for line in pooled(group))
    beside = dense_beside(groups, prefer_own=False)
    found = standings(groups) if len(groups) > 1 else []
    studies = [
        _study(group, series)
        | {"title": title, "dense": dense, "verdicts": own, "masks": _masks(group) if with_masks else None}
        for group, title, dense, own in zip(groups, labels(groups), beside, verdicts, strict=True)
    ]
    return {
        "series": series,
        "quantities": {one.name: one for group in groups for one in _shown(metrics_of(group[0])[0])},
        "studies": studies,
        "headings": headings(found),
        "standings": found,
    }


def _shown(metric: Metric) -> list[Quantity]:
    return [at_end(metric), EARLY_STOP_STEP, at_early_stop(metric)]


def _study(group: Sequence[Reader], series: Sequence[Series]) -> Data:
    """Return what is drawn of one study, but for its masks; `names` are what it calls the series."""
    metric, lines = metrics_of(group[0])[0], pooled(group)
    own = {one.arms: one.name for one in series_of(lines)}
    return {
        "names": [own.get(one.arms, one.name) for one in series],
        "metric": metric,
        "limits": limits(metric),
        "levels": [_level(entry, series, [*_shown(metric), SECONDS]) for entry in entries(lines)],
        "curves": _curves(group, lines, series, metric),
    }


def _position(series: Sequence[Series], arm: str) -> int:
    return next(position for position, one in enumerate(series) if arm in one.arms)


def _level(entry: Entry, series: Sequence[Series], quantities: Sequence[Quantity]) -> Data:
    """Return an entry, with each replicate's value of what was measured."""
    left_out = ("lines", "order", "start_step", "density_of_all_parameters", "flops_of_dense", "collapsed")
    counts = {name: value for name, value in vars(entry).items() if name not in left_out}
    measured = {one.name: found for one in quantities if (found := entry.estimate(one))}
    return counts | {"series": _position(series, entry.arm), "networks": len(entry.lines), "measured": measured}


def _curves(group: Sequence[Reader], lines: Sequence[Costed], series: Sequence[Series], metric: Metric) -> list[Data]:
    """Return means and half widths of their intervals at each step, thinned out."""
    density = {(line["level"], line["arm"]): line["density"] for line in lines}
    found: list[Data] = []
    for (level, arm), curve in curves(group, metric).items():
        steps = list(curve)
        every = max(1, -(-len(steps) // _MOST_POINTS))
        kept = [step for index, step in enumerate(steps) if index % every == 0 or index == len(steps) - 1]
        means = {step: estimate(curve[step]) for step in kept}
        points = [[step, _rounded(one.mean), _rounded(one.half_width)] for step, one in means.items()]
        place = {"level": level, "series": _position(series, arm), "density": density[level, arm]}
        found.append(place | {"points": points})
    return found


def _rounded(value: float | None) -> float | None:
    """Return a number as exact as a screen shows it, for the size of the page."""
    return None if value is None else float(f"{value:.5g}")


def _masks(group: Sequence[Reader]) -> Data | None:
    found = tickets(group)
    return None if found is None else {"tickets": found, "overlaps": found.overlaps, "weights": weights(group)}
