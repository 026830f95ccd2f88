"""What a rule of latents must fulfil."""

import torch
from torch import Tensor

from lottery.contracts.contract import Candidate, require
from lottery.contracts.examples import SHAPES
from lottery.contracts.guards import repeatable, untouched
from lottery.latent import Densities, Layer, Rule
from lottery.seeds import stream

_DENSITY = dict(zip(SHAPES, (0.3, 0.0, 1.0), strict=True))
"""One leaves nothing, and one all."""
_ASKED: tuple[Densities, ...] = (_DENSITY, 0.3)


def is_a_rule(given: Candidate) -> None:
    """A latent returns a `lottery.latent.Rule`, whose latents start finite and of the shape of each weight."""
    rule = given()
    require(isinstance(rule, Rule), f"it returns a {type(rule).__name__}; return an object of a class of Rule's")
    for name, latent in _start(rule).items():
        require(isinstance(latent, Tensor), f"start returns a {type(latent).__name__}; return a tensor")
        require(latent.shape == SHAPES[name], f"start of {name} has shape {tuple(latent.shape)}, not the weight's")
        require(latent.isfinite().all(), f"start of {name} isn't finite at density {_DENSITY[name]}")


def starts_repeatably(given: Candidate) -> None:
    """Latents start from the draw and the generator alone, and change neither draw nor global random state."""
    rule, draw = given(), _draw()
    repeatable(lambda: _start(rule), "start")
    with untouched(weight=draw):
        for name, weight in draw.items():
            rule.start(weight, _DENSITY[name], stream(0))
            rule.fixed(weight, _DENSITY[name])


def fixes_weights(given: Candidate) -> None:
    """Fixed weights are finite, of the draw's shape, and of its signs where the rule freezes weights."""
    rule = given()
    for name, weight in _draw().items():
        fixed = rule.fixed(weight, _DENSITY[name])
        require(fixed.shape == weight.shape, f"fixed of {name} has shape {tuple(fixed.shape)}, not the draw's")
        require(fixed.isfinite().all(), f"fixed of {name} isn't finite at density {_DENSITY[name]}")
        same = torch.equal(fixed.sign(), weight.sign())
        require(same or not rule.freezes, f"fixed of {name} has other signs than the draw; keep them")


def masks_are_within_reach(given: Candidate) -> None:
    """Masks and reach are bool, of the weights' shapes, the same for one seed; what is kept is within reach."""
    rule = given()
    latents = _start(rule)
    for asked in _ASKED:
        repeatable(lambda asked=asked: rule.mask(latents, asked, stream(0, "latent")), "mask")  # type: ignore[misc]
        with untouched(latents=latents):
            kept = rule.mask(latents, asked, stream(0, "latent"))
            reached = rule.reach(latents, asked, stream(0, "latent"))
        for name, latent in latents.items():
            for what, of in (("mask", kept), ("reach", reached)):
                require(name in of, f"{what} has none of {name}; return one for each latent")
                fits = of[name].dtype == torch.bool and of[name].shape == latent.shape
                require(
                    fits, f"{what} of {name} is {of[name].dtype} {tuple(of[name].shape)}; return bool, of its shape"
                )
            out = int((kept[name] & ~reached[name]).sum())
            require(not out, f"{out} weights of {name} are kept and out of reach; let reach be a superset of mask")


def learns_within_reach(given: Candidate) -> None:
    """Gradients of latents are finite, the same when asked again, and other than zero just within reach."""
    rule, draw = given(), _draw()
    latents = _start(rule)
    kept, reached = (of(latents, _DENSITY, stream(0)) for of in (rule.mask, rule.reach))
    for name, latent in latents.items():
        weight = rule.fixed(draw[name], _DENSITY[name]) if rule.freezes else latent
        layer = Layer(latent, weight, kept[name], reached[name], _DENSITY[name], torch.ones_like(latent))
        with untouched(layer=layer):
            gradient = rule.gradient(layer)
        require(torch.equal(gradient, rule.gradient(layer)), f"gradient of {name} is another one the second time")
        require(gradient.shape == latent.shape, f"gradient of {name} has shape {tuple(gradient.shape)}")
        require(gradient.isfinite().all(), f"gradient of {name} isn't finite")
        wrong = int(((gradient != 0) != reached[name]).sum())
        require(
            not wrong,
            f"gradient of {name} is wrong for {wrong} weights: zero within reach, or other than zero out of it",
        )


def _draw() -> dict[str, Tensor]:
    generator = torch.Generator().manual_seed(2)
    return {name: torch.randn(shape, generator=generator) for name, shape in SHAPES.items()}


def _start(rule: Rule) -> dict[str, Tensor]:
    return {name: rule.start(weight, _DENSITY[name], stream(0)) for name, weight in _draw().items()}


CHECKS = (is_a_rule, starts_repeatably, fixes_weights, masks_are_within_reach, learns_within_reach)
