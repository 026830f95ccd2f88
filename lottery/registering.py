"""A user's function is made an entry of a registry folder where it can be one; else a line says why, and where it is.

What is wrong with it is found here, when its file is loaded, rather than by whoever first looks at the entry.
"""

import inspect
import keyword
import re
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any, TypeGuard, TypeVar

from pydantic import BaseModel, ValidationError

from lottery import arms, registry
from lottery.config import complaints
from lottery.config.bounded_yaml import parse
from lottery.config.keys import config_keys
from lottery.errors import LotteryError
from lottery.escape import shown, visible
from lottery.registry import CONSTANTS, KINDS, TRAITS, Entry, suggestion

F = TypeVar("F", bound=Callable[..., Any])
_MOST_ROUNDS = 1000


def register(kind: str, **constants: Any) -> Callable[[F], F]:
    """Return a decorator that makes a function an entry of a folder, under its own name, without a trailing `_`.

    The function takes what the folder's docstring says, and its options by keyword, each with a type.

    Args:
        kind: of `KINDS`, such as `scores`.
        constants: what a file of that folder would say of itself, in lower case: `traits={"fresh"}`, `order=4`,
            `variants={"deep": {"depth": 20}}`.

    Raises:
        LotteryError: the function can't be one, or another one has its name; the message says where it stands.
    """
    if not isinstance(kind, str):
        raise LotteryError('write @lottery.register("scores"), say, above a function: the kind of what it is')
    if kind not in KINDS:
        raise LotteryError(f"register({kind!r}): there is no such kind{suggestion(kind, KINDS)}: {', '.join(KINDS)}")
    valid = {name.lower() for name in CONSTANTS.get(kind, ())}
    for key in constants:
        if key not in valid:
            takes = f"take {', '.join(sorted(valid))}" if valid else "take none"
            raise LotteryError(f"register({kind!r}, {key}=...): {kind} {takes}{suggestion(key, valid)}")

    def add(function: F) -> F:
        if not (inspect.isfunction(function) or inspect.isclass(function)):
            raise LotteryError(f"register({kind!r}): {function!r} is neither a function nor a class")
        said = {key.upper(): value for key, value in constants.items()}
        for name, value in said.items():
            if reason := wrong_constant(kind, name, value):
                raise LotteryError(f"{_place(function)}: {visible(function.__name__)}: {reason}")
        entries = registry.made(kind, function, said, own=False)
        for entry in entries:
            _check(entry)
        registry.add(entries)
        return function

    return add


def wrong_constant(kind: str, name: str, value: object) -> str:
    """Return what is wrong with something that is said of an entry, such as its `TRAITS`; nothing where it will do."""
    if name == "TRAITS":
        valid = sorted(TRAITS[kind])
        if not isinstance(value, set | frozenset | list | tuple):
            return f'traits is {shown(value)}; write traits={{"{valid[0]}"}}, say'
        wrong = [one for one in value if one not in valid]
        near = suggestion(str(wrong[0]), valid) if wrong else ""
        return f"traits: {shown(wrong[0])} is none of {kind}'s{near}: {', '.join(valid)}" if wrong else ""
    if name == "ROUNDS" and not (_is_whole(value) and value <= _MOST_ROUNDS):
        return f"rounds is {shown(value)}; write rounds=100, say, and at most {_MOST_ROUNDS}"
    if name == "ORDER" and not _is_whole(value):
        return f"order is {shown(value)}; write order=4, say"
    if name == "WORDS" and not (isinstance(value, str) and value.isprintable()):
        return f'words is {shown(value)}; write words="the ticket\'s mask, ...", say'
    if name == "SHOWN" and not callable(value):
        return f"shown is {shown(value)}; write a function from the lines that it found to a lottery.exhibits.Exhibit"
    if name == "VARIANTS":
        good = isinstance(value, Mapping) and all(
            isinstance(variant, str) and isinstance(preset, Mapping) for variant, preset in value.items()
        )
        return "" if good else f'variants is {shown(value)}; write variants={{"deep": {{"depth": 20}}}}, say'
    return ""


def _is_whole(value: object) -> TypeGuard[int]:
    return isinstance(value, int) and not isinstance(value, bool) and value > 0


def _check(entry: Entry) -> None:
    """Raise LotteryError where a user's function can't be an entry, or its name is taken."""
    where = f"{_place(entry.function)}: {visible(entry.name) or repr('')}"
    if reason := _wrong_name(entry) or _wrong_parameters(entry) or _wrong_options(entry):
        raise LotteryError(f"{where}{reason}")


def _wrong_name(entry: Entry) -> str:
    name, there = entry.name, registry.entries(entry.kind).get(entry.name)
    if not name.isidentifier() or (keyword.iskeyword(name) and name[0].isupper()) or parse(name) != name:
        return ": no config can name it; call it by letters, digits and underscores, such as own_2"
    if entry.kind == "probes" and not re.fullmatch(r"[a-z][a-z0-9_]{0,60}", name):
        return ": no line can name it; call it by small letters, digits and underscores"
    if entry.kind == "arms" and name in (*arms.MAIN, arms.EARLY):
        return ": is what studies call a network of their own; rename it"
    if there is not None and (there.own or there.origin != entry.origin):
        owner = "lottery has" if there.own else f"{_place(there.function)} registers"
        return f": {owner} {entry.kind} of that name already; give the function another one"
    if not (entry.function.__doc__ or "").strip():  # its own, rather than one that a class inherits
        return ": has no docstring; its first line is what `lottery methods` says of it"
    return ""


def _wrong_parameters(entry: Entry) -> str:
    try:
        parameters = inspect.signature(entry.function).parameters.values()
    except (TypeError, ValueError):  # of a class that is C's
        return ": it can't be told what it takes; write a function that calls it"
    usual = next(one for one in registry.entries(entry.kind).values() if one.own)
    given, wanted = _positional(entry.function), _positional(usual.function)
    if len(given) != len(wanted) or any(one.kind is one.VAR_KEYWORD for one in parameters):
        call = ", ".join([*wanted, "*", "OPTION: TYPE = DEFAULT"])
        return f"({', '.join(map(_shown_parameter, parameters))}): write {entry.name}({call}), options if any"
    options = {one.name: one for one in parameters if one.kind is one.KEYWORD_ONLY}
    for name, one in options.items():
        if one.annotation is one.empty:
            return f": option {name} has no type; write {name}: float = ..., say"
        if name in _section(entry.kind) or hasattr(BaseModel, name) or name.startswith("_"):
            return f": no option can be called {name}, which configs know as something else; rename it"
    for name in entry.preset:
        if name not in options:
            return f": variants: there is no option {shown(name)}{suggestion(str(name), options)}"
    return ""


def _wrong_options(entry: Entry) -> str:
    try:
        every = Entry(entry.kind, entry.name, entry.function, {}, {}).options
        every.model_json_schema()
        for field in every.model_fields.values():
            str(field.default)  # a number may have too many digits
    except Exception as error:  # whatever a type of the user's own raises
        reason = str(error).partition("\n")[0]
        return f": an option can't be written in a config: {reason}"
    try:
        every.model_validate(dict(entry.preset))
    except ValidationError as error:
        wrong = [one for one in error.errors(include_url=False) if one["loc"][0] in entry.preset]
        if wrong:
            place, reason = complaints.first(error)
            return f": variants: {place}: {reason}"
    return ""


@cache
def _section(kind: str) -> frozenset[str]:
    """Return what a config's section says itself, beside the options of the entry that it names."""
    choices = [key.choice for key in config_keys() if key.choice is not None and key.choice.kind == kind]
    return frozenset({"name"}.union(*(choice.model_fields for choice in choices)))


def _positional(function: Callable[..., Any]) -> list[str]:
    parameters = inspect.signature(function).parameters.values()
    return [one.name for one in parameters if one.kind in (one.POSITIONAL_ONLY, one.POSITIONAL_OR_KEYWORD)]


def _shown_parameter(parameter: inspect.Parameter) -> str:
    try:
        return visible(str(parameter))
    except Exception:  # as of `shown`
        return parameter.name


def _place(function: Callable[..., Any]) -> str:
    """Return the file and line of a function."""
    try:
        return f"{inspect.getsourcefile(function)}:{inspect.getsourcelines(function)[1]}"
    except (OSError, TypeError):  # of a session that keeps no source
        return str(function.__module__)
