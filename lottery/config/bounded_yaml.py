"""YAML from a stranger is parsed by the safe loader, and only if so small that nothing blows up in memory."""

from typing import Any

import yaml

LARGEST = 1 << 20
"""Most bytes of a config file."""
_DEPTH, _NODES = 20, 20_000
_CHARACTERS = 3000
"""Most characters of one value: more than a path has, and fewer than the digits that Python reads a number from."""


def parse(text: str) -> Any:
    """Return the value that `text` says.

    Raises:
        yaml.YAMLError: it isn't YAML, or larger than any config is: nested more than 20 deep, of more than 20,000
            values once its aliases are written out, or containing itself.
    """
    try:
        _measure(text)
        return yaml.safe_load(text)
    # A date, number or character that there can't be; of tags that don't fit, PyYAML has errors of any kind.
    except (ValueError, OverflowError, LookupError, AttributeError, TypeError) as error:
        raise yaml.YAMLError(f"a value that can't be read ({error})") from error


class _Refused(yaml.YAMLError):
    def __init__(self, problem: str, event: yaml.Event) -> None:
        super().__init__(problem)
        self.problem, self.problem_mark = problem, event.start_mark


def _measure(text: str) -> None:
    """Count values by the parser's events, before anything is built of them."""
    sizes: dict[str, int] = {}
    stack: list[tuple[str | None, int]] = [(None, 0)]
    for event in yaml.parse(text, Loader=yaml.SafeLoader):
        size = 0
        if isinstance(event, yaml.CollectionStartEvent):
            stack.append((event.anchor, 1))
        elif isinstance(event, yaml.CollectionEndEvent):
            anchor, size = stack.pop()
            if anchor is not None:
                sizes[anchor] = size
        elif isinstance(event, yaml.ScalarEvent):
            if len(event.value) > _CHARACTERS:
                raise _Refused("a value is longer than any that a config has", event)
            size = 1
            if event.anchor is not None:
                sizes[event.anchor] = 1
        elif isinstance(event, yaml.AliasEvent):
            if any(anchor == event.anchor for anchor, _ in stack):
                raise _Refused("a value contains itself", event)
            size = sizes.get(event.anchor or "", 1)
        if size:
            stack[-1] = (stack[-1][0], stack[-1][1] + size)
        if len(stack) > _DEPTH or stack[-1][1] > _NODES:
            raise _Refused("larger than any config is", event)
