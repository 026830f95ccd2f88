"""Whoever follows the operations of a forward pass, one by one, begins here."""

from torch.utils._python_dispatch import TorchDispatchMode


class Operations(TorchDispatchMode):
    """A mode sees every operation within its context; a class that derives from this says what it does with them."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        """Return that torch's compiler needn't be kept away: for that it is imported, which takes a second."""
        return False
