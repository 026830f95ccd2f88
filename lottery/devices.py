"""A config names a device; here it is found, and told how to compute."""

import os
import sys
from pathlib import Path

import torch

from lottery.errors import LotteryError


def available() -> list[str]:
    """Return the names of the devices of this machine, the best first."""
    devices = [f"cuda:{index}" for index in range(torch.cuda.device_count())] if torch.cuda.is_available() else []
    if torch.backends.mps.is_available():
        devices.append("mps")
    return [*devices, "cpu"]


def resolve(name: str) -> torch.device:
    """Return the device called `name`: auto (the best), cpu, cuda:1, mps, ...; raises LotteryError if not there."""
    devices = available()
    if name == "auto":
        return torch.device(devices[0])
    if (f"{name}:0" if name == "cuda" else name) not in devices:
        raise LotteryError(f"device {name!r} is not on this machine; there are: {', '.join(devices)}")
    return torch.device(name)


def configure(device: torch.device, precision: str, deterministic: bool) -> None:
    """Set how this process computes on a GPU.

    Args:
        device: if it is no GPU, nothing is set.
        precision: tf32 rounds the inputs of float32 products; all others leave them as they are.
        deterministic: take algorithms that give the same bytes twice.
    """
    if device.type == "cuda":
        torch.cuda.set_device(device)
        if deterministic:
            os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # read when the first product is computed
            torch.use_deterministic_algorithms(True)
        rounding = "tf32" if precision == "tf32" else "ieee"
        torch.backends.cuda.matmul.fp32_precision = rounding
        torch.backends.cudnn.conv.fp32_precision = rounding  # type: ignore[attr-defined]


def wait(device: torch.device) -> None:
    """Wait until the device has done what it was asked to."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    elif device.type == "mps":
        torch.mps.synchronize()


def lacks_memory(error: BaseException) -> bool:
    """Return whether an error says that memory ran out; on a CPU torch has no type for that."""
    if isinstance(error, MemoryError | torch.OutOfMemoryError):
        return True
    told = str(error)
    return isinstance(error, RuntimeError) and ("can't allocate memory" in told or "out of memory" in told)


def release(device: torch.device) -> None:
    """Give memory back that is kept for later use."""
    if device.type == "cuda":
        torch.cuda.empty_cache()


def describe(device: torch.device) -> str:
    """Return the device in words, for `run.json`."""
    if device.type == "cuda":
        return f"{device} ({torch.cuda.get_device_name(device)})"
    return f"{device} ({torch.get_num_threads()} threads)" if device.type == "cpu" else str(device)


def can_fork(device: torch.device) -> bool:
    """Return whether members may be trained in forked processes: on the CPU of a Linux machine."""
    return sys.platform == "linux" and device.type == "cpu"


def cores() -> int:
    """Return the number of the processor's cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def places(asked: str, device: torch.device) -> list[torch.device]:
    """Return where workers may train side by side: on each core; on each GPU, unless the config `asked` for one."""
    if device.type == "cuda" and asked in ("auto", "cuda"):
        return [torch.device("cuda", index) for index in range(torch.cuda.device_count())]
    return [device] * (torch.get_num_threads() if can_fork(device) else 1)


def free_memory(device: torch.device) -> int:
    """Return the bytes free on a device, as far as the system tells; on a CPU those that could be freed for us."""
    if device.type == "cuda":
        return torch.cuda.mem_get_info(device)[0]
    if device.type == "mps":
        return torch.mps.recommended_max_memory() - torch.mps.driver_allocated_memory()
    try:
        lines = Path("/proc/meminfo").read_text().splitlines()
        return 1024 * next(int(line.split()[1]) for line in lines if line.startswith("MemAvailable:"))
    except (OSError, StopIteration):
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2
