"""Jobs and events as bytes, between a process and its own children; never through a file."""

import io
import pickle
from typing import Any

import numpy as np
import torch


class _Pickler(pickle.Pickler):
    """A pickler that takes tensors for arrays.

    torch's own way to pickle a tensor makes classes on both sides, which hold one another and the tensor's memory until
    garbage is collected.
    """

    def reducer_override(self, value: Any) -> Any:
        """Return how a tensor on the CPU is put together again; anything else is pickled as usual."""
        if not isinstance(value, torch.Tensor):
            return NotImplemented
        return _tensor, (value.detach().flatten().view(torch.uint8).numpy(), value.dtype, value.shape)


def _tensor(content: np.ndarray[Any, Any], dtype: torch.dtype, shape: torch.Size) -> torch.Tensor:
    """Return the tensor of these bytes."""
    tensor = torch.empty(shape, dtype=dtype)
    tensor.flatten().view(torch.uint8).copy_(torch.from_numpy(content))
    return tensor


def pickled(value: object) -> bytes:
    """Return a value as bytes, which `pickle.loads` reads."""
    buffer = io.BytesIO()
    _Pickler(buffer, pickle.HIGHEST_PROTOCOL).dump(value)
    return buffer.getvalue()
