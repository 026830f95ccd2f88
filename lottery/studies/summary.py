"""What is kept of a trained network besides its tensors."""

from lottery.cost.flops import masked_flops
from lottery.networks import masks, parameters
from lottery.networks.cohort import Network
from lottery.store.files import Record
from lottery.studies.plan import Member
from lottery.studies.setting import Setting


def summary(setting: Setting, level: int, member: Member, network: Network, records: list[Record]) -> Record:
    """What a member came to, for `levels.jsonl`.

    Args:
        setting: of the study.
        level: its number.
        member: whose network it is.
        network: as it was trained to.
        records: its evaluations.
    """
    by_split = {
        split: {record["step"]: record for record in records if record["split"] == split}
        for split in ("validation", "test")
    }
    validation, test = by_split["validation"], by_split["test"]
    end = max(test)  # where it diverged, before the end of training
    # Read retroactively, never halting training: the first minimum of the validation loss (Frankle & Carbin 2019).
    early = min(
        (step for step in validation if validation[step]["loss"] is not None),
        key=lambda step: (validation[step]["loss"], step),
        default=None,
    )
    return {
        "replicate": member.replicate,
        "arm": member.arm,
        "level": level,
        "density": masks.count(network.mask) / masks.total(network.mask),
        "nonzero": masks.count(network.mask),
        "total": masks.total(network.mask),
        "parameters": parameters.count(setting.template),
        "flops": masked_flops(setting.flops, network.mask),
        "dense_flops": sum(setting.flops.values()),
        "start_step": member.start,
        "stop_step": end,
        "test_accuracy": test[end]["accuracy"],
        "test_correct": test[end]["correct"],
        "test_images": test[end]["images"],
        "test_loss": test[end]["loss"],
        "validation_accuracy": validation[end]["accuracy"] if validation else None,
        "validation_correct": validation[end]["correct"] if validation else None,
        "validation_images": validation[end]["images"] if validation else None,
        "validation_loss": validation[end]["loss"] if validation else None,
        "early_stop_step": early,
        "early_stop_test_accuracy": test[early]["accuracy"] if early is not None else None,
        "early_stop_test_correct": test[early]["correct"] if early is not None else None,
        "evaluate_every": setting.every,
    }
