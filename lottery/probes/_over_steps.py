"""What a probe found over the steps of training: chosen from its lines, drawn, told."""

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

from lottery.arms import EARLY, in_order, is_main
from lottery.exhibits import Chart, Curve, Limits, Line

Network = tuple[int, str]
"""Level and arm."""
Course = Mapping[int, Mapping[int, float]]
"""Step -> replicate -> value."""

_MOST_LEVELS = 4
"""As many are drawn: the first, the last, and some between."""


def courses(lines: Sequence[Line], value: Callable[[Mapping[str, Any]], float | None]) -> dict[Network, Course]:
    """Return a value over the steps, of the networks in their usual order; those that diverged are left out."""
    found = defaultdict[Network, dict[int, dict[int, float]]](lambda: defaultdict(dict))
    for line in lines:
        if line["when"] == "step" and not line["order"] and line["arm"] != EARLY and line["values"]:
            number = value(line["values"])
            if number is not None:
                found[line["level"], line["arm"]][line["step"]][line["replicate"]] = number
    order = in_order(arm for _, arm in found)
    return {
        name: dict(sorted(found[name].items())) for name in sorted(found, key=lambda one: (one[0], order.index(one[1])))
    }


def charts(
    found: Mapping[Network, Course],
    name: str,
    title: str,
    y: str,
    *,
    log: bool = False,
    marks: Sequence[int] = (),
    limits: Limits = (None, None),
) -> list[Chart]:
    """Return charts over steps: the main networks of some levels, and what is trained beside the last level's."""
    levels = sorted({level for level, arm in found if is_main(arm)})
    chosen = [levels[round(place * (len(levels) - 1) / 3)] for place in range(_MOST_LEVELS)] if levels else []
    main = [one for one in found if is_main(one[1]) and one[0] in chosen]
    last = [one for one in found if levels and one[0] == levels[-1]]
    made = [(name, title.capitalize(), [_curve(found, one, of_levels=main) for one in main])]
    if len(last) > 1:
        made.append((f"{name}-arms", f"{title.capitalize()}, level {levels[-1]}", [_curve(found, one) for one in last]))
    chart = partial(Chart, scales=("linear", "log" if log else "linear"), marks=marks, mark="masks move", limits=limits)
    return [chart(name, title, "training step", y, curves) for name, title, curves in made if curves]


def _curve(found: Mapping[Network, Course], name: Network, of_levels: Sequence[Network] = ()) -> Curve:
    level, arm = name
    course = found[name]
    values = [list(each.values()) for each in course.values()]
    if not of_levels:
        return Curve(arm, list(course), values, place=in_order(one for _, one in found).index(arm))
    shade = of_levels.index(name) / max(1, len(of_levels) - 1)
    return Curve(f"level {level}, {arm}" if level else arm, list(course), values, shade=shade)
