"""Networks in a plane: points of a square come out as one, planted distances come back, nothing depends on order."""

import numpy as np
import pytest
import torch
from scipy.spatial.distance import cdist
from scipy.stats import ortho_group

from lottery.analyses.map_ import SHOWN, map_
from lottery.errors import LotteryError
from lottery.explaining import plane as module
from lottery.explaining.plane import distances, plane
from lottery.explaining.retrained import called, is_retrained
from lottery.explaining.trained import Trained
from lottery.networks.key import Key
from lottery.store.findings import ANALYSED
from lottery.studies.prepare import prepare

SQUARE = np.array([[0.0, 0.0], [1.0, 0.0], [1.0, 1.0], [0.0, 1.0]])


def apart(places):
    return cdist(places, places)


def test_a_square_is_a_square():
    """Somewhere in fifty dimensions, turned anyhow; the first corner at the origin, the second to its right."""
    hidden = np.hstack([3 * SQUARE, np.zeros((4, 48))]) @ ortho_group.rvs(50, random_state=0) + 7
    places, stress = plane(apart(hidden))
    assert places == pytest.approx(3 * SQUARE, abs=1e-6)
    assert stress == pytest.approx(0, abs=1e-8)


def test_what_a_plane_can_not_show_is_said():
    """Of four corners as far from each other as a tetrahedron's, majorization gives a square: stress by its formula."""
    equal = 1 - np.eye(4)
    places, stress = plane(equal)
    errors = apart(places) - equal
    assert stress == pytest.approx(np.sqrt((errors**2).sum() / 12))
    best = min(
        np.sqrt(4 * (a - 1) ** 2 + 2 * (np.sqrt(2) * a - 1) ** 2) / np.sqrt(6) for a in np.linspace(0.5, 1.5, 10_001)
    )
    assert stress == pytest.approx(best, rel=1e-4)


def test_the_order_of_points_decides_nothing():
    hidden = np.random.default_rng(0).normal(size=(12, 6))
    first, stress = plane(apart(hidden))
    order = np.random.default_rng(1).permutation(12)
    again, same = plane(apart(hidden[order]))
    assert same == pytest.approx(stress, rel=1e-6)
    assert apart(again) == pytest.approx(apart(first)[np.ix_(order, order)], abs=1e-3)


def test_few_points_or_points_in_one_place_have_a_map():
    for count in (1, 2, 3):
        places, stress = plane(np.zeros((count, count)))
        assert (places == 0).all()
        assert stress == 0
    assert plane(np.array([[0.0, 2.0], [2.0, 0.0]]))[0] == pytest.approx(np.array([[0, 0], [2, 0]]))


def test_distances_are_those_of_scipy_in_blocks_too(monkeypatch):
    points = torch.randn(7, 1000, generator=torch.Generator().manual_seed(0))
    points[3] = points[2] + 1e-4  # as near as copies are
    points[5] = points[0]
    asked = []
    reads = [lambda place=place: asked.append(place) or points[place] for place in range(7)]
    wanted = cdist(points.double(), points.double())
    assert distances(reads) == pytest.approx(wanted, rel=1e-4, abs=1e-5)
    assert asked == [0, *range(7)]
    monkeypatch.setattr(module, "_BYTES", 2 * 3 * 4000)
    monkeypatch.setattr(module, "_WEIGHTS", 64)
    assert distances(reads) == pytest.approx(wanted, rel=1e-4, abs=1e-5)


def opened(run):
    return Trained(run, lambda run: prepare(run.config))


def flat(state, names):
    return torch.cat([state[name].flatten() for name in names]).double().numpy()


def test_a_runs_map_has_the_distances_of_its_files(finished):
    trained = opened(finished)
    pieces = list(map_(trained, levels=(), arms=(), networks=300))
    assert [dict(piece.of) for piece in pieces] == [{"replicate": 0, "networks": 9}, {"replicate": 1, "networks": 9}]
    found = pieces[1].find()
    names = list(trained.setting.shapes)
    whats = list(zip(found["what"], found["level"], found["arm"], strict=True))
    # Initialization, nine ends, as many starts but the dense one's, pruning solutions of two levels.
    assert [what for what, _, _ in whats] == ["initialization", *["end"] * 9, *["start"] * 8, *["solution"] * 2]

    initial = flat(finished.read_state(Key(1, 0, "dense"), 0), names)
    end = flat(finished.read_weights(Key(1, 2, "ticket")), names)
    mask = finished.read_mask(Key(1, 2, "ticket"))
    kept = torch.cat([mask[name].flatten() for name in names]).numpy()
    pruned = flat(finished.read_weights(Key(1, 1, "ticket")), names) * kept
    place = whats.index(("end", 2, "ticket"))
    assert whats[found["origin"][place]] == ("start", 2, "ticket")
    assert found["to_initial"][place] == pytest.approx(np.linalg.norm(end - initial), rel=1e-6)
    assert found["to_start"][place] == pytest.approx(np.linalg.norm(end - initial * kept), rel=1e-6)
    assert found["to_solution"][place] == pytest.approx(np.linalg.norm(end - pruned), rel=1e-6)
    assert found["to_solution"][1] is None
    assert found["origin"][1] == 0


def test_retrained_networks_are_called_after_what_they_started_from(finished, monkeypatch):
    trained = opened(finished)
    ticket, control = Key(0, 1, "ticket"), Key(0, 1, "reinit")
    assert (called(trained, ticket), called(trained, control)) == ("ticket", "reinit")
    assert is_retrained(trained, ticket)
    assert not is_retrained(trained, Key(0, 0, "dense"))
    asked = {"level": 1, "to": 0, "weights": "pruned", "mask": "shuffle"}
    record = finished.record | {"rewind": asked, "parent": "nowhere", "parent_id": "none"}
    monkeypatch.setattr(type(finished), "record", record)
    assert called(trained, ticket) == "ticket, weights pruned, mask shuffle"
    assert not is_retrained(trained, ticket)  # its parent can't be read: the rest can be found
    asked |= {"weights": "rewind", "mask": "keep"}
    assert called(trained, Key(0, 1, "sparse")) == "ticket"


def test_too_many_networks_for_a_map_are_refused_with_the_remedy(finished):
    with pytest.raises(LotteryError, match="--set networks=9"):
        next(map_(opened(finished), levels=(), arms=(), networks=8))
    (piece, _) = map_(opened(finished), levels=(0, 2), arms=("dense", "ticket"), networks=8)
    assert piece.of["networks"] == 2


def values(end, stress=0.1):
    """A ticket that starts 5 from where its mask was pruned from and ends so far from it."""
    return {
        "stress": stress, "what": ["initialization", "end", "start", "solution"], "level": [1] * 4,
        "arm": ["ticket"] * 4, "order": [0] * 4, "density": [0.05] * 4, "origin": [None, 2, None, None],
        "x": [0.0, 3.0, 1.0, 4.0], "y": [0.0, 0.0, 1.0, 2.0], "to_initial": [0.0, 3.0, 1.5, 4.5],
        "to_start": [None, 2.5, None, None], "to_solution": [6.0, end, 5.0, 0.0],
    }  # fmt: skip


def line(end, **of):
    return {"options": {}, "of": {"replicate": 0, "networks": 1} | of, "values": values(end), "seconds": 0.1}


def test_the_map_has_a_ring_where_training_starts_and_a_disc_where_it_ends():
    exhibit = SHOWN(ANALYSED.validate_python([line(1.0), line(3.0, replicate=1), line(99.0, networks=0)]))
    assert [chart.name for chart in exhibit.charts] == ["replicate-0", "replicate-1"]
    start, end, solution = exhibit.charts[0].spots
    assert (start.at, start.towards, start.hollow) == ((1.0, 1.0), (3.0, 0.0), True)
    assert (end.at, end.towards, end.hollow, end.place) == ((3.0, 0.0), None, False, start.place)
    assert (solution.at, solution.label, solution.place) == ((4.0, 2.0), "pruning solution", 1)
    assert exhibit.table.rows == [["level 1, ticket", "5.00", "2.50 ± 0.00", "5.00 ± 0.00", "2 ± 13", "3.00 ± 0.00"]]
    assert exhibit.answers[0].startswith("ticket, at 5 % of the weights, goes 2.50 ± 0.00 (L2) and ends 2 ± 13 from")
    assert "10.00 ± 0.00 %" in exhibit.answers[1]
