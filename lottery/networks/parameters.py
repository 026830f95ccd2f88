"""A module has parameters that masks cover, that the config's initializer draws, that are one tensor.

The rule for masks: they cover every matrix-like weight, a trainable parameter that

- belongs to one of torch's layers that multiply or look up (linear, bilinear, convolution of any dimension, transposed
  or not, embedding, recurrent, attention) and has two dimensions or more, or
- belongs to any other module, and has at least two dimensions that are larger than one;

biases (whatever has `bias` in its own name) and what normalisation layers own are never covered, nor what a
parametrization computes a weight from, unless its zeros are the weight's (weight_norm, spectral_norm). So class tokens,
scales and gates of one dimension stay dense, and tables of positions are pruned as embeddings are. `model.prunable` in
a config names other parameters, `model.exclude` takes some of them out.
"""

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor, nn
from torch.nn.utils.parametrize import ParametrizationList

from lottery.networks.masks import matches

_DRAWN = (nn.Linear, nn.Conv1d, nn.Conv2d, nn.Conv3d)
"""Layers whose weights an initializer knows how to draw: outputs first, then inputs, then the kernel."""
_LAYERS = (
    *_DRAWN,
    nn.Bilinear,
    nn.ConvTranspose1d,
    nn.ConvTranspose2d,
    nn.ConvTranspose3d,
    nn.Embedding,
    nn.EmbeddingBag,
    nn.RNNBase,
    nn.RNNCellBase,
    nn.MultiheadAttention,
)
_KEEP_ZEROS = {"_WeightNorm": "original1", "_SpectralNorm": "original"}
"""Parametrizations of torch -> the parameter whose zeros are those of the weight that is computed from it."""
_NORMALISATION = (nn.modules.batchnorm._NormBase, nn.GroupNorm, nn.LayerNorm, nn.RMSNorm)


def prunable(
    template: nn.Module, only: Sequence[str] | None = None, exclude: Sequence[str] = ()
) -> dict[str, torch.Size]:
    """Return name -> shape of the weights that masks cover, in the order in which the module defines them.

    Args:
        only: name patterns of trainable parameters that are covered in place of the rule's.
        exclude: name patterns of those that are not covered after all.
    """
    found = {}
    for name, module, parameter in _owned(template):
        covered = _matrix_like(name, module, parameter) if only is None else _matches_any(name, only)
        if covered and not _matches_any(name, exclude):
            found[name] = parameter.shape
    return found


def matrices(template: nn.Module) -> dict[str, torch.Size]:
    """Return name -> shape of the weights that the rule names, whether they are trained or not."""
    return {
        name: parameter.shape
        for name, module, parameter in _owned(template, frozen=True)
        if _matrix_like(name, module, parameter)
    }


def trainable(template: nn.Module) -> dict[str, torch.Size]:
    """Return name -> shape of every parameter that training changes; a tensor of several names has its first."""
    return {name: parameter.shape for name, _, parameter in _owned(template)}


def count(template: nn.Module) -> int:
    """Return the number of all parameters, those that aren't trained counted in."""
    return sum(parameter.numel() for _, _, parameter in _owned(template, frozen=True))


def biases_and_norms(template: nn.Module) -> set[str]:
    """Return the names of what nobody expects a mask on: biases, and scale and shift of normalisation layers."""
    return {name for name, module, _ in _owned(template, frozen=True) if _usual(name, module)}


def drawn(template: nn.Module) -> list[str]:
    """Return the names of the weights that the config's initializer draws: those of linear and convolution layers."""
    return [
        name
        for name, module, _ in _owned(template)
        if isinstance(module, _DRAWN) and name.rpartition(".")[2] == "weight"
    ]


def aliases(template: nn.Module) -> dict[str, str]:
    """Return further name -> first name of the parameters and buffers that stand in a module more than once."""
    first: dict[int, str] = {}
    return {
        name: first[id(tensor)]
        for name, tensor in (
            *template.named_parameters(remove_duplicate=False),
            *template.named_buffers(remove_duplicate=False),
        )
        if first.setdefault(id(tensor), name) != name
    }


def names(template: nn.Module) -> list[str]:
    """Return the names of all tensors that a network of this architecture is stored as: those of its state dict."""
    return [name for name, value in template.state_dict().items() if isinstance(value, Tensor)]


def tensors(template: nn.Module) -> dict[str, Tensor]:
    """Return copies of those tensors."""
    state = template.state_dict()
    return {name: state[name].detach().clone() for name in names(template)}


def _owned(template: nn.Module, frozen: bool = False) -> Iterator[tuple[str, nn.Module, nn.Parameter]]:
    """Yield name, owner and tensor of each trainable parameter, or of each; one that several modules share, once."""
    names = {id(parameter): name for name, parameter in template.named_parameters()}
    for module in template.modules():
        for parameter in module.parameters(recurse=False):
            name = names.pop(id(parameter), None)
            if name is not None and (frozen or parameter.requires_grad):
                yield name, module, parameter


def _matrix_like(name: str, module: nn.Module, parameter: nn.Parameter) -> bool:
    if _usual(name, module) or not parameter.is_floating_point():
        return False
    if isinstance(module, ParametrizationList):
        kinds = [type(one).__name__ for one in module]
        return len(kinds) == 1 and _KEEP_ZEROS.get(kinds[0]) == name.rpartition(".")[2]
    if isinstance(module, _LAYERS):
        return parameter.dim() > 1
    return sum(size > 1 for size in parameter.shape) > 1


def _usual(name: str, module: nn.Module) -> bool:
    return isinstance(module, _NORMALISATION) or "bias" in name.rpartition(".")[2]


def _matches_any(name: str, patterns: Sequence[str]) -> bool:
    return any(matches(name, pattern) for pattern in patterns)
