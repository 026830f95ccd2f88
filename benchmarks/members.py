"""Time per member's step: stacked and looped, for growing cohorts, in one process of one thread, over one member alone.

python benchmarks/members.py [cuda]
"""

import torch
from floor import prepare, stepper, trainer
from timing import alternate, show

from lottery.studies.layout import choose


def main() -> None:
    torch.set_num_threads(1)
    rows = []
    for model, shape, batch, repeats in (
        ("lenet_300_100", (1, 28, 28), 128, 32),
        ("lenet_300_100", (1, 8, 8), 60, 64),
        ("conv_2", (3, 32, 32), 60, 1),
        ("resnet_20", (3, 32, 32), 128, 1),
    ):
        setting = prepare(model, shape, batch)
        for members in (1, 2, 4, 8, 16, 32):
            steps = max(1, repeats // members)
            tasks = {how: stepper(trainer(setting, 0.2, members, how), steps) for how in ("looped", "stacked")}
            tasks["one"] = stepper(trainer(setting, 0.2), steps)
            seconds = alternate(tasks, rounds=9 if repeats > 1 else 3)
            rows.append(
                {
                    "model": model,
                    "image": "x".join(map(str, shape)),
                    "members": members,
                    "one alone ms": 1e3 * seconds["one"] / steps,
                    "looped / one": seconds["looped"] / members / seconds["one"],
                    "stacked / one": seconds["stacked"] / members / seconds["one"],
                    "auto": choose(setting, members)[0].execution,
                }
            )
    show("Time per member over one member alone, one thread", rows, "members")


if __name__ == "__main__":
    main()
