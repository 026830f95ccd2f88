"""What a run's kind of study says of its networks."""

from lottery.store.reader import Reader
from lottery.studies.kinds import KINDS
from lottery.studies.study import Study


def kind(run: Reader) -> type[Study]:
    """Return the kind of study that a run is."""
    return KINDS[run.record["study"]]


def prunes(run: Reader) -> bool:
    """Return whether a run's masks were made by training of its own, round after round."""
    return bool(kind(run).rounds_before(run.config, 1))


def is_nested(run: Reader) -> bool:
    """Return whether each round prunes what the one before left."""
    return 1 in (kind(run).rounds_before(run.config, 2) or ())
