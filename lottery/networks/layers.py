"""What the linear and convolution layers of a network put out while it is computed."""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from torch import Tensor, nn

_LAYERS = (nn.Linear, nn.Conv1d, nn.Conv2d, nn.Conv3d)


def layers(template: nn.Module, weights: Iterable[str]) -> dict[str, nn.Module]:
    """Return name -> linear or convolution layer of those that own one of `weights`."""
    owners = (name.removesuffix(".weight") for name in weights if name.endswith(".weight"))
    modules = dict(template.named_modules())
    return {name: modules[name] for name in owners if isinstance(modules.get(name), _LAYERS)}


@contextmanager
def outputs_of(of: Mapping[str, nn.Module], *, lifted: float = 0.0) -> Iterator[dict[str, list[Tensor]]]:
    """Provide, by name, what layers put out within the context, each time that they are called; units come second.

    What comes next is given that plus `lifted`.
    """
    found: dict[str, list[Tensor]] = {name: [] for name in of}

    def hook(name: str) -> Any:
        def keep(module: nn.Module, _: object, output: Tensor) -> Tensor:
            linear = isinstance(module, nn.Linear)
            own = output.movedim(-1, 1) if linear else output
            found[name].append(own)
            return (
                own.movedim(1, -1) if linear else own
            ) + lifted  # another tensor, as what comes next may work in place

        return keep

    handles = [module.register_forward_hook(hook(name)) for name, module in of.items()]
    try:
        yield found
    finally:
        for handle in handles:
            handle.remove()
