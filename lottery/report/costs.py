"""What networks cost by count, by the conventions of two papers; no masked network runs faster for it."""

from lottery.store.files import Record
from lottery.store.run import Run

CONVENTIONS = (
    "compression: weights over kept weights; theoretical speed-up: operations of the dense network over those of kept "
    "weights, one forward pass (Blalock et al. 2020). FLOPs: a multiplication and an addition count as two; a training "
    "step costs the forward pass and twice as much for the backward one, of each image (Evci et al. 2020). Sparsity is "
    "simulated by masks: the seconds are measured, of dense products."
)


def with_costs(run: Run) -> list[Record]:
    """Lines of `levels.jsonl`, each with what its training cost.

    `train_flops` is what the network's summary says; where it says nothing, 3 * forward pass * images seen, which holds
    for a mask that stays as it is (Evci et al. 2020, appendix H). `total_train_flops` has that of the networks before
    it, whose pruning made its mask; scores at initialization are not counted. Null: not known.
    """
    config = run.config
    moving = config.sparse is not None and config.sparse.topology.name != "static"
    lines = []
    for line in run.levels():
        steps = line["stop_step"] - line["start_step"]
        masked = None if moving and line["level"] else 3 * line["flops"] * config.train.batch_size * steps
        lines.append(line | {"train_flops": line.get("train_flops", masked)})
    tickets = {(line["replicate"], line["level"]): line["train_flops"] for line in lines if line["arm"] == "main"}
    for line in lines:
        parts = [line["train_flops"]]
        if run.record["study"] == "prune":
            rounds = range(min(line["level"], 1) if config.pruning.one_shot else line["level"])
            parts += [tickets.get((line["replicate"], level)) for level in rounds]
        elif run.record["study"] == "rewind":  # its mask comes from another run
            parts.append(None)
        known = [part for part in parts if part is not None]
        line["total_train_flops"] = sum(known) if len(known) == len(parts) else None
    return lines


def spelt(count: float | None) -> str:
    """Operations in words: `160 G`; nothing for what isn't known."""
    if count is None:
        return ""
    units = ["", " k", " M", " G", " T", " P", " E"]
    while count >= 999.5 and len(units) > 1:
        count /= 1000
        units.pop(0)
    return f"{count:.3g}{units[0]}" if count < 999.5 else f"{count:.0f}{units[0]}"
