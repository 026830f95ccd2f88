"""What the analyses of curvature find, against Hessians of autograd's and losses computed apart."""

import copy
import json
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from conftest import carry_out, tiny
from test_curvature import autograd_hessian
from torch.func import functional_call
from torch.nn import functional as F
from torch.optim.swa_utils import update_bn

from lottery import exhibits
from lottery.analyses.basin import SHOWN as SHOWN_BASIN
from lottery.analyses.basin import basin
from lottery.analyses.hessian import hessian
from lottery.analyses.movement import movement
from lottery.contracts.small_run import trained
from lottery.errors import LotteryError
from lottery.explaining.trained import Trained
from lottery.networks.key import Key
from lottery.studies.prepare import prepare

TICKET = Key(1, 2, "ticket")


def lines_of(pieces):
    found = [{"of": dict(piece.of), "values": exhibits.written(piece.find())} for piece in pieces]
    return json.loads(json.dumps(found))


def eigenvalues(subject, images, labels):
    """By torch and NumPy alone, in float64, of the kept weights and all biases; with their vectors."""
    double = {name: value.double() for name, value in subject.state.items()}
    apart = SimpleNamespace(template=subject.template.double(), state=double, mask=subject.mask)
    matrix, kept = autograd_hessian(apart, images.double(), labels)
    return *np.linalg.eigh(matrix[np.ix_(kept, kept)]), kept


def test_the_analysis_finds_the_spectrum_of_start_and_end():
    pieces = list(hessian(trained(), levels=(2,), images=50))
    assert [tuple(piece.of.values()) for piece in pieces] == [
        (one, 2, "ticket", 0, at) for one in (0, 1) for at in ("start", "end")
    ]
    start, end = lines_of(pieces)[2:]
    for line, which in ((start, trained().start), (end, trained().end)):
        subject = trained().subject(TICKET, which(TICKET), 50)
        values = eigenvalues(subject, *subject.images())[0]
        assert line["values"]["method"] == "exact"
        assert line["values"]["parameters"] == len(values)
        np.testing.assert_allclose([line["values"][end] for end in ("smallest", "largest")], values[[0, -1]], atol=1e-5)
    assert start["values"]["largest"] != end["values"]["largest"]
    controls = list(hessian(trained(), arms=("reinit",), at="end"))
    assert {piece.of["arm"] for piece in controls} == {"reinit"}


def test_movement_is_projected_on_the_eigenvectors_of_the_level_before():
    _, line = lines_of(movement(trained(), levels=(2,), arms=("ticket",), vectors=4, images=50))
    assert line["of"] == TICKET._asdict()
    before, end = trained().end(Key(1, 1, "ticket")), trained().end(TICKET)
    subject = trained().subject(TICKET, before, 50)
    values, vectors, kept = eigenvalues(subject, *subject.images())
    names = [name for name, _ in subject.template.named_parameters()]
    flat = {
        which: torch.cat([(of.get(n, torch.ones_like(end.state[n]))).double().flatten() for n in names]).numpy()[kept]
        for which, of in (("end", end.state), ("before", before.state), ("mask", end.mask))
    }
    moved = (flat["end"] - flat["before"]) * flat["mask"]
    top = vectors[:, np.argsort(-np.abs(values))[:4]]
    np.testing.assert_allclose(line["values"]["shares"], np.cumsum((moved @ top) ** 2) / (moved @ moved), rtol=1e-3)
    wanted = np.cumsum((top[flat["mask"] == 1] ** 2).sum(0)) / flat["mask"].sum()
    np.testing.assert_allclose(line["values"]["chances"], wanted, rtol=1e-3)
    assert line["values"]["length"] == pytest.approx(np.linalg.norm(moved), rel=1e-5)
    assert line["values"]["parameters"] == flat["mask"].sum() < len(kept)


def test_more_directions_than_parameters_are_refused():
    (first, *_) = movement(trained(), vectors=5000)
    with pytest.raises(LotteryError, match=r"there are \d+ parameters: set `vectors` below that"):
        first.find()


def test_the_basin_is_left_along_the_weights_that_the_level_removed():
    *_, piece = basin(trained(), levels=(2,), arms=("ticket",), points=4, images=200, rise=0.05)
    (line,) = lines_of([piece])
    assert (line["of"], line["values"]["alpha"]) == (TICKET._asdict(), [0, 0.5, 1, 1.5, 2])
    before, end = trained().end(Key(1, 1, "ticket")), trained().end(TICKET)
    subject = trained().subject(TICKET, end, 200)
    images, labels = subject.images()
    for share, loss in zip(line["values"]["alpha"], line["values"]["loss"], strict=True):
        # Kept weights are the ticket's; all others those of the level before, of which its mask keeps more.
        state = {
            name: torch.where(end.mask[name], value, share * before.state[name]) if name in end.mask else value
            for name, value in end.state.items()
        }
        assert loss == pytest.approx(F.cross_entropy(functional_call(subject.template, state, images), labels).item())
    assert line["values"]["random_loss"][0] == pytest.approx(line["values"]["loss"][0])
    assert line["values"]["random_loss"][2] != line["values"]["loss"][2]
    removed = sum(int((before.mask[name] & ~mask).sum()) for name, mask in end.mask.items())
    assert line["values"]["removed"] == removed
    assert line["values"]["length"] > 0


def test_in_a_basin_running_statistics_are_those_of_each_point(tmp_path):
    """A network's own statistics, kept, are no other network's: losses are torch's, whose statistics are made anew."""
    model = {"name": "resnet", "depth": 8, "width": 2}
    run = carry_out(tiny(model=model, replicates=1, pruning={"iterations": 1}, train__length="10it"), tmp_path)
    own = Trained(run, lambda run: prepare(run.config))
    key = Key(0, 1, "ticket")
    (line,) = lines_of(basin(own, points=2, draws=1, images=501))
    before, end = own.end(Key(0, 0, "dense")), own.end(key)
    images, labels = own.subject(key, end, 501).images()
    for share, loss in zip(line["values"]["alpha"], line["values"]["loss"], strict=True):
        module = copy.deepcopy(own.setting.template)
        removed = {name: (share * ~mask) * before.state[name] for name, mask in end.mask.items()}
        module.load_state_dict({name: value + removed.get(name, 0) for name, value in end.state.items()})
        update_bn(images[:500].split(250), module)
        with torch.no_grad():
            assert loss == pytest.approx(F.cross_entropy(module.eval()(images), labels).item(), rel=1e-4)
    assert line["values"]["recomputed_over"] == 500
    assert "statistics are recomputed at each point over 500 images" in SHOWN_BASIN([line]).meaning
