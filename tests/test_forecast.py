"""What a study will cost: the numbers, worked out by hand, and how they are drawn."""

import io
from collections import Counter
from dataclasses import replace

import pytest
from conftest import one_thread, plan, tiny
from rich.console import Console

from lottery.crews.jobs import Job, OutOfMemory, Timed
from lottery.errors import LotteryError
from lottery.networks import masks
from lottery.reporting.tables import forecast_table
from lottery.studies.askings import askings, how_often
from lottery.studies.forecast import forecast
from lottery.studies.kinds import KINDS
from lottery.studies.layout import choose
from lottery.studies.prepare import prepare
from lottery.studies.prune import Prune
from lottery.studies.timing import time_chunk, timed
from lottery.training.loop import Trainer

WEIGHTS, BIASES = 64 * 16 + 16 * 10, 16 + 10


@pytest.fixture
def found():
    setting = prepare(tiny(pruning__rewind="12it", execution="looped", workers=1))
    return forecast(setting, Prune(setting).levels)


def test_numbers(found):
    assert (found.weights, found.flops) == (WEIGHTS, 2 * WEIGHTS)
    assert [level.steps for level in found.levels] == [60, 192, 192]
    flops = [found.training_flops(level) for level in found.levels]
    assert flops == [3 * 2 * WEIGHTS * 32 * steps for steps in (60, 192, 192)]
    assert found.layout.startswith("looped, one member at a time in one process")
    state = 4 * (WEIGHTS + BIASES)
    assert found.passing == 8 * 6 * state  # weights and two slots of each network of the largest level, twice
    assert 18 * (state + WEIGHTS) < found.kept < 18 * (state + WEIGHTS) + 4 * state + 100_000


def test_the_table(found):
    console = Console(width=120, file=io.StringIO())
    console.print(forecast_table(found))
    text = console.file.getvalue()
    for words in ("(1,184 prunable weights, 2,368 FLOPs an image) on digits, on cpu", "masks cover 1,184 of"):
        assert words in text
    rows = [[cell.strip() for cell in line.split("│")[1:-1]] for line in text.splitlines() if line.startswith("│")]
    arms = "ticket, reinit, random, shuffle"  # two replicates of each
    assert rows == [
        ["0", "100.0", "2", "dense", "30", "1.36e+07"],
        ["1", "50.0", "8", arms, "18 or 30", "4.36e+07"],
        ["2", "25.0", "8", arms, "18 or 30", "4.36e+07"],
    ]
    assert "18 networks, 444 steps of training in all, 1.01e+08 FLOPs of dense products; disk " in text
    assert text.splitlines()[3].startswith("┏")


def timing_of(study, **changes):
    """What a tiny study is forecast to take, all of whose chunks cost the same in each hand."""
    setting = prepare(tiny(execution="looped", **changes))
    return timed(KINDS[study](setting), plan(setting, study), choose(setting, 2)[0])


@pytest.fixture
def costs(monkeypatch):
    """A chunk costs 1 second to begin with, 0.1 a step, 2 an evaluation, and 3 a move; nothing is trained."""
    asked = []

    def time_chunk(setting, job, stop):
        asked.append(job)
        yield Timed(1.0, 0.1, 2.0, 3.0)

    monkeypatch.setattr("lottery.studies.timing.time_chunk", time_chunk)
    monkeypatch.setattr("lottery.studies.timing.time.perf_counter", lambda: 0.0)
    return asked


def test_times_by_hand(costs):
    """30 steps, evaluated at 0, 10, 20, 30: 1 + 3 + 8 = 12 s; from step 12 on, at 12, 20, 30: 1 + 1.8 + 6 = 8.8 s."""
    found = timing_of("prune", pruning__rewind="12it", pruning__arms=["reinit", "random"])
    assert found.levels == pytest.approx({0: 24.0, 1: 2 * (8.8 + 12 + 12), 2: 2 * (8.8 + 12 + 12)})
    assert found.seconds == pytest.approx(24 + 4 * 32.8)
    assert [job.members[0].key[1:3] for job in costs] == [(0, "dense"), (1, "reinit")], "once for each kind"
    mask = costs[1].networks[0].mask
    assert masks.density(mask) == pytest.approx(0.5, abs=0.01)


def test_times_of_masks_that_move(costs):
    """Every 5 steps up to step 22: at 5, 10, 15, 20. Each density is timed, and once more the dense networks."""
    topology = {"name": "set", "interval": "5it", "end": "22it"}
    sparse = {"density": [0.2, 0.1], "topology": topology, "dense": True}
    found = timing_of("train", sparse=sparse)
    assert found.levels == pytest.approx({0: 24.0, 1: 2 * (12 + 4 * 3), 2: 2 * (12 + 4 * 3)})
    assert len(costs) == 3


@pytest.mark.parametrize("execution", ["looped", "stacked"])
def test_timing_trains_some_steps_and_writes_nothing(execution, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("lottery.studies.timing._SECONDS", 0.0)
    made = []
    advance = Trainer.advance
    monkeypatch.setattr(Trainer, "advance", lambda self, to: made.append((self.step, to)) or advance(self, to))
    setting = prepare(tiny(execution=execution, pruning__rewind="12it"))
    study = Prune(setting)
    found = timed(study, study.levels, choose(setting, 6)[0])
    assert set(found.levels) == {0, 1, 2}
    assert all(seconds > 0 for seconds in found.levels.values())
    assert made[:2] == [(0, 3), (3, 6)]
    assert {first for first, _ in made} == {0, 3}, "masks of dense networks and of controls, which start anew"
    assert not [*tmp_path.iterdir()]


def test_side_by_side(costs, monkeypatch):
    """Two hands begin two chunks at a time: 24 s of dense training take 12; of each kind two are timed at once."""
    begun = []  # here: the processes count for themselves
    monkeypatch.setattr("lottery.studies.timing.Job", lambda *given: begun.append(given) or Job(*given))
    setting = prepare(tiny(execution="looped", workers=2, pruning__arms=[], pruning__iterations=1))
    study = Prune(setting)
    layout = replace(choose(setting, 2)[0], workers=2, threads=1)
    with one_thread():
        found = timed(study, study.levels, layout)
    assert found.levels == pytest.approx({0: 12.0, 1: 12.0})
    assert len(begun) == 2 + 2


def test_steps_are_counted_as_they_were_made(monkeypatch):
    """A quarter of a second each: 3, 3, 6, 12, and of the next 24 the 6 that are left."""
    clock = [0.0]

    def advance(trainer, to):
        clock[0] += (to - trainer.step) / 4
        trainer.step = to

    monkeypatch.setattr(Trainer, "advance", advance)
    monkeypatch.setattr("lottery.studies.timing.time.perf_counter", lambda: clock[0])
    monkeypatch.setattr("lottery.studies.timing._SECONDS", 100.0)
    assert timing_of("train").levels == pytest.approx({0: 2 * 30 / 4})


def test_memory_that_does_not_suffice(monkeypatch):
    def time_chunk(setting, job, stop):
        yield OutOfMemory("can't allocate memory")

    monkeypatch.setattr("lottery.studies.timing.time_chunk", time_chunk)
    with pytest.raises(LotteryError, match="memory doesn't suffice for 1 members"):
        timing_of("train")


def test_the_command_line_tells_the_time(lottery, config_file, tmp_path, costs):
    before = sorted(tmp_path.rglob("*"))
    result = lottery("prune", config_file, "--dry-run", "--time")
    assert result.code == 0
    assert "time: about " in result.out
    assert "in all, by a few steps and an evaluation of 2 kinds of chunks" in result.out
    assert "nothing is written" in result.err
    assert sorted(tmp_path.rglob("*")) == before
    refused = lottery("train", config_file, "--time")
    assert (refused.code, len(refused.err.splitlines())) == (2, 1)
    assert "--time goes with --dry-run" in refused.err


PROBES = [{"name": "hessian", "every": "20it"}, {"name": "gradient_flow", "every": "7it", "images": 50}]


@pytest.mark.parametrize(
    "changes",
    [
        {"pruning__rewind": "12it"},
        {"sparse": {"density": [0.2], "topology": {"name": "set", "interval": "5it", "end": "50%"}}},
        {"sparse": {"density": [0.5, 0.2], "topology": {"name": "gradual", "interval": "4it", "end": "75%"}}},
    ],
)
def test_probes_are_counted_as_they_are_asked(changes):
    setting = prepare(tiny(probes=PROBES, **changes))
    for level in plan(setting, "train" if "sparse" in changes else "prune"):
        for member in level.members:
            each = {*askings(setting, member, member.recipe.stop)}
            each |= {(probe["name"], member.recipe.stop, "step") for probe in PROBES}
            assert how_often(setting, member) == Counter(name for name, _, _ in each)


def test_the_forecast_has_probes_and_analyses():
    """Level 0: 2 networks at 0, 20, 30; and at 0, 7, 14, 21, 28, 30."""
    setting = prepare(tiny(probes=PROBES, analyses=["distance"]))
    console = Console(width=120, file=io.StringIO())
    console.print(forecast_table(forecast(setting, plan(setting, "train"))))
    text = console.file.getvalue()
    assert "probe hessian: asked 6 times, over 256 training images" in text
    assert "probe gradient_flow: asked 12 times, over 50 training images" in text
    assert "analyses, once all is trained: distance" in text


def test_probes_take_their_time(costs, monkeypatch):
    """A chunk of 12 s (see above), and 4 times 5 s of a probe that is asked at 0, 10, 20, 30."""
    asked = [{"name": "weights", "every": "10it"}]
    without = timing_of("train", workers=1).seconds
    monkeypatch.setattr(
        "lottery.studies.timing.time_chunk", lambda *given: iter([Timed(1.0, 0.1, 2.0, 3.0, {"weights": 5.0})])
    )
    found = timing_of("train", workers=1, probes=asked)
    assert found.seconds == pytest.approx(without + without / 12 * 4 * 5)
    assert "each probe" in found.how


def test_each_probe_is_timed(monkeypatch):
    monkeypatch.setattr("lottery.studies.timing._SECONDS", 0.0)
    setting = prepare(tiny(probes=PROBES, execution="looped", replicates=1))
    (level,) = plan(setting, "train")
    job = Job(level.members[:1], [setting.dense(setting.initial(0))], "looped", [], None)
    (found,) = time_chunk(setting, job, lambda: False)
    assert set(found.probes) == {"hessian", "gradient_flow"}
    assert found.probes["hessian"] > 0
