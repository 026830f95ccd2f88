"""Pydantic's errors become one line here: where in the file, which key, what is wrong with it."""

import re

import yaml
from pydantic import ValidationError
from pydantic_core import ErrorDetails

from lottery.escape import shown, visible

# Problem types with a message of our own, complete as it stands.
_OURS = {
    "unknown_key",
    "unknown_name",
    "option",
    "choice",
    "duration",
    "zero",
    "nesterov",
    "fractions",
    "retrain",
    "arms",
}


def first(error: ValidationError) -> tuple[str, str]:
    """Return dotted place and reason of the first problem; of a value of several kinds, why it is none of them.

    Where it is of one of these kinds but for a part of it, the problem is that part's.
    """
    problems = [(visible(_place(one)), visible(_reason(one))) for one in error.errors(include_url=False)]
    outer = problems[0][0]
    place = max((place for place, _ in problems if f"{place}.".startswith(f"{outer}.")), key=len)
    return place, ", or ".join(dict.fromkeys(reason for other, reason in problems if other == place))


def _place(problem: ErrorDetails) -> str:
    # For the members of a union pydantic adds descriptions to the location; what a user wrote looks like none of them.
    parts = [str(part) for part in problem["loc"] if not re.search(r"[\[(]|^constrained-", str(part))]
    return ".".join([*parts, *([problem["ctx"]["option"]] if "option" in problem.get("ctx", {}) else [])])


def _reason(problem: ErrorDetails) -> str:
    reason = problem["msg"].replace("a valid dictionary", "a mapping").replace("a valid tuple", "a list")
    if problem["type"] in _OURS:
        return _short(reason, 600)
    given = problem.get("input")
    told = f", not {shown(given)}" if isinstance(given, str | int | float) else ""
    return _short(reason[0].lower() + reason[1:], 300) + told


def _short(text: str, most: int = 80) -> str:
    """Return at most so many characters of a text: what a user wrote may be of any length."""
    return text if len(text) <= most else text[: most - 3] + "..."


def line(text: str, place: str) -> str:
    """Return `:LINE` of the deepest part of `place` that the YAML text holds, or an empty string."""
    node, found_at = yaml.compose(text, Loader=yaml.SafeLoader), ""
    for part in place.split("."):
        if isinstance(node, yaml.MappingNode):
            found = [(key, inner) for key, inner in node.value if key.value == part]
            if not found:
                break
            found_at = f":{found[-1][0].start_mark.line + 1}"
            node = found[-1][1]
        elif isinstance(node, yaml.SequenceNode) and part.isdigit() and int(part) < len(node.value):
            node = node.value[int(part)]
            found_at = f":{node.start_mark.line + 1}"
    return found_at
