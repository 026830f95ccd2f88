"""A report's numbers as rows, one for each run, level and arm, and these as CSV, JSON, Markdown or LaTeX.

The field names are stable; accuracies are fractions, seconds are measured, and FLOPs are counts: sparsity is simulated
by masks, and no network has been timed at them. Their conventions stand in `costs`.
"""

import csv
import io
import json
from collections.abc import Callable, Sequence

from lottery import escape
from lottery.report.costs import spelt, with_costs
from lottery.report.statistics import arms_of, estimate
from lottery.store.files import Record
from lottery.store.run import Run

MEASURED = ("test_accuracy", "early_stop_step", "early_stop_test_accuracy", "train_seconds")
"""Each becomes four fields: mean, standard deviation, half width of the 95 % interval, number of replicates."""


def rows(run: Run) -> list[Record]:
    """A run's rows, by level and arm."""
    name = run.record["id"]
    return [{"run": name} | row for row in level_rows(with_costs(run))]


def level_rows(levels: Sequence[Record]) -> list[Record]:
    """Rows of lines that `with_costs` gives, by level and arm."""
    groups: dict[tuple[int, str], list[Record]] = {}
    for line in levels:
        groups.setdefault((line["level"], line["arm"]), []).append(line)
    dense = groups.get((0, "main"), [])
    order = [(level, arm) for level in sorted({level for level, _ in groups}) for arm in arms_of(levels)]
    return [_row(*key, groups[key], dense) for key in order if key in groups]


def mean_of(lines: Sequence[Record], key: str) -> float | None:
    """Mean of a count over networks that did not diverge; None where it isn't known of all of them, or there is none.

    Those that diverged stopped early, and cost less than what they are compared with.
    """
    values = [line[key] for line in lines if line.get("diverged") is None]
    return sum(values) / len(values) if values and None not in values else None


def _share(part: float | None, whole: float | None) -> float | None:
    return part / whole if part is not None and whole else None


def _row(level: int, arm: str, own: list[Record], dense: list[Record]) -> Record:
    flops = sum(line["flops"] for line in own) / len(own)
    dense_flops = own[0].get("dense_flops", dense[0]["flops"] if dense else None)
    trained, total = mean_of(own, "train_flops"), mean_of(own, "total_train_flops")
    row: Record = {
        "level": level,
        "arm": arm,
        "density": own[0]["density"],
        "density_of_all_parameters": 1 - (own[0]["total"] - own[0]["nonzero"]) / own[0]["parameters"],
        # Blalock et al. 2020: sizes before and after; operations before and after, of one forward pass.
        "compression_ratio": own[0]["total"] / own[0]["nonzero"] if own[0]["nonzero"] else None,
        "theoretical_speedup": dense_flops / flops if dense_flops and flops else None,
        "flops": round(flops),
        "flops_of_dense": _share(flops, dense_flops),
        "train_flops": None if trained is None else round(trained),
        "train_flops_of_dense": _share(trained, mean_of(dense, "train_flops")),
        "total_train_flops": None if total is None else round(total),
        "diverged": sum(line.get("diverged") is not None for line in own),
        "collapsed": sum(bool(line.get("collapsed")) for line in own),
    }
    for key in MEASURED:
        values = [line[key] for line in own if line[key] is not None and line.get("diverged") is None]
        found = estimate(values) if values else None
        row |= {
            f"{key}_mean": found.mean if found else None,
            f"{key}_std": found.deviation if found else None,
            f"{key}_half_width": found.half_width if found else None,
            f"{key}_replicates": len(values),
        }
    return row


def as_csv(found: Sequence[Record]) -> str:
    """Comma-separated values with a head line; nothing for a number that there isn't."""
    file = io.StringIO()
    writer = csv.DictWriter(file, list(found[0]) if found else [], lineterminator="\n")
    writer.writeheader()
    writer.writerows({key: escape.csv(value) for key, value in row.items()} for row in found)
    return file.getvalue()


def as_json(found: Sequence[Record]) -> str:
    """A list of objects."""
    return json.dumps(list(found), indent=1) + "\n"


_COLUMNS: dict[str, Callable[[Record], str]] = {
    "run": lambda row: row["run"],
    "level": lambda row: str(row["level"]),
    "arm": lambda row: "ticket" if row["arm"] == "main" else row["arm"],
    "weights, %": lambda row: f"{100 * row['density']:.1f}",
    "test accuracy, %": lambda row: _cell(row, "test_accuracy", 100, 2),
    "early-stop step": lambda row: _cell(row, "early_stop_step", 1, 0),
    "accuracy there, %": lambda row: _cell(row, "early_stop_test_accuracy", 100, 2),
    "inference FLOPs": lambda row: spelt(row["flops"]),
    "training FLOPs, all rounds": lambda row: spelt(row["total_train_flops"]),
}


def _cell(row: Record, key: str, scale: float, digits: int) -> str:
    mean, half_width = row[f"{key}_mean"], row[f"{key}_half_width"]
    if mean is None:
        return ""
    sure = "" if half_width is None else f" ± {scale * half_width:,.{digits}f}"
    return f"{scale * mean:,.{digits}f}{sure}"


def _table(found: Sequence[Record]) -> list[list[str]]:
    """Head and cells; the run is named only where there are several."""
    several = len({row["run"] for row in found}) > 1
    columns = {name: write for name, write in _COLUMNS.items() if several or name != "run"}
    return [list(columns), *([write(row) for write in columns.values()] for row in found)]


def as_markdown(found: Sequence[Record]) -> str:
    """A table."""
    head, *body = [[escape.markdown(cell) for cell in line] for line in _table(found)]
    lines = [head, ["---"] + ["---:"] * (len(head) - 1), *body]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def as_latex(found: Sequence[Record]) -> str:
    """A tabular for the package booktabs."""
    head, *body = [[escape.latex(cell) for cell in line] for line in _table(found)]
    lines = [
        r"\begin{tabular}{" + "l" + "r" * (len(head) - 1) + "}",
        r"\toprule",
        " & ".join(head) + r" \\",
        r"\midrule",
    ]
    lines += [" & ".join(line) + r" \\" for line in body]
    return "\n".join([*lines, r"\bottomrule", r"\end{tabular}"]) + "\n"


FORMATS = {"csv": as_csv, "json": as_json, "markdown": as_markdown, "latex": as_latex}
