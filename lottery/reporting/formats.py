"""One table of all runs as CSV, JSON, Markdown or LaTeX."""

import csv
import io
import json
from collections.abc import Callable, Sequence

from lottery import escape, words
from lottery.config.wording import yaml_text
from lottery.reporting.comparison import settings_of, values_apart
from lottery.reporting.entries import Entry, Row, entries, rows, with_costs
from lottery.reporting.quantities import EARLY_STOP_STEP, Quantity, at_early_stop, at_end, metrics_of, with_unit
from lottery.reporting.series import shown
from lottery.store.reader import Reader


def as_csv(runs: Sequence[Reader]) -> str:
    """Return comma-separated values with a head line; nothing for a number that there isn't."""
    file, found = io.StringIO(), _rows(runs)
    fields = list(dict.fromkeys(field for row in found for field in row))
    writer = csv.DictWriter(file, fields, lineterminator="\n")
    writer.writeheader()
    writer.writerows({key: escape.csv(value) for key, value in row.items()} for row in found)
    return file.getvalue()


def as_json(runs: Sequence[Reader]) -> str:
    """Return a list of objects."""
    return json.dumps(_rows(runs), indent=1) + "\n"


def as_markdown(runs: Sequence[Reader]) -> str:
    """Return a table."""
    head, *body = [[escape.markdown(cell) for cell in line] for line in _table(runs)]
    lines = [head, ["---"] + ["---:"] * (len(head) - 1), *body]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def as_latex(runs: Sequence[Reader]) -> str:
    """Return a tabular for the package booktabs."""
    table = _table(runs)
    head, *body = [" & ".join(map(escape.latex, line)) + r" \\" for line in table]
    begin = r"\begin{tabular}{" + "l" + "r" * (len(table[0]) - 1) + "}"
    return "\n".join([begin, r"\toprule", head, r"\midrule", *body, r"\bottomrule", r"\end{tabular}", ""])


FORMATS: dict[str, Callable[[Sequence[Reader]], str]] = {
    "csv": as_csv, "json": as_json, "markdown": as_markdown, "latex": as_latex,
}  # fmt: skip


def _rows(runs: Sequence[Reader]) -> list[Row]:
    """Return the rows of all runs, each with what its run's config says where others' say something else."""
    differing = values_apart(runs, "seed")
    found = []
    for place, run in enumerate(runs):
        settings: Row = {key: _single(values[place]) for key, values in differing.items()}
        found += [{"run": row["run"], **settings, **row} for row in rows(run)]
    return found


def _single(value: object) -> str | int | float | None:
    """Return a value that stands in one cell."""
    return value if value is None or isinstance(value, str | int | float) else yaml_text(value)


def _table(runs: Sequence[Reader]) -> list[list[str]]:
    """Return head and cells; the run is named, and what tells its config from others', only where there are several."""
    columns, settings = [_columns(run) for run in runs], settings_of(runs, "seed")
    head = list(dict.fromkeys(title for own in columns for title in own))
    lines = [["run", *settings[0], *head]]
    for run, said, own in zip(runs, settings, columns, strict=True):
        lines += [
            [run.record["id"], *said.values(), *(own[title](entry) if title in own else "" for title in head)]
            for entry in entries(shown(with_costs(run)))
        ]
    return lines if len({run.record["id"] for run in runs}) > 1 else [line[1:] for line in lines]


def _columns(run: Reader) -> dict[str, Callable[[Entry], str]]:
    """Return heading -> what writes an entry's cell."""
    metric = metrics_of(run)[0]

    def write(quantity: Quantity) -> Callable[[Entry], str]:
        return lambda entry: quantity.written(entry.estimate(quantity))

    return {
        "level": lambda entry: str(entry.level),
        "arm": lambda entry: entry.arm,
        "weights, %": lambda entry: f"{100 * entry.density:.1f}",
        f"test {with_unit(metric)}": write(at_end(metric)),
        "early-stop step": write(EARLY_STOP_STEP),
        with_unit(metric, "there"): write(at_early_stop(metric)),
        "inference FLOPs": lambda entry: words.of_operations(entry.flops),
        "training FLOPs, all rounds": lambda entry: words.of_operations(entry.total_train_flops),
    }
