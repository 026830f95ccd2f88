"""This network is made by a function that is handed over from Python, where a config can't name it."""

from torch import nn

from lottery.errors import LotteryError

TRAITS = {"from_python"}


def given(
    shape: tuple[int, int, int],  # noqa: ARG001
    classes: int,  # noqa: ARG001
    *,
    of: str | None = None,  # noqa: ARG001
    digest: str | None = None,  # noqa: ARG001
    code: str | None = None,  # noqa: ARG001
) -> nn.Module:
    """Stand for a network that is handed over from Python: `lottery.train(config, model=...)`.

    Args:
        of: the name of what makes it; filled in when a run is made.
        digest: of its layers, and of its tensors' names and shapes; filled in when a run is made.
        code: the same of the classes that it is made of.
    """
    raise LotteryError(
        "model: given from Python, where a run of it is gone on with, too: lottery.resume(run, model=..., data=...)"
    )
