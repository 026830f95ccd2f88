"""From the device that a config names to one that is there."""

import torch

from lottery.errors import LotteryError


def available() -> list[str]:
    """Names of the devices of this machine, the best first."""
    devices = [f"cuda:{index}" for index in range(torch.cuda.device_count())] if torch.cuda.is_available() else []
    if torch.backends.mps.is_available():
        devices.append("mps")
    return [*devices, "cpu"]


def resolve(name: str) -> torch.device:
    """The device called `name`: auto (the best), cpu, cuda, cuda:1, mps. Raises LotteryError where it isn't there."""
    devices = available()
    if name == "auto":
        return torch.device(devices[0])
    if (f"{name}:0" if name == "cuda" else name) not in devices:
        raise LotteryError(f"device {name!r} is not on this machine; there are: {', '.join(devices)}")
    return torch.device(name)


def describe(device: torch.device) -> str:
    """The device in words, for `run.json`."""
    if device.type == "cuda":
        return f"{device} ({torch.cuda.get_device_name(device)})"
    return f"{device} ({torch.get_num_threads()} threads)" if device.type == "cpu" else str(device)
