"""Records without records in them: what tables of data and trackers take."""

from collections.abc import Mapping
from typing import cast

from lottery.store.findings import Analysed, Probing
from lottery.store.records import Evaluation, Measured, Measures, Summary

Flat = dict[str, str | int | float | list[str] | list[float | None] | None]
"""Names are joined by `_`: `early_stop_test_accuracy`, and beside it `_right` and `_of`, the counts that make it."""


def flat_evaluation(line: Evaluation) -> Flat:
    """Return an evaluation with its metrics as fields of their own; the training split has none."""
    return _others(line, "metrics") | _metrics("", line["metrics"])


def flat_summary(line: Summary) -> Flat:
    """Return the summary of a trained network with all that was measured of it as fields of their own.

    Every summary of a task has the same fields, null where there is no validation data.
    """
    early = line["early_stop"]
    parts = {"test": line["test"], "validation": line["validation"], "early_stop_test": early and early["test"]}
    found = _others(line, *parts, "early_stop") | {"early_stop_step": early and early["step"]}
    for name, measured in parts.items():
        own = _measured(f"{name}_", measured or line["test"])
        found |= own if measured else dict.fromkeys(own)
    return found


def flat_probing(line: Probing) -> Flat:
    """Return what a probe found with each value as a field of its own: `flow`, `layers.output`, `change.flow`."""
    return _others(line, "values") | cast(Flat, dotted(line["values"]))


def _others(line: Evaluation | Summary | Probing, *nested: str) -> Flat:
    return {key: value for key, value in cast(Flat, line).items() if key not in nested}


def _measured(prefix: str, measured: Measured) -> Flat:
    return {f"{prefix}loss": measured["loss"]} | _metrics(prefix, measured["metrics"])


def _metrics(prefix: str, measures: Measures) -> Flat:
    found: Flat = {}
    for name, measure in measures.items():
        found[f"{prefix}{name}"] = measure["value"]
        found |= {f"{prefix}{name}_right": measure["right"], f"{prefix}{name}_of": measure["of"]}
    return found


def flat_analysed(line: Analysed) -> Flat:
    """Return a piece that an analysis found, in one record: what it is of, what was found, options as `options.NAME`.

    What is found by layer, and the like, has dotted names.
    """
    found = dotted(line["of"]) | dotted(line["values"]) | {"seconds": line["seconds"]}
    return cast(Flat, found | {f"options.{name}": value for name, value in line["options"].items()})


def dotted(tree: Mapping[str, object], place: str = "") -> dict[str, object]:
    """Return the values of dicts within dicts by dotted key, `train.optimizer.lr`."""
    found: dict[str, object] = {}
    for name, value in tree.items():
        found |= dotted(value, f"{place}{name}.") if isinstance(value, dict) else {f"{place}{name}": value}
    return found
