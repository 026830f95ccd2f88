"""Arms: `arm(ticket, fresh, generator)` makes the network that is trained beside a ticket, as its control.

An arm takes one network's tensors and returns another's, and changes none of them. It is given the ticket (the weights
that it retrains from, and its mask), a function that draws an initialization of the control's own, and a generator of
the control's own. Draws of one never shift another's, so a control is the same whatever else is trained.

A file says in `TRAITS` what it changes of the recipe:

- `fresh`: it trains from scratch by the dense network's recipe, whatever the ticket is rewound to.

It says in `ORDER` its place among columns, legends and colours, from 1 on, and in `WORDS` what it is to a reader.
The main arms are what a study is about, and have no file: a dense network, a ticket, a network sparse from the start.
"""

from collections.abc import Iterable

from lottery import registry

MAIN = ("dense", "ticket", "sparse")
"""At each level of a study there is one of these. They share the first place among columns, legends and colours."""

EARLY = "early"
"""A dense network that is trained up to the step that a mask is rewound to, and no further."""

LAST = 1000
"""Place of every arm that says none, such as one of a run whose control's file isn't there."""

_WORDS = {
    "dense": "the dense network",
    "ticket": "the ticket",
    "sparse": "the network sparse from the start",
    EARLY: "the dense network before its training ends",
}


def main_arm(level: int, *, sparse: bool) -> str:
    """Return the main arm of a level, of a study of networks that are sparse from the start or of one that prunes."""
    return "dense" if level == 0 else "sparse" if sparse else "ticket"


def is_main(arm: str) -> bool:
    """Return whether an arm is what its study is about, rather than a control."""
    return arm in MAIN


def is_control(arm: str) -> bool:
    """Return whether an arm is trained beside the main one for comparison alone."""
    return arm not in (*MAIN, EARLY)


def order(arm: str) -> int:
    """Return an arm's place among columns, legends and colours: 0 if it is a main one, else what its file says."""
    if is_main(arm):
        return 0
    place: int = registry.find("arms", arm).constants.get("ORDER", LAST) if arm in registry.names("arms") else LAST
    return place


def in_order(arms: Iterable[str]) -> list[str]:
    """Return each of the arms once: main ones, controls in the order of their files, others by the alphabet."""
    return sorted(set(arms), key=lambda arm: (order(arm), MAIN.index(arm) if is_main(arm) else 0, arm))


def words(arm: str) -> str:
    """Return what an arm is, in words for a reader; of an arm without any, its name."""
    if arm in _WORDS:
        return _WORDS[arm]
    said: str = registry.find("arms", arm).constants.get("WORDS", arm) if arm in registry.names("arms") else arm
    return said
