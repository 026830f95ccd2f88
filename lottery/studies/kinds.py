"""The kinds of study that there are, by the names that records give them."""

from lottery.store.reader import Reader
from lottery.studies.fork import Fork
from lottery.studies.prune import Prune
from lottery.studies.rewind import Rewind
from lottery.studies.setting import Setting
from lottery.studies.study import Study
from lottery.studies.train import Train

KINDS: dict[str, type[Study]] = {kind.name: kind for kind in (Train, Prune, Rewind, Fork)}


def study_of(run: Reader, setting: Setting) -> Study:
    """Return the study of a run, planned anew.

    Raises:
        LotteryError: the run asks for what can't be.
    """
    return KINDS[run.record["study"]].of_run(run, setting)
