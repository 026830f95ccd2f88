"""Which networks of a plan are left to train, as a run directory says."""

from collections.abc import Sequence

from lottery.arms import is_control
from lottery.store.reader import Reader
from lottery.store.run import Run
from lottery.studies.layout import Layout
from lottery.studies.plan import Level
from lottery.training.recipe import Member


def outstanding(run: Reader, layout: Layout, levels: Sequence[Level]) -> list[list[Member]]:
    """Return the chunks that are left to train; controls last in their level: the next one doesn't wait for them.

    A chunk is trained as a whole: where a crash left it half written, all of it is. Unless memory ran out before, and
    chunks are no longer what they were: then those members that are not done are trained, and nothing is lost.
    """
    chunks = []
    for group in (group for level in levels for group in level.groups()):
        for members in layout.chunks(group):
            left = [member for member in members if not run.has_network(member.key)]
            if left:
                chunks.append(left if layout.splits else members)
    return sorted(chunks, key=lambda chunk: (chunk[0].key.level, all(is_control(one.key.arm) for one in chunk)))


def forget(run: Run, chunks: Sequence[Sequence[Member]]) -> None:
    """Have the networks of some chunks count as not trained, all of them."""
    for member in (member for chunk in chunks for member in chunk):
        run.forget_network(member.key)
