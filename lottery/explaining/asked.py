"""An analysis as it is asked for: by its name, with options."""

from collections.abc import Mapping

from pydantic import ValidationError

from lottery import escape, registry
from lottery.config import complaints
from lottery.config.analyses import Analysis
from lottery.errors import LotteryError


def asked(name: str, options: Mapping[str, object]) -> Analysis:
    """Return an analysis with options; raise LotteryError where there is no such one, or it has no such option."""
    if name not in registry.names(Analysis.kind):
        there = registry.names(Analysis.kind)
        raise LotteryError(
            f"there is no analysis {escape.shown(name)}{registry.suggestion(name, there)}; there are "
            f"{', '.join(there)}: lottery methods analyses"
        )
    try:
        if "name" in options:  # which says which analysis it is, and is no option of any
            registry.find(Analysis.kind, name).options.model_validate(dict(options))
        return Analysis.model_validate({"name": name, **options})
    except ValidationError as error:
        said = ": ".join(part for part in complaints.first(error) if part)
        raise LotteryError(f"{name}: {said}; lottery methods analyses {name}") from None


def command(analysis: Analysis, run: object) -> str:
    """Return the command by which an analysis is carried out on a run, as a user types it."""
    usual = {key: field.default for key, field in analysis.entry.options.model_fields.items()}
    said = [f"{key}={value}" for key, value in analysis.plain.items() if analysis.options[key] != usual[key]]
    words = ["lottery analyze", escape.shell(run), analysis.name]
    return " ".join([*words, *(f"--set {escape.shell(one)}" for one in said)])
