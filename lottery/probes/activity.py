"""The probe `activity` counts units and channels that do nothing, and the inputs that are left to the others."""

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from lottery.exhibits import Exhibit, Findings, Line
from lottery.networks.collapse import on_paths
from lottery.networks.layers import layers, outputs_of
from lottery.networks.subject import Subject, leaves
from lottery.probes._ends import ends_table, over_time
from lottery.probes._over_steps import charts, courses

_NEAR = 0.1
"""Of a layer's units: where fewer lie on a path, it is near collapse."""


def activity(subject: Subject) -> Findings:
    """Count dead units of linear layers and channels of convolutions, in evaluation mode, on the sample.

    A unit is dead where no image of the sample makes it fire, or no path of kept weights leads to it from the input or
    from it to the output. It fires on an image where the network's outputs change with it (behind a rectifier: where
    that is on), and where what it puts out isn't the same for all images.

    Returns:
        `dead`: share of all units; `dead_units`, `units`: of each layer.
        `silent`, `no_input`, `no_output`: dead units of each layer by why; one may be in all three. The last two are
            null where paths can't be told, as of attention (see `lottery.networks.collapse`).
        `fan_in`: mean number of kept inputs of each layer's units, of those that have any; null where none has.
        `near_collapse`: layers in which fewer than a tenth of the units lie on a path from input to output; where
            paths can't be told, keep an input.
    """
    template = subject.template
    assert template is not None
    silent = _silent(subject)
    paths = on_paths(template, subject.shape, subject.mask) or {}
    dead, no_input, no_output, near, fan_in = {}, {}, {}, [], {}
    for name, quiet in silent.items():
        kept = subject.mask[f"{name}.weight"].flatten(1).sum(1).cpu()
        fan_in[name] = kept[kept > 0].double().mean().item() if kept.any() else None
        reached, heard = paths.get(name, (kept > 0, None))
        known = heard is not None
        heard = torch.ones_like(reached) if heard is None else heard
        no_input[name], no_output[name] = ((~each).sum().item() if known else None for each in (reached, heard))
        dead[name] = (quiet | ~(reached & heard)).sum().item()
        if (reached & heard).double().mean() < _NEAR:
            near.append(name)
    units = {name: len(quiet) for name, quiet in silent.items()}
    return {
        "dead": sum(dead.values()) / max(1, sum(units.values())),
        "dead_units": dead,
        "units": units,
        "silent": {name: quiet.sum().item() for name, quiet in silent.items()},
        "no_input": no_input,
        "no_output": no_output,
        "fan_in": fan_in,
        "near_collapse": near,
    }


def _silent(subject: Subject) -> Mapping[str, Tensor]:
    """Return layer -> which of its units no image of the sample makes fire, of the layers that are used."""
    assert subject.template is not None
    images, _ = subject.images()
    with outputs_of(layers(subject.template, subject.mask)) as found:
        outputs = subject.outputs(leaves(subject.weights), images, train=False)
    every = [(name, output) for name, calls in found.items() for output in calls]
    # Along a direction in which no two outputs cancel but by chance.
    direction = torch.randn(outputs.shape[1:], generator=torch.Generator().manual_seed(0)).to(outputs)
    gradients = torch.autograd.grad((outputs * direction).sum(), [one for _, one in every], allow_unused=True)
    fires: dict[str, Tensor] = {}
    for (name, output), gradient in zip(every, gradients, strict=True):
        units = output.shape[1]
        differs = (output.amax(0) > output.amin(0)).reshape(units, -1).any(1)
        moves = torch.zeros_like(output) if gradient is None else gradient
        matters = (moves != 0).transpose(0, 1).reshape(units, -1).any(1)
        fires[name] = fires.get(name, torch.zeros_like(differs)) | (differs & matters)
    return {name: ~each.cpu() for name, each in fires.items()}


def _shown(lines: Sequence[Line]) -> Exhibit:
    """Show how many units are dead over steps, and which layers come near to letting nothing through."""
    found = courses(lines, lambda values: 100 * values["dead"])
    near = {
        f"{name} (level {line['level']}, {line['arm']})"
        for line in lines
        for name in line["values"].get("near_collapse", ())
    }
    told = [f"Near collapse at some step: {', '.join(sorted(near)[:6])}."] if near else []
    return Exhibit(
        "Dead units",
        [*over_time(found, "the share of dead units", " %"), *told],
        charts(found, "over-steps", "dead units and channels", "share of all, %", limits=(0, 100)),
        ends_table(found, "dead units (%)"),
        "A unit is dead where no image of the sample makes it fire so that the outputs change with it, where it puts "
        "out the same for all of them, or where no path of kept weights leads to it or from it.",
    )


SHOWN = _shown
