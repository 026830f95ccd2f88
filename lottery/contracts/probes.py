"""What a probe must fulfil."""

import re
from dataclasses import replace
from typing import Any

import torch

from lottery import answers
from lottery.contracts import examples
from lottery.contracts.contract import Candidate, require
from lottery.contracts.guards import twice, untouched
from lottery.contracts.shown import check
from lottery.errors import LotteryError
from lottery.networks.subject import Subject
from lottery.store.findings import Probing

_NAME = r"[a-z][a-z0-9_]{0,60}"
"""As in records."""
_TAKEN = {*Probing.__annotations__, "change"}
"""What lines, and tables made of them, say beside what was found."""


def finds_something(given: Candidate) -> None:
    """A probe returns a dict: name -> a number, a text, or a list or dict of them."""
    _find(given, examples.subject())


def has_names(given: Candidate) -> None:
    """A probe's name, and those of what it finds, can stand in a line: none of them is one of the line's own."""
    name = given.entry.name
    require(re.fullmatch(_NAME, name), f"{name} has other characters than small letters, digits and _; rename it")
    taken = [one for one in _find(given, examples.subject()) if one in _TAKEN]
    require(not taken, f"it calls something {', '.join(taken)}, as lines call something else; rename it")


def changes_nothing(given: Candidate) -> None:
    """A probe changes nothing that it is given, and leaves the global random state as it is."""
    subject = examples.subject()
    template = subject.template
    assert template is not None
    with untouched(subject=subject, template=template.state_dict()):
        given(subject)
    in_training = template.training and all(module.training for module in template.modules())
    require(in_training, "subject.template is in evaluation mode now; ask subject.outputs(..., train=False)")
    hooked = any(module._forward_hooks or module._forward_pre_hooks for module in template.modules())
    require(not hooked, "hooks are left on subject.template; remove them in try: finally:")


def is_repeatable(given: Candidate) -> None:
    """A probe finds the same of equal networks."""
    first, second = twice(lambda: _find(given, examples.subject()))
    odd = [name for name in first if first[name] != second.get(name)]
    require(
        not odd,
        f"{', '.join(odd)} is another one the second time; let it follow from the subject alone, random numbers from "
        "torch.Generator().manual_seed(0)",
    )


def finds_of_what_is_empty(given: Candidate) -> None:
    """A probe still finds the same things where no weight is left."""
    subject = examples.subject()
    nothing = {name: torch.zeros_like(weight) for name, weight in subject.weights.items()}
    bare = replace(
        subject, weights=nothing, state={**subject.state, **nothing},
        mask={name: torch.zeros_like(mask) for name, mask in subject.mask.items()},
    )  # fmt: skip
    usual, found = _find(given, subject), _find(given, bare)
    odd = sorted(set(usual) ^ set(found))
    require(not odd, f"{', '.join(odd)} isn't there each time; where there is no number, return None")


def says_what_it_means(given: Candidate) -> str | None:
    """What it says by `SHOWN` that its lines mean is an Exhibit of finite numbers, whoever diverged."""
    explain = given.entry.constants.get("SHOWN")
    if explain is None:
        return 'reports show means of its numbers; write @register("probes", shown=function) to say what they mean'
    found = _find(given, examples.subject())
    change = {"change": dict(found)} if "moves" in given.entry.traits else {}
    for lines in ([_line(found)], [_line(found), _line(found | change, step=10), _line({}, step=20)], [_line({})]):
        check(explain(lines))
    return None


def _line(values: dict[str, Any], step: int = 0) -> Probing:
    return {
        "replicate": 0, "level": 0, "arm": "dense", "order": 0, "step": step, "probe": "own",
        "when": "after" if "change" in values else "step", "images": 60, "values": values, "seconds": 0.1,
    }  # fmt: skip


def _find(given: Candidate, subject: Subject) -> dict[str, Any]:
    try:
        return answers.findings(given.entry, given(subject))
    except LotteryError as error:
        require(False, str(error).partition(" returns ")[2] or str(error))
        raise


CHECKS = (finds_something, has_names, changes_nothing, is_repeatable, finds_of_what_is_empty, says_what_it_means)
