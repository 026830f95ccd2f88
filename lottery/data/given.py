"""These data are handed over from Python, where a config can't name them."""

from lottery.data import Dataset
from lottery.errors import LotteryError

TRAITS = {"from_python"}


def given() -> Dataset:
    """Stand for data that are handed over from Python: `lottery.train(config, data=...)`."""
    raise LotteryError(
        "data: given from Python, where a run of them is gone on with, too: lottery.resume(run, data=..., model=...)"
    )
