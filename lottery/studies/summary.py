"""What is kept of a trained network besides its tensors."""

from collections.abc import Sequence

from lottery.cost.flops import masked_flops
from lottery.networks import masks, parameters
from lottery.networks.network import Network
from lottery.store.records import EarlyStop, Evaluation, Measured, Summary
from lottery.studies.setting import Setting
from lottery.training.recipe import Member


def summary(setting: Setting, member: Member, network: Network, lines: Sequence[Evaluation]) -> Summary:
    """Return what a member came to, for `levels.jsonl`, by its network as it was trained to and its evaluations.

    Whoever trained it knows seconds, FLOPs and divergence.
    """
    validation, test = (
        {line["step"]: _measured(line) for line in lines if line["split"] == split} for split in ("validation", "test")
    )
    end = max(test)  # where it diverged, before the end of training
    key = member.key
    return {
        "replicate": key.replicate,
        "level": key.level,
        "arm": key.arm,
        "order": key.order,
        "density": masks.density(network.mask),
        "nonzero": masks.count(network.mask),
        "total": masks.total(network.mask),
        "parameters": parameters.count(setting.template),
        "flops": masked_flops(setting.flops, network.mask),
        "dense_flops": sum(setting.flops.values()),
        "start_step": member.recipe.start,
        "stop_step": end,
        "test": test[end],
        "validation": validation[end] if validation else None,
        "early_stop": _early_stop({step: one["loss"] for step, one in validation.items()}, test),
        "evaluate_every": setting.every,
        "train_seconds": 0.0,
        "train_flops": 0,
        "diverged": None,
        "collapsed": [],
    }


def _measured(line: Evaluation) -> Measured:
    return {"loss": line["loss"], "metrics": line["metrics"]}


def _early_stop(losses: dict[int, float | None], test: dict[int, Measured]) -> EarlyStop | None:
    """Return the first minimum of the validation loss, read off when training is done (Frankle & Carbin 2019)."""
    finite = [(loss, step) for step, loss in losses.items() if loss is not None]
    if not finite:
        return None
    _, step = min(finite)
    return {"step": step, "test": test[step]}
