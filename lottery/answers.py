"""What entries that users brought are given are copies, and what they answer is checked before anything is made of it.

This package's own are given the tensors themselves, and nothing is checked: tests hold them to their contracts.
"""

from collections.abc import Mapping
from numbers import Real
from typing import Any

import torch
from pydantic import ValidationError
from torch import Tensor

from lottery import brought, exhibits
from lottery.errors import LotteryError, RunFailed
from lottery.registry import Entry
from lottery.store.findings import FOUND

_NUMBERS = {
    torch.float16, torch.bfloat16, torch.float32, torch.float64,
    torch.uint8, torch.int8, torch.int16, torch.int32, torch.int64,
}  # fmt: skip
"""What can be ranked."""


def apart(entry: Entry, given: Mapping[str, Tensor]) -> Mapping[str, Tensor]:
    """Return tensors as an entry is given them, which a user's may change in place."""
    return given if entry.own else {name: tensor.detach().clone() for name, tensor in given.items()}


def tensor(entry: Entry, answer: Any, like: Tensor, what: str = "", *, ranked: bool = False) -> Tensor:
    """Return a tensor that an entry answered.

    Args:
        like: of its shape and type it has to be.
        what: it is of, in words.
        ranked: whether it may be of any type that can be ranked.

    Raises:
        RunFailed: it is something else.
    """
    if entry.own:
        return answer  # type: ignore[no-any-return]
    asked = f"{'numbers' if ranked else _plain(like.dtype)} {list(like.shape)}"
    if not isinstance(answer, Tensor):
        raise wrong(entry, f"a {type(answer).__name__}{what}", f"a tensor, {asked}")
    found = answer.detach()
    fits = found.dtype in _NUMBERS if ranked else found.dtype == like.dtype
    if found.shape != like.shape or not fits or found.is_meta or found.layout != torch.strided:
        odd = " without numbers (meta)" if found.is_meta else "" if found.layout == torch.strided else " sparse"
        raise wrong(entry, f"{_plain(found.dtype)} {list(found.shape)}{odd}{what}", asked)
    return found


def tensors(entry: Entry, answer: Any, like: Mapping[str, Tensor], what: str = "", *, ranked: bool = False) -> Any:
    """Return the mapping of tensors that an entry answered, one for each of `like`; see `tensor`."""
    if entry.own:
        return answer
    if not isinstance(answer, Mapping):
        raise wrong(entry, f"a {type(answer).__name__}{what}", f"a dict, with a tensor for each of {_some(like)}")
    if odd := [name for name in [*like, *answer] if name not in like or name not in answer]:
        raise wrong(entry, f"a dict{what} that differs in {_some(odd)}", f"one with a tensor for each of {_some(like)}")
    return {name: tensor(entry, answer[name], one, f"{what} for {name}", ranked=ranked) for name, one in like.items()}


def term(entry: Entry, answer: Any, of: Mapping[str, Tensor]) -> Tensor:
    """Return the number that a penalty answered, of weights it depends on; raise RunFailed where it is no such number.

    Args:
        of: name -> weight, of which at least one has to be what it was computed from.
    """
    if entry.own:
        return answer  # type: ignore[no-any-return]
    checked = tensor(entry, answer, next(iter(of.values())).new_empty(()))
    if not answer.requires_grad:
        raise wrong(entry, f"{checked.item():g} without a gradient", "a tensor that is computed from the weights given")
    return answer  # type: ignore[no-any-return]


def densities(entry: Entry, answer: Any, names: Mapping[str, object]) -> float | dict[str, float]:
    """Return the densities that an allocation answered; raise LotteryError where they are none."""
    if entry.own:
        return answer  # type: ignore[no-any-return]
    each = answer if isinstance(answer, Mapping) else {"": answer}
    for value in each.values():
        if not isinstance(value, Real) or isinstance(value, bool) or not 0 <= float(value) <= 1:
            raise LotteryError(_said(entry, f"{value!r:.60}", "a number from 0 to 1, or one for each layer"))
    if not isinstance(answer, Mapping):
        return float(answer)
    if odd := [str(name) for name in [*names, *answer] if name not in names or name not in answer]:
        raise LotteryError(_said(entry, f"a dict that differs in {_some(odd)}", f"one with each of {_some(names)}"))
    return {name: float(answer[name]) for name in names}


def findings(entry: Entry, answer: Any) -> dict[str, Any]:
    """Return what a probe or an analysis found, as it stands in a line of JSON.

    Raises:
        LotteryError: it is nothing that can stand there.
    """
    asked = "a dict of numbers, texts, lists and dicts of these, by name"
    if not isinstance(answer, Mapping):
        raise refused(entry, f"a {type(answer).__name__}", asked)
    try:
        return FOUND.validate_python(exhibits.written(answer))
    except (TypeError, RecursionError) as error:
        raise refused(entry, f"a dict in which {str(error)[:100]}", asked) from None
    except ValidationError as error:
        raise refused(entry, f"a dict with {error.errors()[0]['msg']}", asked) from None


def refused(entry: Entry, found: str, wanted: str) -> LotteryError:
    """Return the error that says what an entry answered, and what it has to, where nothing was trained by it."""
    return LotteryError(_said(entry, found, wanted))


def wrong(entry: Entry, found: str, wanted: str) -> RunFailed:
    """Return the error that says what an entry answered, and what it has to."""
    return RunFailed(f"{_said(entry, found, wanted)}\n{brought.REMEDY}")


def _said(entry: Entry, found: str, wanted: str) -> str:
    return f"{entry.kind}.{entry.name} returns {found}; it has to return {wanted}"


def _some(names: Any) -> str:
    listed = [str(name)[:60] for name in names]
    return ", ".join(listed[:3]) + (f" and {len(listed) - 3} more" if len(listed) > 3 else "")


def _plain(dtype: torch.dtype) -> str:
    return str(dtype).removeprefix("torch.")
