"""Who trains what, and when: chunks are handed out one by one to whoever is free."""

import heapq
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from lottery.networks.key import Key


class Piece(NamedTuple):
    """A piece is a chunk of networks that takes so many seconds."""

    seconds: float
    keys: frozenset[Key]


def completions(
    running: Sequence[Piece], waiting: Sequence[Piece], hands: int, sources: Mapping[Key, Key]
) -> Iterator[tuple[float, frozenset[Key]]]:
    """Yield the seconds from now at which each piece will be done, and its networks, in their order.

    Pieces are begun in theirs, by whoever is free first, none before the networks that its own start from are done.
    """
    pieces, queue = [*running], [*waiting]
    left = {key for piece in (*running, *waiting) for key in piece.keys}
    ends, now = [(piece.seconds, number) for number, piece in enumerate(running)], 0.0
    heapq.heapify(ends)
    while ends or queue:
        while len(ends) < hands and queue:
            ready = next((piece for piece in queue if not any(sources.get(key) in left for key in piece.keys)), None)
            if ready is None and ends:
                break
            chosen = ready or queue[0]  # where none can ever be: better counted than left out
            queue.remove(chosen)
            heapq.heappush(ends, (now + chosen.seconds, len(pieces)))
            pieces.append(chosen)
        now, number = heapq.heappop(ends)
        left -= pieces[number].keys
        yield now, pieces[number].keys
