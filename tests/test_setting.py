from dataclasses import replace

import pytest
import torch
from conftest import new_trainer, tiny

from lottery import devices
from lottery.errors import LotteryError
from lottery.studies.prepare import prepare


def test_the_seed_decides_initializations_and_splits():
    one, again, other = (prepare(tiny(seed=seed, data__validation=100)) for seed in (3, 3, 4))
    for draw in (lambda setting: setting.initial(0)["hidden_1.weight"], lambda setting: setting.data.validation_index):
        assert torch.equal(draw(one), draw(again))
        assert not torch.equal(draw(one), draw(other))


def test_the_seed_decides_the_order_of_batches():
    """Of one network and one split."""
    setting = prepare(tiny())
    network, ends = setting.dense(setting.initial(0)), []
    for seed in (3, 3, 4):
        own = replace(setting, config=tiny(seed=seed))
        trainer = new_trainer(own, [network], [0])
        trainer.advance(1)
        ends.append(trainer.cohort.member(0).state["output.weight"])
    assert torch.equal(ends[0], ends[1])
    assert not torch.equal(ends[0], ends[2])


def test_workers_that_can_not_be_forked_are_no_more_than_there_are_places(monkeypatch):
    monkeypatch.setattr(devices, "can_fork", lambda device: False)
    monkeypatch.setattr(devices, "places", lambda asked, device: [device, device])
    assert prepare(tiny(workers=2)).config.workers == 2
    with pytest.raises(LotteryError, match=r"^workers: 3 can't be had on cpu"):
        prepare(tiny(workers=3))
