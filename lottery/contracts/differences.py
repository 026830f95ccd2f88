"""Values that hold tensors are compared here, tensor by tensor."""

import dataclasses
from collections.abc import Iterator, Mapping

from torch import Tensor


def tensors(value: object, place: str) -> Iterator[tuple[str, Tensor]]:
    """Yield each tensor of mappings, sequences and dataclasses within one another, with its place as in Python."""
    if isinstance(value, Tensor):
        yield place, value
    elif isinstance(value, Mapping):
        for key, part in value.items():
            yield from tensors(part, f"{place}[{key!r}]")
    elif isinstance(value, list | tuple):
        for index, part in enumerate(value):
            yield from tensors(part, f"{place}[{index}]")
    elif dataclasses.is_dataclass(value) and not isinstance(value, type):
        for field in dataclasses.fields(value):
            yield from tensors(getattr(value, field.name), f"{place}.{field.name}")


def difference(first: object, second: object, place: str) -> str:
    """Return the place of the first tensor that differs between two values of one structure, or an empty text."""
    ours, theirs = dict(tensors(first, place)), dict(tensors(second, place))
    for name in [*ours, *theirs]:
        if name not in ours or name not in theirs or not same(ours[name], theirs[name]):
            return name
    return ""


def same(first: Tensor, second: Tensor) -> bool:
    """Return whether two tensors have one type, one shape and the same numbers; what is no number equals its like."""
    if first.dtype != second.dtype or first.shape != second.shape:
        return False
    alike = first == second
    if first.is_floating_point():
        alike = alike | (first.isnan() & second.isnan())
    return bool(alike.all())
