"""What is done with is let go at once: a study of thousands of networks takes no more memory than one of hundreds."""

import gc
import sys
import tracemalloc
import weakref
from contextlib import contextmanager

import pytest
import torch
from conftest import carry_out, one_thread, tiny

from lottery.crews.jobs import Job, Trained
from lottery.store.tensor_files import read_tensors, write_tensors
from lottery.studies import chunk
from lottery.studies.chunk import train_chunk
from lottery.studies.plan import Member
from lottery.studies.prepare import prepare


@contextmanager
def no_collector():
    """Garbage is what only the collector could free; here it doesn't."""
    gc.collect()
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


RULES = {
    "dense": {},
    "rigl": {"sparse": {"density": 0.2, "topology": {"name": "rigl", "interval": "5it"}}},
    "edge_popup": {"sparse": {"density": 0.2, "latent": "edge_popup"}},
}


@pytest.mark.parametrize("execution", ["looped", "stacked"])
@pytest.mark.parametrize("rule", RULES)
def test_a_chunk_lets_go_of_its_networks_by_itself(rule, execution, monkeypatch):
    setting, alive = prepare(tiny(**RULES[rule])), []
    make = chunk.make_trainer

    def remember(*arguments):
        trainer = make(*arguments)
        alive.extend(weakref.ref(thing) for thing in (trainer, trainer.cohort, *trainer.cohort.leaves))
        return trainer

    monkeypatch.setattr(chunk, "make_trainer", remember)
    starts = [setting.dense(setting.initial(replicate)) for replicate in range(2)]
    members = [Member(setting.main(replicate, int(rule != "dense")), setting.recipe) for replicate in range(2)]
    job = Job(members, starts, execution, [])
    with no_collector():
        for event in train_chunk(setting, job, lambda: False):
            assert all(found() is not None for found in alive) != isinstance(event, Trained)
        assert len(alive) > 2
        assert not any(found() is not None for found in alive)


@pytest.mark.skipif(sys.platform != "linux", reason="worker processes are forked on Linux alone")
@pytest.mark.parametrize("workers", [1, 2])
def test_no_tensor_waits_for_the_collector(workers, tmp_path):
    """Neither those of chunks nor those that pass between processes."""
    with one_thread(), no_collector():
        carry_out(tiny(workers=workers, execution="stacked"), tmp_path)
        gc.set_debug(gc.DEBUG_SAVEALL)
        try:
            gc.collect()
            kinds = {type(one) for one in gc.garbage}
        finally:
            gc.set_debug(0)
            gc.garbage.clear()
    assert not {
        kind for kind in kinds if issubclass(kind, torch.Tensor | torch.UntypedStorage | torch.nn.Module | type)
    }


def test_reading_tensors_leaves_nothing_behind(tmp_path):
    path = tmp_path / "some.safetensors"
    write_tensors(path, {str(index): torch.zeros(index) for index in range(20)})
    read_tensors(path)
    with no_collector():
        tracemalloc.start()
        before, _ = tracemalloc.get_traced_memory()
        for _ in range(400):
            read_tensors(path)
        gc.collect()
        after, _ = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    assert after - before < 400 * 20 * 14  # half of the smallest object that each tensor could leave


def test_a_study_collects_its_garbage_before_there_is_much(lottery, config_file):
    """Start-up puts the collector off, for good if nobody asked for it again."""
    before = gc.get_threshold()
    try:
        assert lottery("train", config_file).code == 0
        assert gc.get_threshold()[0] <= 10_000
    finally:
        gc.set_threshold(*before)
