from contextlib import contextmanager, nullcontext

import pytest
import torch
from conftest import carry_out, tiny

from lottery.networks.key import Key
from lottery.training.graph import Graph


class Recorder:
    """Stands for CUDA on a machine that has none: what is captured is not computed until it is replayed."""

    def __init__(self, monkeypatch):
        self.capturing, self.captures, self.step = False, 0, None
        stream = type("Stream", (), {"wait_stream": lambda self, other: None})
        monkeypatch.setattr(torch.cuda, "Stream", stream)
        monkeypatch.setattr(torch.cuda, "current_stream", stream)
        monkeypatch.setattr(torch.cuda, "stream", lambda stream: nullcontext())
        monkeypatch.setattr(torch.cuda, "CUDAGraph", lambda: self)
        monkeypatch.setattr(torch.cuda, "graph", self.capture)

    @contextmanager
    def capture(self, graph):
        self.capturing, self.captures = True, self.captures + 1
        yield
        self.capturing = False

    def replay(self):
        self.step()


def test_every_step_is_computed_once_on_its_own_inputs(monkeypatch):
    recorder, seen = Recorder(monkeypatch), []

    def step(index, shift, factor):
        if recorder.capturing:
            recorder.step = lambda: step(index, shift, factor)  # on the very tensors that were captured
        else:
            seen.append((index.tolist(), shift.tolist(), factor.item()))

    graph = Graph()
    for number in range(10):
        graph(step, torch.tensor([number, -number]), torch.tensor([7 * number]), 0.5 * number)
    assert seen == [([number, -number], [7 * number], 0.5 * number) for number in range(10)]
    assert recorder.captures == 1


@pytest.mark.gpu
@pytest.mark.parametrize("execution", ["stacked", "looped"])
def test_a_captured_study_is_that_of_single_launches(execution, tmp_path):
    options = {"device": "cuda", "execution": execution, "pruning__iterations": 1, "workers": 1}
    plain, captured = (carry_out(tiny(train__cuda_graph=graph, **options), tmp_path) for graph in (False, True))
    for one, two in zip(plain.levels(), captured.levels(), strict=True):
        weights = [run.read_weights(Key.of(one)) for run in (plain, captured)]
        torch.testing.assert_close(*weights, rtol=1e-3, atol=1e-4)
        assert one["nonzero"] == two["nonzero"]


@pytest.mark.gpu
def test_a_study_on_a_gpu_agrees_with_one_on_the_cpu(tmp_path):
    runs = [carry_out(tiny(device=device, pruning__iterations=1), tmp_path) for device in ("cpu", "cuda")]
    for replicate in range(2):
        torch.testing.assert_close(
            *(run.read_weights(Key(replicate, 0, "dense")) for run in runs), rtol=1e-2, atol=1e-3
        )
