"""What probes and analyses say that their lines mean must be an exhibit that can be drawn."""

import math
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from typing import Any

from lottery.contracts.contract import require
from lottery.exhibits import Chart, Exhibit, Map


def check(exhibit: Exhibit) -> None:
    """Raise `Broken` where something is no exhibit, says nothing, or has what can't be drawn."""
    require(isinstance(exhibit, Exhibit), f"it returns a {type(exhibit).__name__}; return an Exhibit")
    require(exhibit.title and exhibit.answers and all(exhibit.answers), "it lacks a title or answers, in sentences")
    names = [chart.name for chart in exhibit.charts]
    require(len(set(names)) == len(names), f"two charts are called {', '.join(names)}; give each a name of its own")
    for chart in exhibit.charts:
        odd = [one for one in leaves(asdict(chart)) if isinstance(one, float) and not math.isfinite(one)]
        require(not odd, f"chart {chart.name} has a number that isn't finite; leave it out")
        require(not isinstance(chart, Map) or chart.spots, f"map {chart.name} is empty; leave it out")
        for curve in chart.curves if isinstance(chart, Chart) else ():
            require(len(curve.x) == len(curve.y), f"curve {curve.label} has {len(curve.x)} x for {len(curve.y)} y")
    if exhibit.table:
        wide = len(exhibit.table.headings)
        whole = [[*map(type, row)] == [str] * wide for row in exhibit.table.rows]
        require(all(whole), f"a row of its table isn't {wide} texts, as many as there are headings")


def leaves(value: Any) -> Iterable[Any]:
    """Yield what mappings and lists hold, and those in them."""
    if isinstance(value, Mapping):
        for part in value.values():
            yield from leaves(part)
    elif isinstance(value, list | tuple):
        for part in value:
            yield from leaves(part)
    else:
        yield value
